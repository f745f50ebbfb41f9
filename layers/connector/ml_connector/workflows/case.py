"""One record on its way through a workflow: where it stands, and how it is put aside."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from ml_connector import backoff, clock
from ml_connector.doors.ledger import Ledger, Record
from ml_connector.faults import Fault, Halt, Later, Review
from ml_connector.open_exceptions import SET_ASIDE, are_alike

SETTLE = timedelta(seconds=120)
"""A worker lives at most 60 s: after this, no write of an earlier intent is still under way."""

HALTED_AGAIN = timedelta(minutes=15)
_REVIEW_AGAIN = timedelta(hours=24)
_KEPT_EVENTS = 20
# No moment ends these but an event: their records keep their place in the queue until then.
PARKING = ("EXACT_AWAY", "AIRBASE_AWAY", "HALTED")

_IN_EXACT = {"posting", "posted", "amending"}  # an exception does not move such an order

# The remote, or the protocol, has said when: nothing is added to that.
_PACED = {
    "EXACT_MINUTE_LIMIT", "EXACT_DAY_LIMIT", "EXACT_RATE_LIMITED", "EXACT_ERROR_LIMIT",
    "OUTCOME_UNKNOWN", "REFERENCE_DATA_OLD", "TOKEN_BUSY", *PARKING,
}  # fmt: skip


class Case:
    """Holds the record as it is stored; every step is written before the next is taken."""

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
        again_in: timedelta | None = None,
        detail: Mapping[str, Any] | None = None,
        **facts: Any,
    ) -> None:
        """Store a new state with `facts`, audited as `step` with facts and `detail`.

        `again_in`: when the sweep shall look, should this worker not get any further.
        """
        moved = self.record.now(state, **facts)
        if again_in is not None:
            moved = moved.due(clock.now() + again_in)
        self.record = self._ledger.write(moved, step, **facts, **(detail or {}))

    def note_event(self, event: str | None, again_in: timedelta) -> None:
        """Record the webhook that spoke of this record; a known one changes nothing."""
        known = list(self.record.facts.get("events", []))
        if self.record.version and (event is None or event in known):
            return
        state = "received" if self.record.state == "new" else self.record.state
        events = [*known, event][-_KEPT_EVENTS:] if event else known
        self.step(state, "received", again_in, {"event": event}, events=events)

    def close(self, state: str, step: str, *, but: str = "") -> None:
        """Close the exceptions that a later event has made moot, but those of the code `but`."""
        every = self.record.every_problem
        kept = [found for found in every if found["code"] == but]
        if len(kept) < len(every):
            self.step(self.record.state if kept else state, step, problems=kept)

    def stay_aside(self) -> None:
        """Leave an order that a person has set aside; the first that asked for it is audited."""
        if not self.record.facts.get("asked_for"):
            self.step(SET_ASIDE, "left_aside", asked_for=True)
        elif self.record.due_at:
            self.record = self._ledger.postpone(self.record, None)

    def put_aside(self, fault: Fault, again_in: timedelta | None = _REVIEW_AGAIN) -> None:
        """Do with the record what the fault demands; `again_in`: when to try a review again."""
        if self.record.state == SET_ASIDE:
            self.stay_aside()
        elif isinstance(fault, Review):
            self._review(fault, again_in)
        elif isinstance(fault, Halt):
            self._ledger.halt(self.record.connection, fault.problem, fault.division)
            self._wait(Later("HALTED", clock.now() + HALTED_AGAIN, fault.problem.cause))
        elif isinstance(fault, Later):
            self._wait(fault)
        else:
            raise fault

    def _wait(self, later: Later) -> None:
        """Park the record; the same wait over again is not audited over again."""
        before = self.record.facts.get("waiting") or {}
        again = before.get("code") == later.code
        times = before["times"] + 1 if again else 1
        until = later.until
        if later.code not in _PACED:
            until = max(until, clock.now() + backoff.delay(times, base=15, cap=1800))
        facts = {"waiting": {"code": later.code, "times": times}}
        waiting = replace(self.record, facts={**self.record.facts, **facts})
        aside = waiting.park(later.code) if later.code in PARKING else waiting.due(until)
        if again:
            self.record = self._ledger.keep(aside)
        else:
            self.record = self._ledger.write(
                aside,
                "waiting",
                code=later.code,
                until=until.isoformat(),
                cause=later.cause,
            )

    def _review(self, review: Review, again_in: timedelta | None) -> None:
        """Open the exceptions; tried again daily, since what is missing may have been mended."""
        problems = [found.as_dict() for found in review.problems]
        state = state_in_review(self.record)
        if are_alike(self.record.every_problem, problems) and self.record.state == state:
            again = None if again_in is None else clock.now() + again_in
            self.record = self._ledger.postpone(self.record, again)
        else:
            self.step(state, "review", again_in, problems=problems, waiting=None)


def state_in_review(record: Record) -> str:
    """Return the state of a record with exceptions: what may be in Exact stays what it is."""
    return record.state if record.state in _IN_EXACT else "review"
