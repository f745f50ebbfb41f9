"""What people ask for about a group of exceptions: parked for a moment, then done record by record.

The deed is a record of its own (`deed#<id>`), so it is audited, done once however often it is asked
for, and can be taken back until it acts. The page sends it on after ten seconds, or else the sweep
does. A trial acts at once and changes nothing.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

from ml_connector import clock
from ml_connector import record_lookup as records
from ml_connector.domain.faults import Fault, Halt, Later
from ml_connector.domain.ids import Actor, Division, RecordKey, VendorId
from ml_connector.domain.open_groups import GroupId, digests_in
from ml_connector.domain.orders.decided import ASKED, ONLY_ORDERS
from ml_connector.domain.people import name_of, person_of
from ml_connector.domain.records import DeedFacts, DeedResult, DeedState, OrderDecision, OrderFacts
from ml_connector.exceptions.decisions import assign, comment, decide, dismiss
from ml_connector.exceptions.possible_duplicates import adopt, not_a_duplicate
from ml_connector.exceptions.retry import retry
from ml_connector.infrastructure.ledger import AnyRecord, Conflict, Ledger, Record
from ml_connector.infrastructure.record_codec import is_record_key
from ml_connector.mapping.import_export import set_one
from ml_connector.message_bodies import PersonDeed
from ml_connector.messages import deed_again
from ml_connector.purchase_orders.preview import preview
from ml_connector.services import Services
from ml_connector.stack import RecordStack
from ml_connector.user_errors import UserError
from ml_connector.vendors.review import decisions as vendor_decisions

ACTS_AFTER = timedelta(seconds=10)
LONGEST_SNOOZE = timedelta(days=14)
_AT_ONCE, _MOST = 40, 5_000
_GOES_ON = frozenset({"post", "adopt", "amend", "keep"})

DeedRecord = Record[DeedFacts]


def handle(stack: RecordStack, actor: Actor, deed: PersonDeed) -> None:
    """Do what a message about a deed asks for."""
    ledger = stack.ledger_of(actor, deed.connection)
    record: DeedRecord = ledger.read(deed.record)
    if deed.deed == "undo":
        if record.state == DeedState.PARKED and not record.facts.done:
            ledger.write(record.now(DeedState.UNDONE), "undone")
    elif record.version:
        _go_on(stack, record)
    elif deed.deed != "go":
        _park(stack, ledger, actor, record, deed)


def _park(
    stack: RecordStack, ledger: Ledger, actor: Actor, record: DeedRecord, deed: PersonDeed
) -> None:
    """Store what is asked for, with the records that it is about as they are now."""
    id = GroupId(deed.group or "")
    group = ledger.groups.get(id)
    given = tuple(each for each in deed.records or () if is_record_key(each))
    chosen = given or tuple(each.record for each in ledger.groups.members(id, "", _MOST))
    now, is_trial = clock.now(), deed.deed == "try"
    matter = group.matter if group else None
    facts = DeedFacts(
        title=matter.code if matter else "",
        deed=deed.deed,
        by=actor,
        group=id,
        divisions=matter.divisions if matter else (),
        records=chosen,
        left=chosen,
        code=matter.code if matter else "",
        cause=matter.cause if matter else "",
        vendor=matter.vendor if matter else "",
        kind=ASKED.get(matter.code, "") if matter else "",
        airbase=matter.airbase if matter else "",
        exact=deed.exact or "",
        for_all=deed.for_all,
        reason=deed.reason or "",
        acts_from=now if is_trial else now + ACTS_AFTER,
    )
    stored = ledger.write(record.now(DeedState.PARKED, facts).due(facts.acts_from), "asked")
    if is_trial:
        _go_on(stack, stored)


def _go_on(stack: RecordStack, record: DeedRecord) -> None:
    """Do the next part of a deed whose time has come, in the name of who asked for it."""
    facts = record.facts
    if record.state != DeedState.PARKED or (facts.acts_from and clock.now() < facts.acts_from):
        return
    ledger = stack.ledger_of(Actor(facts.by), record.connection)
    try:
        done = [*facts.done, *_first(stack, ledger, facts), *_results(stack, ledger, facts)]
        left = facts.left[_AT_ONCE:]
    except (UserError, Fault, Conflict) as error:
        done, left = [*facts.done, *_none(ledger, facts.left, str(error))], ()
    after = replace(facts, done=tuple(done), left=left)
    if not left:
        ledger.write(record.now(DeedState.DONE, after), "done")
        return
    ledger.write(record.now(DeedState.PARKED, after).due(clock.now()), "went_on")
    if person := person_of(facts.by):
        stack.send(deed_again(record.connection, record.key, person), f"{len(left)} left")


def _first(stack: RecordStack, ledger: Ledger, facts: DeedFacts) -> Iterator[DeedResult]:
    """Do once what is not about single records: a rule, or a snooze."""
    if facts.deed == "snooze":
        yield from _snooze(ledger, facts)
    elif facts.deed == "decide" and facts.for_all and not facts.done:
        _make_rule(stack, ledger, facts)


def _make_rule(stack: RecordStack, ledger: Ledger, facts: DeedFacts) -> None:
    """Map the value, or link the vendor: later orders follow."""
    if facts.code in ONLY_ORDERS or len(facts.divisions) != 1 or not facts.airbase:
        raise UserError("this can only be decided for these orders")
    division, actor = Division(facts.divisions[0]), Actor(facts.by)
    if facts.vendor:
        services = stack.services.of(ledger.id)
        if services is None:
            raise UserError(f"there is no connection {ledger.id!r}")
        vendor = VendorId(facts.vendor)
        vendor_decisions.link(services, ledger, division, vendor, facts.exact, facts.reason)
    else:
        set_one(stack, actor, ledger.id, division, facts.kind, facts.airbase, facts.exact)


def _snooze(ledger: Ledger, facts: DeedFacts) -> Iterator[DeedResult]:
    days = int(facts.reason) if facts.reason.isdecimal() else 0
    if not 0 < days <= LONGEST_SNOOZE.days:
        raise UserError(f"snooze for 1 to {LONGEST_SNOOZE.days} days")
    until = clock.now() + timedelta(days=days)
    ledger.groups.snooze(GroupId(facts.group), until, name_of(facts.by))
    yield from ()


def _results(stack: RecordStack, ledger: Ledger, facts: DeedFacts) -> Iterator[DeedResult]:
    for key in facts.left[:_AT_ONCE]:
        record = ledger.read(RecordKey(key))
        title = records.title(record)
        if not digests_in(GroupId(facts.group), record.key, record.facts):
            yield DeedResult(key, title, _decided_by(record))
            continue
        try:
            yield _DOERS[facts.deed](stack, ledger, facts, record)
        except (UserError, Fault, Conflict) as error:
            yield DeedResult(key, title, str(error))


def _none(ledger: Ledger, keys: tuple[str, ...], why: str) -> Iterator[DeedResult]:
    """Yield that nothing was done about any of them."""
    for key in keys:
        yield DeedResult(key, records.title(ledger.read(RecordKey(key))), why)


def _decided_by(record: AnyRecord) -> str:
    """Return why nothing is to be done any more: who has decided meanwhile, if somebody has."""
    facts = record.facts
    said = [(each.at, each.by) for each in facts.dismissed.values()]
    if isinstance(facts, OrderFacts):
        said += [(each.at, each.by) for each in facts.decisions]
        said += [(facts.aside.at, facts.aside.by)] if facts.aside else []
    return f"decided meanwhile by {name_of(max(said)[1])}" if said else "not open any more"


def _decide(stack: RecordStack, ledger: Ledger, facts: DeedFacts, record: AnyRecord) -> DeedResult:
    actor = Actor(facts.by)
    if facts.for_all:
        return _retry(stack, ledger, facts, record)
    if not facts.airbase or not facts.exact:
        raise UserError("choose what it stands for in Exact")
    decide(stack, actor, ledger.id, record.key, facts.kind, facts.airbase, facts.exact)
    return DeedResult(record.key, records.title(record))


def _retry(stack: RecordStack, ledger: Ledger, facts: DeedFacts, record: AnyRecord) -> DeedResult:
    retry(stack, Actor(facts.by), ledger.id, record.key)
    return DeedResult(record.key, records.title(record))


def _dismiss(stack: RecordStack, ledger: Ledger, facts: DeedFacts, record: AnyRecord) -> DeedResult:
    for digest in digests_in(GroupId(facts.group), record.key, record.facts):
        actor = Actor(facts.by)
        dismiss(stack, actor, ledger.id, record.key, facts.reason, digest=digest)
    return DeedResult(record.key, records.title(record))


def _not_duplicate(
    stack: RecordStack, ledger: Ledger, facts: DeedFacts, record: AnyRecord
) -> DeedResult:
    not_a_duplicate(stack, Actor(facts.by), ledger.id, record.key)
    return DeedResult(record.key, records.title(record))


def _adopt(stack: RecordStack, ledger: Ledger, facts: DeedFacts, record: AnyRecord) -> DeedResult:
    if len(facts.records) != 1:
        raise UserError("an order in Exact is taken over for one order at a time")
    adopt(stack, Actor(facts.by), ledger.id, record.key, facts.exact)
    return DeedResult(record.key, records.title(record))


def _assign(stack: RecordStack, ledger: Ledger, facts: DeedFacts, record: AnyRecord) -> DeedResult:
    assign(stack, Actor(facts.by), ledger.id, record.key, facts.reason or None)
    return DeedResult(record.key, records.title(record))


def _comment(stack: RecordStack, ledger: Ledger, facts: DeedFacts, record: AnyRecord) -> DeedResult:
    comment(stack, Actor(facts.by), ledger.id, record.key, facts.reason)
    return DeedResult(record.key, records.title(record))


def _snoozed(_: RecordStack, __: Ledger, ___: DeedFacts, record: AnyRecord) -> DeedResult:
    return DeedResult(record.key, records.title(record))


def _try(services: Services | None, facts: DeedFacts, record: AnyRecord) -> DeedResult:
    """Preview the order as it would be decided, by the posting's own code; nothing is written."""
    title = records.title(record)
    order = records.order_facts(record)
    if services is None or not order.fingerprint:
        raise UserError("only an order that was read in Airbase can be tried")
    made = OrderDecision(
        facts.kind, facts.airbase, facts.exact, order.fingerprint, Actor(facts.by), clock.now()
    )
    decided = replace(record, facts=replace(order, decisions=(*order.decisions, made)))
    try:
        after = preview(services, decided if facts.exact else record, by_hand=True)
    except (Halt, Later) as fault:
        return DeedResult(record.key, title, str(fault))
    shown = ""
    if len(facts.records) == 1:
        now = preview(services, record, by_hand=True)
        shown = json.dumps({"now": now.as_dict(), "after": after.as_dict()}, ensure_ascii=False)
    if after.action in _GOES_ON:
        return DeedResult(record.key, title, shown=shown)
    reasons = [each.cause for each in after.problems]
    reasons += [after.waiting.cause] if after.waiting else []
    return DeedResult(record.key, title, next(iter(reasons), after.action), shown)


_DOERS: dict[str, Callable[[RecordStack, Ledger, DeedFacts, AnyRecord], DeedResult]] = {
    "decide": _decide,
    "retry": _retry,
    "dismiss": _dismiss,
    "not_duplicate": _not_duplicate,
    "adopt": _adopt,
    "assign": _assign,
    "comment": _comment,
    "snooze": _snoozed,
    "try": lambda stack, ledger, *what: _try(stack.services.of(ledger.id), *what),
}
