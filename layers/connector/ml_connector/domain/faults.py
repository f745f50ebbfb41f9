"""Why work stops, by what the worker must do about it.

`Later`: temporary, try again. `Review`: a person decides, the message is done. `Halt`: the
connection (or one of its divisions) stops until it is repaired. Any other exception is a bug: its
message is redelivered and ends in the dead-letter queue.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from ml_connector.domain.ids import Scope, SiteId
from ml_connector.domain.words import instant


@dataclass(frozen=True)
class Problem:
    """One exception for a person.

    `code` is stable and documented in docs/exceptions.md; `record` is what people call the record
    ("PO-1043, line 2"); `cause` says what happened, `remedy` what to do. `candidates` are
    proposals, best first; `evidence` holds field values, never secrets.
    """

    code: str
    record: str
    cause: str
    remedy: str
    candidates: Sequence[Mapping[str, str]] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Keep candidates in one form, whether they were just found or read back."""
        object.__setattr__(self, "candidates", tuple(dict(each) for each in self.candidates))

    @property
    def digest(self) -> str:
        """Return the problem's identity, from code, record and cause: 16 hexadecimal digits."""
        named = [self.code, self.record, self.cause]
        return sha256(json.dumps(named).encode()).hexdigest()[:16]

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
    """Base of the faults that workers handle."""


@dataclass(frozen=True)
class UnclearAnswer:
    """What a remote answered to a write, in words that we do not know."""

    status: int
    text: str = ""


class Later(Fault):
    """Temporary: nothing is wrong with the record, try again at `until` (aware UTC).

    `outcome_unknown`: a write was sent and may have been committed by the remote, so it must be
    looked up before it is repeated.
    """

    def __init__(
        self, code: str, until: datetime, cause: str, *, outcome_unknown: bool = False
    ) -> None:
        """Take the stable `code`, when to try again, and the cause in one sentence."""
        super().__init__(f"{code}: {cause} (again at {instant(until)})")
        self.code = code
        self.until = until
        self.cause = cause
        self.outcome_unknown = outcome_unknown
        self.answer: UnclearAnswer | None = None
        """What the remote answered, if it did."""
        self.site: SiteId | None = None
        """The Exact site that is away or halted, None for any other delay."""


class ReadPart(NamedTuple):
    """What could be read of an order that is refused, as people read it; empty where nothing."""

    title: str = ""
    vendor: str = ""
    vendor_id: str = ""
    vendor_name: str = ""
    vendor_code: str = ""
    total: str = ""


class Review(Fault):
    """A person has to decide: the problems become open exceptions, the message is done.

    `read` is what was read of an order before it was refused: lists show it.
    """

    def __init__(self, problems: Sequence[Problem], read: ReadPart | None = None) -> None:
        """Take at least one problem."""
        super().__init__("; ".join(str(p) for p in problems))
        self.problems = tuple(problems)
        self.read = read or ReadPart()


class Halt(Fault):
    """Stop the connection, or one site or division of it: one exception for all their records."""

    def __init__(self, problem: Problem, scope: Scope = None) -> None:
        """Take the problem that is the reason, and what it stops."""
        super().__init__(str(problem))
        self.problem = problem
        self.scope = scope
