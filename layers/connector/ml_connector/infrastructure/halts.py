"""The halts of a connection: exceptions that stop it, a site or a division, until lifted.

They are facts of the connection's own record, so each is announced and audited as it is written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from ml_connector import clock
from ml_connector.domain.faults import Problem
from ml_connector.domain.ids import Division, Scope, halting_keys
from ml_connector.domain.records import (
    LIFTED_BY_PEOPLE,
    ConnectionState,
    HaltProblem,
    LiftedHalt,
)
from ml_connector.infrastructure.ledger import ConnectionRecord, Ledger, despite_conflicts

_RECURS_WITHIN = timedelta(hours=24)


class Halts:
    """The halts of the connection of a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        """Read and write them in `ledger`."""
        self._ledger = ledger

    def stop(self, problem: Problem, scope: Scope = None) -> None:
        """Stop the connection, a site or a division; repeating it changes nothing.

        Raises `Conflict` when other workers keep changing the connection's record.
        """
        # A lost consent stops all workers at once.
        despite_conflicts(lambda: self._stop(problem, scope or ""))

    def lift_all(self) -> None:
        """Lift all halts by hand, but those that a person has to decide about."""
        halts = {
            where: found.code
            for where, found in self.all().items()
            if found.code not in LIFTED_BY_PEOPLE
        }
        self.lift(halts, by_hand=True)

    def lift(self, halts: Mapping[str, str], *, by_hand: bool = False) -> bool:
        """Lift the halts with these codes (from what they stop: "" for everything).

        Unless `by_hand`, count how often each came back soon after it was lifted. Return whether
        any was lifted. Raises `Conflict` as `Ledger.write` does.
        """
        record = self._ledger.connection()
        known = record.facts.halts
        kept = {where: halt for where, halt in known.items() if halts.get(where) != halt.code}
        if kept == known:
            return False
        over = sorted(known.keys() - kept.keys())
        lifted = {} if by_hand else {**record.facts.lifted, **_lifted(known, over)}
        facts = replace(record.facts, halts=kept, lifted=lifted)
        state = ConnectionState.HALTED if kept else ConnectionState.ACTIVE
        self._ledger.write(
            record.now(state, facts), "continued", detail={"stopped": ", ".join(filter(None, over))}
        )
        return True

    def all(self) -> Mapping[str, HaltProblem]:
        """Return the halts by what they stop: a division, a site, "" for everything."""
        return self._ledger.connection().facts.halts

    def is_stopped(self, division: Division | None = None) -> bool:
        """Return whether the whole connection, or this division of it, is stopped."""
        keys = halting_keys(division) if division else ("",)
        return not self.all().keys().isdisjoint(keys)

    def _stop(self, problem: Problem, where: str) -> None:
        record = self._ledger.connection()
        known = record.facts.halts.get(where)
        if known and known.code == problem.code:
            return
        halt = HaltProblem(**vars(problem), times=_times(record, problem.code, where))
        facts = replace(record.facts, halts={**record.facts.halts, where: halt})
        self._ledger.write(
            record.now(ConnectionState.HALTED, facts),
            "halted",
            detail={"stopped": where, "problem": problem.as_dict()},
        )


def _lifted(halts: Mapping[str, HaltProblem], over: Sequence[str]) -> dict[str, LiftedHalt]:
    now = clock.now()
    return {where: LiftedHalt(halts[where].code, now, halts[where].times) for where in over}


def _times(record: ConnectionRecord, code: str, where: str) -> int:
    """Return how often in a row the halt has come back within a day of being lifted."""
    before = record.facts.lifted.get(where)
    if not before or before.code != code:
        return 0
    return before.times + 1 if clock.now() - before.at < _RECURS_WITHIN else 0
