"""What a deed does with each of its records, through the functions of the command."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from ml_connector import clock
from ml_connector.deeds.deed_ledger import DeedLedger, DeedStack
from ml_connector.deeds.refusals import FAILED, REFUSALS, why
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Problem, Review
from ml_connector.domain.ids import Actor, RecordKey
from ml_connector.domain.open_groups import GroupId, digests_in, divisions_of
from ml_connector.domain.people import name_of
from ml_connector.domain.records import DeedFacts, DeedResult, OrderDecision, OrderFacts
from ml_connector.exceptions.decisions import assign, comment, decide, dismiss
from ml_connector.exceptions.possible_duplicates import adopt, not_a_duplicate
from ml_connector.exceptions.retry import messages_of, retry
from ml_connector.infrastructure.aws_faults import is_of_aws
from ml_connector.infrastructure.ledger import AnyRecord
from ml_connector.infrastructure.record_codec import NewerDataError
from ml_connector.purchase_orders.preview import preview
from ml_connector.records import lookup as records
from ml_connector.telemetry import logger
from ml_connector.user_errors import UserError

_GOES_ON = frozenset({"post", "adopt", "amend", "keep"})
_GONE = "not open any more"


@dataclass(frozen=True)
class Acts:
    """A deed that acts on its records, one after the other.

    `is_again`: a worker has begun this part before, and came to no end; `is_last`: it is not begun
    again.
    """

    stack: DeedStack
    ledger: DeedLedger
    facts: DeedFacts
    is_again: bool = False
    is_last: bool = False

    def on(self, key: str) -> DeedResult:
        """Return what came of one record; raises only AWS's own errors, and none at the last.

        Of a record that the person may not see, nothing is said.
        """
        title = name_in(key)
        try:
            record = self.ledger.read(RecordKey(key))
            if not self._sees(record):
                return DeedResult(key, title, _GONE)
            title = records.title(record)
            return self._result(record)
        except NewerDataError as error:
            return DeedResult(key, title, why(Review([_newer(key, error)])))
        except REFUSALS as error:
            return DeedResult(key, title, why(error))
        except Exception as error:
            if is_of_aws(error) and not self.is_last:
                raise
            logger().exception("a deed failed", connection=self.ledger.id, record=key)
            return DeedResult(key, title, FAILED)

    def _sees(self, record: AnyRecord) -> bool:
        """Return whether who sees the group sees the record: its divisions are the record's."""
        of_group = set(self.facts.divisions)
        is_known = bool(self.facts.code or of_group)
        return is_known and of_group <= set(divisions_of(record.key, record.facts))

    def _result(self, record: AnyRecord) -> DeedResult:
        title = records.title(record)
        if self.facts.refused:
            return DeedResult(record.key, title, self.facts.refused)
        is_done = self.is_again and self.ledger.has_changed(record.key)
        if not digests_in(GroupId(self.facts.group), record.key, record.facts):
            return DeedResult(record.key, title, "" if is_done else self._closed_by(record))
        if not is_done:
            return _DOERS[self.facts.deed](self, record)
        if self.facts.deed == "dismiss":  # perhaps not every one of its exceptions
            return _dismiss(self, record)
        if self.facts.deed in _QUEUES:  # perhaps it was not queued
            for message in messages_of(self.stack.services.inbox_of(self.ledger.id), record):
                self.stack.send(message, f"{self.stack.deed}")
        return DeedResult(record.key, title)

    def _closed_by(self, record: AnyRecord) -> str:
        """Return why nothing is to be done any more; empty when the deed's own rule has done it."""
        return _decided_by(record) or ("" if self.facts.for_all else _GONE)


def name_in(key: str) -> str:
    """Return what the key of a record names, for a record that is not shown."""
    return key.partition("#")[2] or key


def _newer(key: str, error: NewerDataError) -> Problem:
    return problem("RECORD_IS_NEWER", key, "why", why=str(error))


