"""What lies on the desk while an order is planned: the order, the books, the problems found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml_connector.connection import Connection, ExactDivision
from ml_connector.purchase_orders.books import Books
from ml_connector.purchase_orders.model import Order, Reference
from ml_connector.purchase_orders.problems import Problems


@dataclass(frozen=True)
class Desk:
    """One order for one division; whoever finds something wrong reports it here."""

    order: Order
    connection: Connection
    division: ExactDivision
    books: Books
    problems: Problems

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


def mapped(table: Mapping[str, str], reference: Reference) -> str | None:
    """Return what the table says for the reference's id, code or name, in that order."""
    return next((table[key] for key in reference.keys if key in table), None)
