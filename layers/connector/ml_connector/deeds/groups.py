"""What people ask for about a group of exceptions: parked for a moment, then done record by record.

The deed is a record of its own (`deed#<id>`), so it is audited, done once however often it is asked
for, and can be taken back until it acts. The page sends it on after ten seconds, or else the sweep
does. A trial acts at once and changes nothing.

A worker notes in the deed that it takes a part of it. If it comes to no end, the sweep has the part
done again, a few times at most, record by record; `DeedLedger` knows what was done before.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from ml_connector import clock
from ml_connector.deeds import rules
from ml_connector.deeds.deed_ledger import DeedLedger, DeedStack
from ml_connector.deeds.refusals import FAILED, REFUSALS, why
from ml_connector.deeds.results import Acts, name_in
from ml_connector.deeds.worker_stack import WorkerStack
from ml_connector.domain.ids import Actor
from ml_connector.domain.open_groups import GroupId
from ml_connector.domain.orders.decided import ASKED
from ml_connector.domain.people import name_of, person_of
from ml_connector.domain.records import WAITING_DEEDS, DeedFacts, DeedResult, DeedState
from ml_connector.infrastructure.aws_faults import is_of_aws
from ml_connector.infrastructure.ledger import Conflict, Ledger, Record
from ml_connector.infrastructure.record_codec import is_record_key
from ml_connector.messages.kinds import PersonDeed
from ml_connector.messages.sending import LONGEST_CHAIN, deed_again
from ml_connector.records.tracked_record import MOST_RECEIVES
from ml_connector.telemetry import logger
from ml_connector.user_errors import UserError

ACTS_AFTER = timedelta(seconds=10)
LONGEST_SNOOZE = timedelta(days=14)
LONGEST = timedelta(days=1)
"""So long after a deed was to act, what is left of it is given up."""
_AT_ONCE, _MOST = 40, 5_000
_LIVES = timedelta(seconds=60)
"""How long a worker has a deed; then another may take it. The function's own limit."""
_TURN = timedelta(seconds=20)
"""After so long a worker begins with no other record."""
_TOO_LATE = "It was not done within a day. Ask for it again."

DeedRecord = Record[DeedFacts]


def handle(stack: WorkerStack, actor: Actor, deed: PersonDeed) -> None:
    """Do what a message about a deed asks for; raises `NewerDataError` for one of a newer version.

    Whatever goes wrong once it acts is logged, and repeated by the sweep.
    """
    ledger = stack.ledger_of(actor, deed.connection)
    record: DeedRecord = ledger.read(deed.record)
    if deed.deed == "undo":
        if record.state == DeedState.PARKED and not (record.receives or record.facts.done):
            ledger.write(record.now(DeedState.UNDONE), "undone")
    elif record.version:
        was_ended = deed.receives and record.receives
        if not was_ended:  # or else the sweep has it done again, and the queue is not held up
            _go_on(stack, record, deed.chain or 0)
    elif deed.deed != "go":
        _park(stack, ledger, actor, record, deed)


def _park(
    stack: WorkerStack, ledger: Ledger, actor: Actor, record: DeedRecord, deed: PersonDeed
) -> None:
    """Store what is asked for, with the records that it is about as they are now."""
    id = GroupId(deed.group or "")
    group = ledger.groups.get(id)
    given = [each for each in deed.records or () if is_record_key(each)]
    members = [] if given else [each.record for each in ledger.groups.members(id, "", _MOST)]
    chosen = tuple(dict.fromkeys([*given, *members]))
    now, is_trial = clock.now(), deed.deed == "try"
    matter = group.matter if group else None
    facts = DeedFacts(
        title=matter.code if matter else "",
        deed=deed.deed,
        by=actor,
        group=id,
        divisions=matter.divisions if matter else deed.divisions or (),
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
        open_since=min((each.opened_at for each in group.oldest), default="") if group else "",
        acts_from=now if is_trial else now + ACTS_AFTER,
        begun=deed.deed not in _BEGIN,
    )
    if deed.deed == "decide":
        before = rules.mapped_now(stack.services.of(ledger.id), facts)
        facts = replace(facts, before=before)
    parked = replace(
        record.now(DeedState.PARKED, facts), due_at=facts.acts_from, parked=WAITING_DEEDS
    )
    stored = ledger.write(parked, "asked")
    if is_trial:
        _go_on(stack, stored, 0)


def _go_on(stack: WorkerStack, record: DeedRecord, chain: int) -> None:
    """Do the next part of a deed whose time has come, in the name of who asked for it."""
    if not _may_act(record):
        return
    ledger = stack.ledger_of(Actor(record.facts.by), record.connection)
    try:
        part = _Part(stack, ledger, _took(ledger, record))
        part.do()
    except Conflict:  # another worker has it
        return
    except Exception:  # noqa: BLE001  the sweep repeats it
        logger().exception("a deed was interrupted", connection=ledger.id, deed=record.key)
        return
    person = person_of(record.facts.by)
    if part.record.state == DeedState.PARKED and person and chain < LONGEST_CHAIN:
        message = deed_again(record.connection, record.key, person, chain + 1)
        stack.send(message, f"{len(part.facts.left)} left")


