"""Decide the next step for an order, from values alone.

The posting protocol: received, fetched, mapped and validated, intent recorded, posted, confirmed.
The worker takes the steps, a preview shows them; neither decides anything itself. The decision
depends only on what both sides hold now, so events that come late, twice or in any order end in
the same state.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ml_connector.domain import unclear_refusals
from ml_connector.domain.exception_codes import delay, problem
from ml_connector.domain.faults import Review
from ml_connector.domain.ids import Division, halting_keys, site_of
from ml_connector.domain.orders.carrier_items import MissingCarrierItem, Prerequisite
from ml_connector.domain.orders.decided import decided
from ml_connector.domain.orders.decision import Decision, WantedOrder, decide
from ml_connector.domain.orders.digest import digest
from ml_connector.domain.orders.edits import is_same
from ml_connector.domain.orders.exact_order import UNTOUCHED, ExactOrder
from ml_connector.domain.orders.known_data import KnownDivisionData
from ml_connector.domain.orders.look_alikes import (
    POSSIBLE_DUPLICATE,
    find_unrecorded,
    only_one,
    refuse_look_alikes,
)
from ml_connector.domain.orders.mapping import (
    MappedOrder,
    asked_mappings,
    elsewhere_for,
    map_order,
    pick_division,
    refuse_contradiction,
)
from ml_connector.domain.orders.marker import your_ref
from ml_connector.domain.orders.order import Order
from ml_connector.domain.orders.outcome import (
    as_approved,
    as_found,
    confirmed,
    intended,
    intent_of,
    recovered,
    report_problem,
    settled,
    unlinked,
    with_approved,
    with_vendor,
)
from ml_connector.domain.orders.questions import (
    AirbaseOrder,
    AnyQuestion,
    HasUsableData,
    Known,
    Lookup,
    MarkedOrders,
    OrderInExact,
    OrdersNear,
    Outcome,
    Standing,
    StreamPosition,
    TurnAtExact,
    UnansweredError,
    WaitForExact,
)
from ml_connector.domain.orders.steps import (
    Adopt,
    Amend,
    Create,
    LeaveAside,
    Move,
    Post,
    Read,
    Refuse,
    Remove,
    Rest,
    Step,
    Wait,
)
from ml_connector.domain.records import (
    HALT_RETRY,
    SETTLE,
    BegunChange,
    Body,
    Elsewhere,
    Intent,
    OrderFacts,
    OrderState,
    posted_facts,
)
from ml_connector.domain.states import ApprovalState
from ml_connector.settings.connection import ExactDivision

_REFRESH_WAIT = timedelta(seconds=60)
_BEFORE_THE_STREAM = 1
"""A cursor from which all of Exact's stream is searched."""


class _TakeFirst(Exception):
    """Another step has to be taken before the one that is being decided."""

    def __init__(self, step: Wait | Create) -> None:
        super().__init__(step)
        self.step = step


def next_step(known: Known) -> Step:
    """Return the next step for the order, given what is known of it.

    Nothing is read and nothing changed; what has to be known first is a step as well (`Read`).
    """
    try:
        return _next_step(known)
    except UnansweredError as unanswered:
        return Read(unanswered.questions)
    except _TakeFirst as first:
        return first.step
    except Review as review:
        return Refuse(review.problems, read=review.read)


def unposted_state(order: Order) -> OrderState:
    """Return the record's state for an order that should not, or no longer, be in Exact."""
    if order.state is ApprovalState.PENDING:
        return OrderState.AWAITING_APPROVAL
    if order.state in {ApprovalState.APPROVED, ApprovalState.OPEN}:
        return OrderState.NOT_AN_ORDER
    return OrderState(order.state.value)


def _next_step(known: Known) -> Step:
    if known.state is OrderState.SET_ASIDE:
        return LeaveAside()
    if known.facts.elsewhere and known.by_hand:
        taken_up = replace(known.facts, elsewhere=None)
        return Move(OrderState.RECEIVED, "taken_up", taken_up)
    _wait_while_halted(known)
    if known.state is OrderState.POSTING:
        return _resolve_intent(known)
    division = _expected_division(known)
    if known.state is not OrderState.POSTED and division:
        _wait_for_exact(known, division)  # before Airbase is called in vain
    order = known.ask(AirbaseOrder())
    if known.facts.exact:
        return _bring_in_line(known, order)
    if order.is_wanted:
        elsewhere = _elsewhere(known, order)
        if elsewhere:
            return _rest_elsewhere(known, order, elsewhere)
        return _post(known, order, _division_to_post(known, order))
    state = unposted_state(order)
    facts = replace(known.facts, order=order.title, problems=(), waiting=None)
    return Move(state, state, facts, is_last=True)