def _decided_by(record: AnyRecord) -> str:
    """Return who has decided meanwhile, empty when nobody has."""
    facts = record.facts
    said = [(each.at, each.by) for each in facts.dismissed.values()]
    if isinstance(facts, OrderFacts):
        said += [(each.at, each.by) for each in facts.decisions]
        said += [(facts.aside.at, facts.aside.by)] if facts.aside else []
    if not said:
        return ""
    at, by = max(said)
    return f"decided meanwhile by {name_of(by)}, {at:%Y-%m-%d %H:%M} UTC"


def _decide(acts: Acts, record: AnyRecord) -> DeedResult:
    facts = acts.facts
    if facts.for_all:
        return _retry(acts, record)
    if not facts.airbase or not facts.exact:
        raise UserError("choose what it stands for in Exact")
    what = (facts.kind, facts.airbase, facts.exact)
    decide(acts.stack, Actor(facts.by), acts.ledger.id, record.key, *what)
    return DeedResult(record.key, records.title(record))


def _retry(acts: Acts, record: AnyRecord) -> DeedResult:
    retry(acts.stack, Actor(acts.facts.by), acts.ledger.id, record.key)
    return DeedResult(record.key, records.title(record))


def _dismiss(acts: Acts, record: AnyRecord) -> DeedResult:
    actor, reason = Actor(acts.facts.by), acts.facts.reason
    for digest in digests_in(GroupId(acts.facts.group), record.key, record.facts):
        dismiss(acts.stack, actor, acts.ledger.id, record.key, reason, digest=digest)
    return DeedResult(record.key, records.title(record))


def _not_duplicate(acts: Acts, record: AnyRecord) -> DeedResult:
    not_a_duplicate(acts.stack, Actor(acts.facts.by), acts.ledger.id, record.key)
    return DeedResult(record.key, records.title(record))


def _adopt(acts: Acts, record: AnyRecord) -> DeedResult:
    facts = acts.facts
    if len(facts.records) != 1:
        raise UserError("an order in Exact is taken over for one order at a time")
    adopt(acts.stack, Actor(facts.by), acts.ledger.id, record.key, facts.exact)
    return DeedResult(record.key, records.title(record))


def _assign(acts: Acts, record: AnyRecord) -> DeedResult:
    facts = acts.facts
    assign(acts.stack, Actor(facts.by), acts.ledger.id, record.key, facts.reason or None)
    return DeedResult(record.key, records.title(record))


def _comment(acts: Acts, record: AnyRecord) -> DeedResult:
    facts = acts.facts
    comment(acts.stack, Actor(facts.by), acts.ledger.id, record.key, facts.reason)
    return DeedResult(record.key, records.title(record))


def _snoozed(_: Acts, record: AnyRecord) -> DeedResult:
    return DeedResult(record.key, records.title(record))


def _try(acts: Acts, record: AnyRecord) -> DeedResult:
    """Preview the order as it would be decided, by the posting's own code; nothing is written."""
    title, facts = records.title(record), acts.facts
    order, services = records.order_facts(record), acts.stack.services.of(acts.ledger.id)
    if services is None or not order.fingerprint:
        raise UserError("only an order that was read in Airbase can be tried")
    made = OrderDecision(
        facts.kind, facts.airbase, facts.exact, order.fingerprint, Actor(facts.by), clock.now()
    )
    decided = replace(record, facts=replace(order, decisions=(*order.decisions, made)))
    after = preview(services, decided if facts.exact else record, by_hand=True)
    shown = ""
    if len(facts.records) == 1:
        now = preview(services, record, by_hand=True)
        shown = json.dumps({"now": now.as_dict(), "after": after.as_dict()}, ensure_ascii=False)
    if after.action in _GOES_ON:
        return DeedResult(record.key, title, shown=shown)
    reasons = [each.cause for each in after.problems]
    reasons += [after.waiting.cause] if after.waiting else []
    return DeedResult(record.key, title, next(iter(reasons), after.action), shown)


_QUEUES = frozenset({"decide", "retry", "not_duplicate"})
"""Deeds after which a worker has to process the record."""

_DOERS: dict[str, Callable[[Acts, AnyRecord], DeedResult]] = {
    "decide": _decide,
    "retry": _retry,
    "dismiss": _dismiss,
    "not_duplicate": _not_duplicate,
    "adopt": _adopt,
    "assign": _assign,
    "comment": _comment,
    "snooze": _snoozed,
    "try": _try,
}