def _may_act(record: DeedRecord) -> bool:
    facts, now = record.facts, clock.now()
    is_early = facts.acts_from is not None and now < facts.acts_from
    has_worker = bool(record.receives and record.due_at and now < record.due_at)
    return record.state == DeedState.PARKED and not (is_early or has_worker)


def _took(ledger: Ledger, record: DeedRecord) -> DeedRecord:
    """Note that a worker takes it; raises `Conflict` when another does."""
    until = clock.now() + _LIVES
    return _kept(ledger, replace(record, receives=record.receives + 1, due_at=until))


def _kept(ledger: Ledger, record: DeedRecord) -> DeedRecord:
    """Store how far it has come; the entry of its end says all of it."""
    return ledger.save_unaudited(replace(record, parked=WAITING_DEEDS))


@dataclass
class _Part:
    """What one worker does of a deed; `record` as it has stored it last."""

    stack: WorkerStack
    ledger: Ledger
    record: DeedRecord

    def __post_init__(self) -> None:
        self.facts = self.record.facts
        self._receives = self.record.receives
        self._deeds = DeedStack(self.stack.services, self.record.key)
        self._acting = self._deeds.ledger_of(Actor(self.facts.by), self.record.connection)

    def do(self) -> None:
        """Do it and store what came of it; raises AWS's own errors, and `Conflict`."""
        self._give_up()
        if not self.facts.begun:
            self._begin()
        began = clock.now()
        for key in self.facts.left[:_AT_ONCE]:
            self._did(self._acts.on(key))
            if clock.now() - began > _TURN:
                break
        if self.facts.left:
            kept = replace(self.record, facts=self.facts, receives=0, due_at=clock.now())
            self.record = _kept(self.ledger, kept)
        else:
            done = self.record.now(DeedState.DONE, self.facts)
            self.record = self.ledger.write(done, "done")

    @property
    def _is_again(self) -> bool:
        return self._receives > 1

    @property
    def _is_last(self) -> bool:
        return self._receives >= MOST_RECEIVES

    @property
    def _acts(self) -> Acts:
        return Acts(self._deeds, self._acting, self.facts, self._is_again, self._is_last)

    def _give_up(self) -> None:
        """Do without what no worker comes to an end with, or with all of it after too long."""
        facts = self.facts
        if facts.acts_from and clock.now() > facts.acts_from + LONGEST:
            self.facts = replace(facts, begun=True, refused=facts.refused or _TOO_LATE)
        elif self._receives > MOST_RECEIVES and not facts.begun:
            self.facts = replace(facts, begun=True, refused=FAILED)
        elif self._receives > MOST_RECEIVES and facts.left:
            self._did(DeedResult(facts.left[0], name_in(facts.left[0]), FAILED))

    def _begin(self) -> None:
        """Do once what is not about single records: a rule, or a snooze."""
        refused = ""
        try:
            _BEGIN[self.facts.deed](self._deeds, self._acting, self.facts)
        except REFUSALS as error:
            refused = why(error)
        except Exception as error:
            if is_of_aws(error) and not self._is_last:
                raise
            logger().exception("a deed failed", connection=self.ledger.id, deed=self.record.key)
            refused = FAILED
        self.facts = replace(self.facts, begun=True, refused=refused)
        self._keep()

    def _did(self, result: DeedResult) -> None:
        facts = self.facts
        self.facts = replace(facts, done=(*facts.done, result), left=facts.left[1:])
        if self._is_again:  # a worker that does not survive the next one leaves it as the first
            self._keep()

    def _keep(self) -> None:
        self.record = _kept(self.ledger, replace(self.record, facts=self.facts, receives=1))


def _snooze(_: DeedStack, ledger: Ledger, facts: DeedFacts) -> None:
    days = int(facts.reason) if facts.reason.isdecimal() else 0
    if not 0 < days <= LONGEST_SNOOZE.days:
        raise UserError(f"snooze for 1 to {LONGEST_SNOOZE.days} days")
    acts_from = facts.acts_from or clock.now()
    until, asked_at = acts_from + timedelta(days=days), acts_from - ACTS_AFTER
    ledger.groups.snooze(GroupId(facts.group), until, name_of(facts.by), asked_at)


_BEGIN: dict[str, Callable[[DeedStack, DeedLedger, DeedFacts], None]] = {
    "decide": rules.begin,
    "snooze": _snooze,
}
"""What is done once, before the records."""