def _wait_while_halted(known: Known, division: Division | None = None) -> None:
    question = Standing(is_fetched=division is not None)
    halts = known.ask(question).halts & {*(halting_keys(division) if division else ("",))}
    if halts:
        until, detail = known.now + HALT_RETRY, "division" if division else "connection"
        later = delay("HALTED", until, detail, division=str(division or ""))
        later.site = None if "" in halts or division is None else site_of(division)
        raise _TakeFirst(Wait(later, question))


def _wait_for_exact(known: Known, division: Division) -> None:
    question = WaitForExact(division)
    if later := known.ask(question):
        raise _TakeFirst(Wait(later, question))


def _wait_for_turn(known: Known, division: Division) -> None:
    if later := known.ask(TurnAtExact(division)):
        raise _TakeFirst(Wait(later))


def _wait_after_refusals(known: Known, of_write: str) -> None:
    """Do not repeat without end what Exact refuses in words that we do not know.

    Raises `Review` with the exception.
    """
    refusals, now = known.facts.refusals, known.now
    later = None if known.by_hand else unclear_refusals.wait(refusals, of_write, now)
    if later:
        raise _TakeFirst(Wait(later))
    found = unclear_refusals.refused_for_good(
        refusals, of_write, now, known.title, by_hand=known.by_hand
    )
    if found:
        raise Review([found])


def created_digest(missing: Sequence[Prerequisite]) -> str:
    """Return the digest of creating these prerequisites."""
    return digest([each.name for each in missing])


def _wait_until_settled(known: Known, intent_or_change: Intent | BegunChange, what: str) -> None:
    """Nothing is read or written while an earlier worker may still be writing."""
    settled_at = intent_or_change.at + SETTLE
    if known.now < settled_at:
        raise _TakeFirst(Wait(delay("OUTCOME_UNKNOWN", settled_at, what)))


# Where an order belongs


def _expected_division(known: Known) -> Division | None:
    """Return the division of the record, unless its subsidiary has been moved from there."""
    facts = known.facts
    if facts.division is None or facts.exact or facts.intent or not facts.subsidiary:
        return facts.division
    settings = known.connection.division(facts.division)
    is_there = settings is not None and not {*facts.subsidiary}.isdisjoint(settings.subsidiaries)
    return facts.division if is_there else None


def _named_division(known: Known, division: Division) -> ExactDivision:
    """Return the settings of the division of an order that is, or may be, in Exact.

    Raises `Review` when the connection names it no more.
    """
    found = known.connection.division(division)
    if found is None:
        raise Review([problem("DIVISION_TAKEN_OUT", known.title, division=division)])
    return found


def _is_of_same_subsidiary(known: Known, order: Order) -> bool:
    """Return whether Airbase names the subsidiary that was approved before.

    Older versions did not record it: then only an order that is still as approved shows it.
    """
    before = known.facts.subsidiary
    if not before:
        return order.fingerprint == known.facts.fingerprint
    return before[0] in order.subsidiary.keys


def _division_to_post(known: Known, order: Order) -> ExactDivision:
    """Return the division in which an order is posted.

    One that was about to be posted stays in the division of its intent, although nothing was found
    there: its subsidiary may have been moved meanwhile, and what was sent may still arrive. So does
    one that may be in Exact already, until a person has said that it is not.
    """
    facts = known.facts
    if _is_of_same_subsidiary(known, order):
        if facts.intent:
            return _named_division(known, facts.intent.division)
        if facts.division and _may_be_entered(facts):
            return _named_division(known, facts.division)
    return pick_division(order, known.connection)


def _may_be_entered(facts: OrderFacts) -> bool:
    """Return whether orders in Exact look like this one, of which no person has said otherwise."""
    alike = [each for each in facts.problems if each.code == POSSIBLE_DUPLICATE]
    shown = {found["id"] for each in alike for found in each.candidates}
    return not shown.issubset(facts.not_duplicates)


