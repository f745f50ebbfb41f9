"""The page of a group: its members, and what can be decided about them."""

import secrets
from collections.abc import Mapping, Sequence

from msgspec import Struct

from ml_connector import clock
from ml_connector.domain.console_access import Role
from ml_connector.domain.ids import Division, RecordKey, VendorId
from ml_connector.domain.open_groups import Member, by_id, memberships
from ml_connector.domain.orders.decided import ASKED, ONLY_ORDERS
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.infrastructure.ledger import AnyRecord
from ml_connector.infrastructure.record_codec import NewerDataError, is_record_key
from ml_connector.infrastructure.vendor_links import SupplierProposal
from ml_connector.reference_data.choices import Choice, find_choices, is_certain
from ml_console.console import Console
from ml_console.report_words import evidence_in_words
from ml_console.routes.inbox import Card, find_card
from ml_console.view import page
from ml_console.visits import Visit
from ml_console.web import Answer
from ml_console.words import CHOICES

_MEMBERS = 40
"""So many are on one page: it stays small, however many there are."""
_DAYS = (1, 3, 7, 14)


class Offered(Struct, frozen=True):
    """What may be chosen, and why it is offered."""

    choice: Choice
    why: str = ""


def group(console: Console, visit: Visit) -> Answer:
    """Show the members of a group, page by page, and what can be decided about them."""
    return show(console, visit, find_card(console, visit))


def show(console: Console, visit: Visit, card: Card, missing: str = "") -> Answer:
    """Show a group; `missing` is what a form lacked, which is shown again as it was filled in."""
    form, query = visit.request.form, visit.request.query
    given: Mapping[str, str] = form or query
    after, typed = query.get("after", ""), given.get("q", "")[:100]
    only = _only(console, card, given.get("only", ""))
    groups = console.ledger_of(card.connection).groups
    found = [only] if only else groups.members(card.group.id, after, _MEMBERS + 1)
    role = visit.role_for(card.matter.divisions)
    may_decide = role is not None and role >= Role.CLERK
    offered = _offered(console, visit, card, typed, found) if may_decide else []
    certain = (
        each.choice for each in offered if is_certain(typed or _like(card, found), each.choice)
    )
    asked = ASKED.get(card.matter.code, "") if card.matter.airbase else ""
    return page(
        "group.html",
        visit.texts,
        400 if missing else 200,
        visit=visit,
        card=card,
        only=only,
        members=found[:_MEMBERS],
        is_first=not after,
        next=found[_MEMBERS - 1].place if len(found) > _MEMBERS else "",
        may_decide=may_decide,
        may_rule=role is not None and role >= Role.APPROVER and card.matter.code not in ONLY_ORDERS,
        twins=_twins(console, card, found),
        asked=asked,
        choice_words=CHOICES.get(asked),
        offered=offered,
        chosen=form.get("exact") or next((each.exact for each in certain), ""),
        ticked=visit.request.chosen,
        given=form,
        missing=missing,
        typed=typed,
        once=secrets.token_urlsafe(12),
        days=_DAYS,
    )


def _only(console: Console, card: Card, key: str) -> Member | None:
    """Return the one member that the page is for, None for all of them."""
    record = _read(console, card, key)
    if record is None:
        return None
    found = by_id(memberships(record.key, record.received_at, record.facts))
    return found[card.group.id][1] if card.group.id in found else None


def _offered(
    console: Console, visit: Visit, card: Card, typed: str, members: Sequence[Member]
) -> list[Offered]:
    """Return what may be chosen for the group's Airbase value, in its division.

    For a vendor these are the suppliers that its own page proposes, until somebody searches.
    """
    kind = ASKED.get(card.matter.code)
    if not (kind and card.division and card.matter.airbase):
        return []
    if card.matter.vendor and not typed.strip():
        return _proposed(console, visit, card)
    store = console.reference_of(card.connection, Division(card.division))
    like = _like(card, members)
    return [Offered(each) for each in find_choices(store, kind, typed, like, clock.now().date())]


def _proposed(console: Console, visit: Visit, card: Card) -> list[Offered]:
    division = Division(card.division)
    proposals = console.proposals_of(card.connection)
    proposal = proposals.get(division, VendorId(card.matter.vendor))
    store = console.reference_of(card.connection, division)
    offered = []
    for each in proposal.candidates if proposal else ():
        supplier = store.get("supplier", each.id, Supplier)
        if supplier is None or supplier.is_usable_on(clock.now().date()):
            choice = Choice(each.id, each.code.strip(), each.name)
            offered.append(Offered(choice, _why(visit, proposal, each.score)))
    return offered


def _why(visit: Visit, proposal: SupplierProposal | None, score: float) -> str:
    alike = visit.texts.say("%(percent)s %% alike", percent=round(100 * score))
    evidence = proposal.evidence if proposal and len(proposal.candidates) == 1 else ()
    return ", ".join([alike, *(evidence_in_words(visit.texts, each) for each in evidence)])


def _twins(console: Console, card: Card, members: Sequence[Member]) -> list[dict[str, str]]:
    """Return the orders in Exact that the only order of a group may be the same as."""
    if card.matter.code != "POSSIBLE_DUPLICATE" or len(members) != 1:
        return []
    record = _read(console, card, members[0].record)
    shown = [each for each in record.problems if each.code == card.matter.code] if record else []
    return [dict(each) for problem in shown for each in problem.candidates]


def _read(console: Console, card: Card, key: str) -> AnyRecord | None:
    if not is_record_key(key):
        return None
    try:
        return console.ledger_of(card.connection).read(RecordKey(key))
    except NewerDataError:
        return None


def _like(card: Card, members: Sequence[Member]) -> str:
    """Return by which words a choice is looked for as long as nobody has typed any."""
    if ASKED.get(card.matter.code) == "suppliers" and members:
        return members[0].vendor
    if card.matter.code in ONLY_ORDERS:
        return ""
    return card.matter.airbase
