"""A record that a worker processes: its steps, and what a fault does to it."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, Generic, TypeVar

from ml_connector import clock
from ml_connector.domain.exception_codes import CATALOGUE, delay, problem
from ml_connector.domain.faults import Fault, Halt, Later, Problem, ReadPart, Review
from ml_connector.domain.ids import site_in
from ml_connector.domain.open_exceptions import are_alike
from ml_connector.domain.records import (
    HALT_RETRY,
    SETTLE,
    Facts,
    OrderFacts,
    OrderState,
    Waiting,
)
from ml_connector.infrastructure import backoff
from ml_connector.infrastructure.aws_faults import is_of_aws
from ml_connector.infrastructure.circuit_breaker import AIRBASE, EXACT
from ml_connector.infrastructure.dynamodb import Write
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import Conflict, Ledger, Record, parked_under

AnyFacts = TypeVar("AnyFacts", bound=Facts)

REVIEW_RETRY = timedelta(hours=24)
LONGEST_WAIT = timedelta(hours=24)
"""A record that waits longer is an exception; it is still tried, less often."""
_AFTER_LONG = timedelta(hours=2)  # twelve times a day
MOST_RECEIVES = 5
"""How often a record is taken without coming to an end: as often as a message is delivered."""
GIVEN_UP = MOST_RECEIVES + 1
"""The count of a record that waits for a person, or for the next day."""
_MAX_EVENTS = 20
_MOST_OF_TOO_MANY = 100
"""Exceptions of a record that has more than can be stored."""
HALTED = "HALTED"
# Ended by an event, not by time: their records keep their place in the queue until then.
_PARKING_CODES = {EXACT.away, AIRBASE.away, HALTED}

# An exception does not change the state of such an order.
_IN_EXACT = {OrderState.POSTING, OrderState.POSTED, OrderState.AMENDING}

# The remote, or the protocol, sets the time: no backoff is added.
_FIXED_DELAYS = {
    "EXACT_MINUTE_LIMIT", "EXACT_DAY_LIMIT", "EXACT_RATE_LIMITED", "EXACT_ERROR_LIMIT",
    "EXACT_TURN_TAKEN", "EXACT_CONTRACT_DAY", "EXACT_CONTRACT_READING",
    "OUTCOME_UNKNOWN", "REFERENCE_DATA_OLD", "TOKEN_BUSY", *_PARKING_CODES,
}  # fmt: skip


class TrackedRecord(Generic[AnyFacts]):
    """A stored record; every step is written before the next is taken."""

    def __init__(self, ledger: Ledger, record: Record[AnyFacts]) -> None:
        """Start from the record as read."""
        self._ledger = ledger
        self.record = record

    @property
    def facts(self) -> AnyFacts:
        """Return the facts as stored."""
        return self.record.facts

    @property
    def title(self) -> str:
        """Return what people call this record."""
        return self.facts.title or self.record.key.partition("#")[2]

    @contextmanager
    def taken(
        self, receives: int | None, *, anew: bool = False, lives: timedelta = SETTLE
    ) -> Iterator[bool]:
        """Count that a worker takes the record; tell whether it may.

        It may not once workers came to no end `MOST_RECEIVES` times in a row, because they crashed
        or were killed: then that is an exception. `receives`: how often the message was delivered,
        if not once; `anew`: a person asked for it, or there is news of it; `lives`: how long a
        worker may take. A first receive costs no write: it is stored with the first step, or after
        the crash. A crash is counted and raised; AWS's own errors are not about this record, and
        only raised.
        """
        counted = 0 if anew and not receives else self.record.receives
        if counted >= MOST_RECEIVES:
            if counted == MOST_RECEIVES:
                self.give_up(self._failure("killed"))
            yield False
            return
        count = max(counted + 1, 2 if receives else 1)
        self.record = replace(self.record, receives=count)
        if count > 1 and self.record.version:
            self.record = self._ledger.save_unaudited(self.record.due(clock.now() + lives))
        try:
            yield True
        except Conflict:
            raise
        except Exception as error:
            if not is_of_aws(error):
                self._note_crash(count, error, lives)
            raise
        if count > 1:
            self._settle()

    def give_up(self, failure: Problem) -> None:
        """Open the exception of a record that was taken too often; messages leave it from now on.

        The sweep takes it up again a day later (`due_records`), and a person at any time.
        """
        self.apply_fault(Review([failure]))
        self.record = self._ledger.save_unaudited(replace(self.record, receives=GIVEN_UP))

    def _failure(self, detail: str, error: str = "") -> Problem:
        key = self.record.key
        name = self.title if key.startswith("order#") else key
        return problem(
            "PROCESSING_FAILED", self.title, detail, times=MOST_RECEIVES, error=error,
            connection=self.record.connection, record=shlex.quote(name),
        )  # fmt: skip

    def _note_crash(self, count: int, error: Exception, lives: timedelta) -> None:
        """Store the receive that ended in a crash; with the last, open the exception."""
        self.record = self._ledger.read(self.record.key)
        counted = replace(self.record, receives=count).due(clock.now() + lives)
        if count >= MOST_RECEIVES:
            self.give_up(self._failure("crash", _in_short(error)))
        elif counted.version:
            self.record = self._ledger.save_unaudited(counted)
        else:
            self.record = self._ledger.write(counted, "failed", detail={"error": _in_short(error)})

    def _settle(self) -> None:
        """Forget the receives of a record that nothing was to be done about."""
        self.record = self._ledger.read(self.record.key)
        if 0 < self.record.receives < GIVEN_UP:
            self.record = self._ledger.save_unaudited(replace(self.record, receives=0).due(None))

    def step(
        self,
        state: str,
        step: str,
        facts: AnyFacts | None = None,
        *,
        retry_in: timedelta | None = None,
        detail: Mapping[str, Any] | None = None,
        also: Sequence[Write] = (),
    ) -> None:
        """Store a new state with `facts`, audited as `step` with what changed and `detail`.

        `retry_in`: when the sweep queues it again if this worker gets no further. `also` is
        written in the same transaction.
        """
        moved = self.record.now(state, facts)
        if retry_in is not None:
            moved = moved.due(clock.now() + retry_in)
        if retry_in == SETTLE:  # the worker goes on
            moved = replace(moved, receives=self.record.receives)
        self.record = self._ledger.write(moved, step, also=also, detail=detail)

    def close_exceptions(self, state: str, step: str) -> None:
        """Close the exceptions that a later event has resolved."""
        if self.facts.problems:
            self.step(state, step, replace(self.facts, problems=()))

    def apply_fault(self, fault: Fault, retry_in: timedelta | None = REVIEW_RETRY) -> None:
        """Halt, delay or review the record; `retry_in`: when to retry a review."""
        if isinstance(fault, Review):
            self._review(fault, retry_in)
        elif isinstance(fault, Halt):
            Halts(self._ledger).stop(fault.problem, fault.scope)
            until = clock.now() + HALT_RETRY
            later = delay(HALTED, until, "reason", reason=fault.problem.cause)
            later.site = site_in(fault.scope)
            self._wait(later)
        elif isinstance(fault, Later):
            self._wait(fault)
        else:
            raise fault

    def state_in_review(self) -> str:
        """Return the state that the record has while it has exceptions."""
        return "review"

    def facts_in_review(self, review: Review) -> AnyFacts:  # noqa: ARG002  an order's differ
        """Return the facts that the record has while it has the exceptions of `review`."""
        return self.facts

    def _wait(self, later: Later) -> None:
        """Park or postpone the record; a repeated delay is not audited again."""
        before, now = self.facts.waiting or Waiting(""), clock.now()
        is_repeated = before.code == later.code
        times, since = before.times + 1 if is_repeated else 1, before.since or now
        until = later.until
        if later.code not in _FIXED_DELAYS:
            until = max(until, now + backoff.delay(times, base=15, cap=1800))
        facts = replace(self.facts, waiting=Waiting(later.code, times, since))
        waiting = replace(self.record, facts=facts, receives=0)
        if later.code in _PARKING_CODES:
            delayed = waiting.park(parked_under(later.code, later.site))
        elif now - since < LONGEST_WAIT:
            delayed = waiting.due(until)
        else:
            delayed = self._waiting_too_long(facts, later).due(max(until, now + _AFTER_LONG))
        if is_repeated and delayed.problems == self.record.problems:
            self.record = self._ledger.save_unaudited(delayed)
        else:
            detail = {"code": later.code, "until": until.isoformat(), "cause": later.cause}
            self.record = self._ledger.write(delayed, "waiting", detail=detail)

    def _waiting_too_long(self, facts: AnyFacts, later: Later) -> Record[AnyFacts]:
        """Return the record with an exception that says since when it waits, and for what."""
        since = facts.waiting.since if facts.waiting else None
        found = problem(
            "WAITS_TOO_LONG", self.title, "reason",
            since=f"{since:%Y-%m-%d %H:%M} UTC", reason=CATALOGUE[later.code].cause,
            connection=self.record.connection,
            evidence={"code": later.code, "cause": later.cause},
        )  # fmt: skip
        others = (each for each in facts.problems if each.code != found.code)
        return self.record.now(self.record.state, replace(facts, problems=(*others, found)))

    def _review(self, review: Review, retry_in: timedelta | None) -> None:
        """Open the exceptions; retried daily, since the cause may have been repaired."""
        state, facts = self.state_in_review(), self.facts_in_review(review)
        is_known = are_alike(facts.problems, review.problems) and facts == self.facts
        if is_known and self.record.state == state:
            due_at = None if retry_in is None else clock.now() + retry_in
            self.record = self._ledger.postpone(replace(self.record, receives=0), due_at)
            return
        try:
            facts = replace(facts, problems=review.problems, waiting=None)
            self.step(state, "review", facts, retry_in=retry_in)
        except Review as too_large:
            if len(review.problems) <= _MOST_OF_TOO_MANY:
                raise
            shown = (*review.problems[: _MOST_OF_TOO_MANY - 1], *too_large.problems)
            self._review(Review(shown, review.read), retry_in)


class TrackedOrder(TrackedRecord[OrderFacts]):
    """The record of an order that a worker processes."""

    def is_news(self, event: str | None) -> bool:
        """Return whether this webhook about the order is not recorded yet."""
        return event is not None and event not in self.facts.events

    def note_event(self, event: str | None, retry_in: timedelta) -> None:
        """Record a webhook about this order; a known one changes nothing."""
        known = self.facts.events
        if self.record.version and not self.is_news(event):
            return
        is_new = self.record.state == OrderState.NEW
        state = OrderState.RECEIVED if is_new else self.record.state
        facts = replace(self.facts, events=(*known, event)[-_MAX_EVENTS:] if event else known)
        self.step(state, "received", facts, retry_in=retry_in, detail={"event": event})

    def leave_set_aside(self) -> None:
        """Leave an order that was set aside; the first request for it is audited."""
        if not self.facts.asked_for:
            self.step(OrderState.SET_ASIDE, "left_aside", replace(self.facts, asked_for=True))
        elif self.record.due_at:
            self.record = self._ledger.postpone(replace(self.record, receives=0), None)

    def apply_fault(self, fault: Fault, retry_in: timedelta | None = REVIEW_RETRY) -> None:
        """See `TrackedRecord.apply_fault`; an order that was set aside stays so."""
        if self.record.state == OrderState.SET_ASIDE:
            self.leave_set_aside()
        else:
            super().apply_fault(fault, retry_in)

    def state_in_review(self) -> str:
        """Return the state of an order with exceptions: that of one in Exact is kept."""
        return state_in_review(self.record.state)

    def keep_read(self, read: ReadPart) -> None:
        """Store what lists show of an order that a worker has failed over: it may fail again."""
        facts = self._facts_with(read)
        if facts != self.facts:
            self.step(self.record.state, "read", facts, retry_in=SETTLE)

    def facts_in_review(self, review: Review) -> OrderFacts:
        """Return the facts with what was read of the order; those of one in Exact are kept."""
        return self._facts_with(review.read)

    def _facts_with(self, part: ReadPart) -> OrderFacts:
        if self.facts.exact:
            return self.facts
        read = {name: text for name, text in part._asdict().items() if text}
        if "vendor" in read:  # nothing of another vendor stays
            emptied = replace(self.facts, vendor_id="", vendor_name="", vendor_code="")
            return replace(emptied, **read)
        return replace(self.facts, **read)


def _in_short(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def state_in_review(state: str) -> str:
    """Return the state of an order with exceptions: that of one in Exact is kept."""
    return state if state in _IN_EXACT else OrderState.REVIEW