def _elsewhere(known: Known, order: Order) -> Elsewhere | None:
    """Return why the order is not posted here, if it is not.

    One that rests goes on only when a person asks for it: somebody else may have taken care of it.
    """
    refuse_contradiction(order, known.connection)
    said = elsewhere_for(order.subsidiary, order.order_date, known.connection)
    return said or known.facts.elsewhere


def _rest_elsewhere(known: Known, order: Order, elsewhere: Elsewhere) -> Step:
    before = known.facts
    facts = replace(
        with_approved(before, order), division=None, intent=None, elsewhere=elsewhere,
        problems=(), waiting=None,
    )  # fmt: skip
    if known.state is OrderState.SERVED_ELSEWHERE and facts == before:
        return Move(known.state, "unchanged", facts, is_last=True) if known.due_at else Rest()
    detail = {"subsidiary": elsewhere.subsidiary, "where": elsewhere.where}
    return Move(OrderState.SERVED_ELSEWHERE, "served_elsewhere", facts, is_last=True, detail=detail)


# An order that may have been posted


def _resolve_intent(known: Known) -> Step:
    """Find out the outcome of an intent: adopt the order if it is in Exact, else go on."""
    intent = intent_of(known.facts)
    _named_division(known, intent.division)
    asked_before = _outcome_of(intent, None)
    question = asked_before if asked_before in known.answers else _outcome_of(intent, intent.at)
    if question not in known.answers:  # asked just before the intent, it had not been sent yet
        _wait_until_settled(known, intent, "attempt")
    found = only_one(known.ask(question), known.title)
    if found is None:
        nothing = {"found": "nothing"}
        return Move(OrderState.RECEIVED, "looked", known.facts, detail=nothing)
    facts = confirmed(known.connection, known.title, known.facts, found, known.now)
    return Adopt(OrderState.POSTED, "adopted", facts)


# An order that is not in Exact


def _post(known: Known, order: Order, division: ExactDivision) -> Step:
    code = division.division
    facts = replace(with_approved(known.facts, order), division=code)
    if facts != known.facts:
        return Move(known.state, "fetched", facts)
    known.need(
        Standing(is_fetched=True),
        HasUsableData(code),
        MarkedOrders(code),
        StreamPosition(code),
    )
    _wait_while_halted(known, code)
    mapped = _mapped(known, order, division)
    body = mapped.body
    if unrecorded := find_unrecorded(known, order, code):
        facts = recovered(known.facts, unrecorded, code, body, known.now)
        return Adopt(OrderState.AMENDING, "found_again", facts, _by(mapped.used))
    refuse_look_alikes(known, order, OrdersNear(code, body["Supplier"], order.order_date))
    intent = _intent(known, order, code, body)
    _wait_after_refusals(known, intent.digest)
    _wait_for_turn(known, code)
    if known.ask(Standing(is_fetched=True)).looks_first:
        question = _outcome_of(intent, None)
        if only_one(known.ask(question), known.title):
            return Move(OrderState.POSTING, "intent", intended(known.facts, intent, body))
    return Post(intent, body, mapped.used)


def _intent(known: Known, order: Order, division: Division, body: Body) -> Intent:
    """Return what finds the order in Exact if the answer to the POST is lost."""
    looks_first = known.ask(Standing(is_fetched=True)).looks_first
    cursor = _BEFORE_THE_STREAM if looks_first else known.ask(StreamPosition(division))
    return Intent(
        division=division,
        your_ref=your_ref(order.number, order.id),
        cursor=cursor,
        at=known.now,
        amount=order.total.amount,
        digest=digest(body),
    )


def _outcome_of(intent: Intent, sent_at: datetime | None) -> Outcome:
    return Outcome(intent.division, intent.your_ref, intent.cursor, sent_at)


