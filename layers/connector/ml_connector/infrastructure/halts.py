"""The halts of a connection: exceptions that stop it or one of its divisions, until lifted.

They are facts of the connection's own record, so each is announced and audited as it is written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from ml_connector import clock
from ml_connector.domain.faults import Problem
from ml_connector.domain.ids import Division, parse_division_key
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

    def stop(self, problem: Problem, division: Division | None = None) -> None:
        """Stop the connection or one division with an exception; repeating it changes nothing.

        Raises `Conflict` when other workers keep changing the connection's record.
        """
        # A lost consent stops all workers at once.
        despite_conflicts(lambda: self._stop(problem, self._where(division)))

    def lift_all(self, division: Division | None = None) -> None:
        """Lift the halts of the connection (and all its divisions), or of one division, by hand.

        Those that a person has to decide about (`LIFTED_BY_PEOPLE`) stay.
        """
        only = None if division is None else self._where(division)
        halts = {
            where: found.code
            for where, found in self.all().items()
            if found.code not in LIFTED_BY_PEOPLE and only in (None, where)
        }
        self.lift(halts, by_hand=True)

    def lift(self, halts: Mapping[str, str], *, by_hand: bool = False) -> bool:
        """Lift the halts with these codes ("" or the key of a division to code).

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
        self._ledger.write(record.now(state, facts), "continued", detail=_named(over))
        return True

    def all(self) -> Mapping[str, HaltProblem]:
        """Return the exceptions that stop the connection (under "") or its divisions, by key."""
        return self._ledger.connection().facts.halts

    def is_stopped(self, division: Division | None = None) -> bool:
        """Return whether the connection, or this division of it, is stopped."""
        halts = self.all()
        return "" in halts or self._where(division) in halts

    def _where(self, division: Division | None) -> str:
        """Return under which key the division is stopped, or the whole connection."""
        return self._ledger.division_key(division) if division else ""

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
            detail=_named([where]) | {"problem": problem.as_dict()},
        )


def _named(keys: Sequence[str]) -> dict[str, str]:
    """Return how the audit trail names divisions and their site; "" stands for all of them."""
    named = [parse_division_key(key) for key in keys if key]
    sites = dict.fromkeys(site for site, _ in named if site)
    divisions = {"division": ", ".join(str(division) for _, division in named)}
    return {"site": ", ".join(sites), **divisions} if sites else divisions


def _lifted(halts: Mapping[str, HaltProblem], over: Sequence[str]) -> dict[str, LiftedHalt]:
    now = clock.now()
    return {where: LiftedHalt(halts[where].code, now, halts[where].times) for where in over}


def _times(record: ConnectionRecord, code: str, where: str) -> int:
    """Return how often in a row the halt has come back within a day of being lifted."""
    before = record.facts.lifted.get(where)
    if not before or before.code != code:
        return 0
    return before.times + 1 if clock.now() - before.at < _RECURS_WITHIN else 0
