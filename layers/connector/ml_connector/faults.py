"""What can go wrong, named by what the queue must do about it.

`Later`: transient, look again then. `Review`: a person decides, the message is done.
`Halt`: the whole connection (or one of its divisions) stops until it is repaired.
Any other exception is a bug: it is redriven and ends in the dead-letter queue with its trace.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ml_connector.ids import Division


@dataclass(frozen=True)
class Problem:
    """One thing a person has to look at.

    `code` is stable and documented in docs/exceptions.md; `record` names the record in the
    user's own words ("PO-1043, line 2"); `cause` says what happened; `remedy` what to do next.
    `candidates` are proposals, best first; `evidence` holds field values, never secrets.
    """

    code: str
    record: str
    cause: str
    remedy: str
    candidates: Sequence[Mapping[str, str]] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form, as kept in the ledger and the audit trail."""
        return {
            "code": self.code,
            "record": self.record,
            "cause": self.cause,
            "remedy": self.remedy,
            "candidates": [dict(c) for c in self.candidates],
            "evidence": dict(self.evidence),
        }

    def __str__(self) -> str:
        """Return one line for logs and terminals."""
        return f"{self.code}: {self.record}: {self.cause} {self.remedy}"


class Fault(Exception):
    """Base of the faults this system knows how to handle."""


class Later(Fault):
    """Transient: nothing is wrong with the record, look again at `until` (aware UTC).

    `outcome_unknown` is set when a write was sent and may have been committed remotely:
    whoever repeats it must look first.
    """

    def __init__(
        self, code: str, until: datetime, cause: str, *, outcome_unknown: bool = False
    ) -> None:
        """Name the stable `code`, the moment to look again and the cause in one sentence."""
        super().__init__(f"{code}: {cause} (again at {until.isoformat()})")
        self.code = code
        self.until = until
        self.cause = cause
        self.outcome_unknown = outcome_unknown


class Review(Fault):
    """A person has to decide: record the problems as open exceptions and acknowledge."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Carry at least one problem."""
        super().__init__("; ".join(str(p) for p in problems))
        self.problems = tuple(problems)


class Halt(Fault):
    """Stop the connection, or only `division` of it, with one exception for all its records."""

    def __init__(self, problem: Problem, division: Division | None = None) -> None:
        """Carry the one problem that stops everything."""
        super().__init__(str(problem))
        self.problem = problem
        self.division = division