def _mapped(known: Known, order: Order, division: ExactDivision) -> MappedOrder:
    """Return what to send, once everything exists that it needs.

    Raises `Review` with everything that is wrong with the order.
    """
    code = division.division
    question: AnyQuestion = HasUsableData(code)
    if not known.ask(question):
        until = known.now + _REFRESH_WAIT
        later = delay("REFERENCE_DATA_OLD", until, "division", division=code)
        raise _TakeFirst(Wait(later))
    mappings = asked_mappings(order, known.connection, division)
    known.need(*(Lookup(code, "mapped", each) for each in mappings))
    division_data = KnownDivisionData(known, code)
    try:
        mapped = map_order(
            order, known.connection, division, division_data, decided(known.facts, order)
        )
    except Review:
        division_data.refuse_if_unanswered()  # then it does not count
        raise
    division_data.refuse_if_unanswered()
    if mapped.missing:
        _refuse_created(known, mapped.missing)
        _wait_after_refusals(known, created_digest(mapped.missing))
        raise _TakeFirst(Create(division, mapped.missing))
    return mapped


def _refuse_created(known: Known, missing: Sequence[Prerequisite]) -> None:
    """Raise `Review` when a carrier item is missing although it was just created or found."""
    unusable = [
        problem("CREATED_ITEM_UNUSABLE", known.title, "account", account=each.gl_account.code)
        for each in missing
        if isinstance(each, MissingCarrierItem) and each.name in known.created
    ]
    if unusable:
        raise Review(unusable)


# An order that is in Exact


def _bring_in_line(known: Known, order: Order) -> Step:
    """Bring the order in Exact in line with what Airbase says now."""
    facts = known.facts
    if order.is_wanted and order.vendor.id != facts.vendor_id:
        # First: an order that waits for its supplier is found by its vendor.
        return Move(known.state, "vendor_changed", with_vendor(facts, order))
    if _is_unchanged(known, order):
        unchanged = Move(known.state, "unchanged", replace(facts, waiting=None), is_last=True)
        return unchanged if known.due_at else Rest()
    _wait_while_halted(known, posted_facts(facts).division)
    if facts.change:
        _wait_until_settled(known, facts.change, "change")
    if order.state is ApprovalState.PENDING and not _is_unresolved(known):
        return _leave_as_approved(known)
    own = _named_division(known, posted_facts(facts).division)
    if order.is_wanted and not _is_of_same_subsidiary(known, order):
        moved_to = _moved_to(known, order)
        if moved_to != own.division:
            return _refuse_other_division(known, order, moved_to)
    mapped = _mapped_anew(known, order)
    wanted = _wanted_order(known, order, mapped)
    found = known.ask(_order_in_exact(known))
    decision = decide(wanted, posted_facts(facts).body, found)
    return _carry_out(known, order, decision, wanted.body, found, mapped)


def _is_unchanged(known: Known, order: Order) -> bool:
    """Exact is not called for a late or repeated event of an unchanged order."""
    facts = known.facts
    if facts.open_problems or facts.is_changed_in_exact:
        return False
    if order.is_wanted:
        return known.state is OrderState.POSTED and order.fingerprint == facts.fingerprint
    return known.state is unposted_state(order)


def _is_unresolved(known: Known) -> bool:
    facts = known.facts
    return bool(facts.open_problems or facts.is_changed_in_exact or facts.change)


def _leave_as_approved(known: Known) -> Step:
    """Leave the order as last approved while a change waits for approval."""
    if known.facts.is_pending and not known.due_at:
        return Rest()
    facts = replace(known.facts, is_pending=True, waiting=None)
    return Move(known.state, "approval_pending", facts, is_last=True)


def _moved_to(known: Known, order: Order) -> str:
    """Return where an order belongs that has another subsidiary than when it was posted."""
    elsewhere = elsewhere_for(order.subsidiary, order.order_date, known.connection)
    return str(elsewhere or pick_division(order, known.connection).division)


def _refuse_other_division(known: Known, order: Order, now: str) -> Step:
    """Post to the other division on request, once the old order is gone from Exact."""
    found = known.ask(_order_in_exact(known))
    if found is None and known.by_hand:
        return _post_anew(known)
    values = {"before": str(posted_facts(known.facts).division), "now": now}
    decision = Decision("report", "DIVISION_CHANGED", detail="divisions", values=values)
    return _report(known, order, decision, found)


def _order_in_exact(known: Known) -> OrderInExact:
    posted = posted_facts(known.facts)
    return OrderInExact(posted.division, posted.exact.id, _is_being_removed(known))


def _is_being_removed(known: Known) -> bool:
    change = known.facts.change
    return change is not None and change.what == "removal"


