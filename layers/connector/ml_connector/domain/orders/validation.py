"""Collect everything that prevents an order from being posted, in words for a person."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Problem, ReadPart, Review
from ml_connector.domain.orders.decided import Decided
from ml_connector.domain.orders.order import Order
from ml_connector.domain.orders.reference_data import DivisionData
from ml_connector.settings.connection import Connection, ExactDivision


class Problems:
    """The problems of one order, collected while it is mapped; each is listed once."""

    def __init__(self, record: str) -> None:
        """Collect problems of the order with the title `record`."""
        self._record = record
        self._found: dict[str, Problem] = {}

    def add(
        self,
        code: str,
        /,
        candidates: Sequence[Mapping[str, str]] = (),
        where: str = "",
        **evidence: Any,
    ) -> None:
        """Note a problem of the order, or of `where` in it ("line 2").

        `evidence` also fills in the texts of the code.
        """
        record = f"{self._record}, {where}" if where else self._record
        found = problem(code, record, candidates=candidates, evidence=evidence, **evidence)
        self._found.setdefault(repr(found), found)

    def raise_if_any(self) -> None:
        """Raise `Review` with all that was found."""
        if self._found:
            raise self.as_review()

    def as_review(self, read: ReadPart | None = None) -> Review:
        """Return the fault that carries all that was found, and what was `read` of the order."""
        return Review(list(self._found.values()), read)


class MappingContext(Struct, frozen=True):
    """What mapping one order for one division needs, and where problems are reported."""

    order: Order
    connection: Connection
    division: ExactDivision
    division_data: DivisionData
    problems: Problems
    decided: Decided = field(default_factory=dict)
    """What a person has said for this order alone: it goes before what is mapped."""
    used: dict[tuple[str, str], str] = field(default_factory=dict)
    """The mappings and the link that were used: what an Airbase value, by kind, is in Exact."""

    def mapped(self, kind: str, *keys: str) -> str | None:
        """Return the Exact code for the first key of an Airbase value that is mapped."""
        found = self._find(kind, keys)
        if found is not None:
            self.used[kind, " / ".join(filter(None, keys))] = found
        return found

    def _find(self, kind: str, keys: Sequence[str]) -> str | None:
        for key in keys:
            if (kind, key) in self.decided:
                return self.decided[kind, key]
        mappings = self.division.mappings
        table: Mapping[str, str] = getattr(mappings, kind)
        found = next((table[key] for key in keys if key in table), None)
        if found is None and keys and mappings.rows_of(kind):
            return self.division_data.mapped(kind, keys)
        return found

    def report(
        self,
        code: str,
        /,
        candidates: Sequence[Mapping[str, str]] = (),
        where: str = "",
        **evidence: Any,
    ) -> None:
        """Note a problem of the order, or of `where` in it, in this division."""
        name = f"{self.division.division} {self.division.name}".strip()
        self.problems.add(code, candidates, where, division=name, **evidence)
