"""A record that a worker processes: its steps, and what a fault does to it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from ml_connector import backoff, clock
from ml_connector.domain.faults import Fault, Halt, Later, Review
from ml_connector.domain.open_exceptions import SET_ASIDE, are_alike
from ml_connector.infrastructure.ledger import Ledger, Record

SETTLE = timedelta(seconds=120)
"""A worker lives at most 60 s: after this, no write of an earlier intent is in progress."""

HALT_RETRY = timedelta(minutes=15)
_REVIEW_RETRY = timedelta(hours=24)
_MAX_EVENTS = 20
# Ended by an event, not by time: their records keep their place in the queue until then.
PARKING_CODES = ("EXACT_AWAY", "AIRBASE_AWAY", "HALTED")

# An exception does not change the state of such an order.
_IN_EXACT = {"posting", "posted", "amending"}

# The remote, or the protocol, sets the time: no backoff is added.
_FIXED_DELAYS = {
    "EXACT_MINUTE_LIMIT", "EXACT_DAY_LIMIT", "EXACT_RATE_LIMITED", "EXACT_ERROR_LIMIT",
    "OUTCOME_UNKNOWN", "REFERENCE_DATA_OLD", "TOKEN_BUSY", *PARKING_CODES,
}  # fmt: skip


class TrackedRecord:
    """A stored record; every step is written before the next is taken."""

    def __init__(self, ledger: Ledger, record: Record) -> None:
        """Start from the record as read."""
        self._ledger = ledger
        self.record = record

    @property
    def title(self) -> str:
        """Return what people call this record."""
        return str(self.record.facts.get("title") or self.record.key.partition("#")[2])

    def step(
        self,
        state: str,
        step: str,
        retry_in: timedelta | None = None,
        detail: Mapping[str, Any] | None = None,
        **facts: Any,
    ) -> None:
        """Store a new state with `facts`, audited as `step` with facts and `detail`.

        `retry_in`: when the sweep queues it again if this worker gets no further.
        """
        moved = self.record.now(state, **facts)
        if retry_in is not None:
            moved = moved.due(clock.now() + retry_in)
        self.record = self._ledger.write(moved, step, **facts, **(detail or {}))

    def note_event(self, event: str | None, retry_in: timedelta) -> None:
        """Record a webhook about this record; a known one changes nothing."""
        known = list(self.record.facts.get("events", []))
        if self.record.version and (event is None or event in known):
            return
        state = "received" if self.record.state == "new" else self.record.state
        events = [*known, event][-_MAX_EVENTS:] if event else known
        self.step(state, "received", retry_in, {"event": event}, events=events)

    def close_exceptions(self, state: str, step: str, *, but: str = "") -> None:
        """Close the exceptions that a later event has resolved, except those of the code `but`."""
        every = self.record.all_problems
        kept = [found for found in every if found["code"] == but]
        if len(kept) < len(every):
            self.step(self.record.state if kept else state, step, problems=kept)

    def leave_set_aside(self) -> None:
        """Leave an order that was set aside; the first request for it is audited."""
        if not self.record.facts.get("asked_for"):
            self.step(SET_ASIDE, "left_aside", asked_for=True)
        elif self.record.due_at:
            self.record = self._ledger.postpone(self.record, None)

    def apply_fault(self, fault: Fault, retry_in: timedelta | None = _REVIEW_RETRY) -> None:
        """Halt, delay or review the record; `retry_in`: when to retry a review."""
        if self.record.state == SET_ASIDE:
            self.leave_set_aside()
        elif isinstance(fault, Review):
            self._review(fault, retry_in)
        elif isinstance(fault, Halt):
            self._ledger.halt(self.record.connection, fault.problem, fault.division)
            self._wait(Later("HALTED", clock.now() + HALT_RETRY, fault.problem.cause))
        elif isinstance(fault, Later):
            self._wait(fault)
        else:
            raise fault

    def _wait(self, later: Later) -> None:
        """Park or postpone the record; a repeated delay is not audited again."""
        before = self.record.facts.get("waiting") or {}
        is_repeated = before.get("code") == later.code
        times = before["times"] + 1 if is_repeated else 1
        until = later.until
        if later.code not in _FIXED_DELAYS:
            until = max(until, clock.now() + backoff.delay(times, base=15, cap=1800))
        facts = {"waiting": {"code": later.code, "times": times}}
        waiting = replace(self.record, facts={**self.record.facts, **facts})
        delayed = waiting.park(later.code) if later.code in PARKING_CODES else waiting.due(until)
        if is_repeated:
            self.record = self._ledger.save_unaudited(delayed)
        else:
            self.record = self._ledger.write(
                delayed,
                "waiting",
                code=later.code,
                until=until.isoformat(),
                cause=later.cause,
            )

    def _review(self, review: Review, retry_in: timedelta | None) -> None:
        """Open the exceptions; retried daily, since the cause may have been repaired."""
        problems = [found.as_dict() for found in review.problems]
        state = state_in_review(self.record)
        if are_alike(self.record.all_problems, problems) and self.record.state == state:
            due_at = None if retry_in is None else clock.now() + retry_in
            self.record = self._ledger.postpone(self.record, due_at)
        else:
            self.step(state, "review", retry_in, problems=problems, waiting=None)


def state_in_review(record: Record) -> str:
    """Return the state of a record with exceptions: that of an order in Exact is kept."""
    return record.state if record.state in _IN_EXACT else "review"