def _mapped_anew(known: Known, order: Order) -> MappedOrder | None:
    """Return what should be in Exact, mapped as of now; None where nothing is to be mapped.

    An order that people entered stays as it is while Airbase says what it did when it was adopted.
    """
    if not order.is_wanted or order.fingerprint == known.facts.adopted_fingerprint:
        return None
    return _mapped(known, order, _named_division(known, posted_facts(known.facts).division))


def _wanted_order(known: Known, order: Order, mapped: MappedOrder | None) -> WantedOrder:
    state, body = _wanted_state_and_body(known, order, mapped)
    return WantedOrder(
        state=state,
        body=body,
        is_under_way=known.facts.change is not None,
        may_repost=known.by_hand or _is_being_removed(known),
        last_written_amount=posted_facts(known.facts).exact.amount,
        approved_total=order.total.amount if order.is_wanted else None,
        total_includes_vat=known.connection.amounts_include_vat,
        when_cancelled=known.connection.when_cancelled,
        when_closed=known.connection.when_closed,
    )


def _wanted_state_and_body(
    known: Known, order: Order, mapped: MappedOrder | None
) -> tuple[ApprovalState, Body | None]:
    last_written = posted_facts(known.facts).body
    if order.state is ApprovalState.PENDING:  # until it is approved, the last approval counts
        change = known.facts.change
        return ApprovalState.APPROVED, change.body if change else last_written
    if order.is_wanted:
        adopted = known.facts.adopted_as
        if mapped is None or (adopted and is_same(mapped.body, adopted)):
            return order.state, last_written  # it stays as people entered it in Exact
        return order.state, mapped.body
    if order.state in {ApprovalState.APPROVED, ApprovalState.OPEN}:
        return ApprovalState.CANCELLED, None  # it is no longer a purchase order
    return order.state, None


def _carry_out(
    known: Known,
    order: Order,
    decision: Decision,
    body: Body | None,
    found: ExactOrder | None,
    mapped: MappedOrder | None,
) -> Step:
    body = body or posted_facts(known.facts).body
    if decision.action == "report":
        return _report(known, order, decision, found)
    if decision.action == "end":
        return _end(known, order, found)
    if decision.action == "repost":
        return _post_anew(known)
    if decision.action == "remove":
        _wait_after_refusals(known, digest(posted_facts(known.facts).body))
        return Remove(order)
    if found is None:
        raise ValueError(f"{order.title} is not in Exact: it cannot be kept or amended")
    if decision.edits:
        _wait_after_refusals(known, digest(body))
        used = mapped.used if mapped else None
        return Amend(order, decision.edits, body, found, decision.differences, used)
    facts = as_approved(known.connection, known.facts, order, body, found)
    detail = _by(mapped.used) if mapped else None
    return Move(OrderState.POSTED, "as_approved", facts, is_last=True, detail=detail)


def _by(mappings: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Return what an entry of the trail says: by which mappings and link this was decided."""
    return {"mappings": list(mappings)}


def _report(known: Known, order: Order, decision: Decision, found: ExactOrder | None) -> Refuse:
    number = posted_facts(known.facts).exact.number
    found_problem = report_problem(decision, order.title, number)
    return Refuse([found_problem], _before_report(known, found), decision.differences)


def _before_report(known: Known, found: ExactOrder | None) -> Move | None:
    """Return what is recorded before: a change is given up, or how far it has come in Exact."""
    facts = known.facts
    if facts.change:
        given_up = replace(facts, change=None)
        if found:
            body = posted_facts(facts).body
            given_up = replace(as_found(facts, found, body), status=found.status)
        return Move(OrderState.POSTED, "change_given_up", given_up)
    if found and (facts.status or UNTOUCHED) != found.status:
        return Move(known.state, "exact_status", replace(facts, status=found.status))
    return None


def _end(known: Known, order: Order, found: ExactOrder | None) -> Move:
    """End the record: Airbase's order has ended, Exact's is gone, cancelled or complete."""
    ended = replace(settled(known.facts), status=found.status) if found else unlinked(known.facts)
    return Move(unposted_state(order), "ended", ended, is_last=True)


def _post_anew(known: Known) -> Move:
    return Move(OrderState.RECEIVED, "posted_anew", unlinked(known.facts))
