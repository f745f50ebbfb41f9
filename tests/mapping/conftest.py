"""The firm in memory, opened as a stack."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connector_cli.stack import Stack
from local.office import FIRM, Office
from ml_connector import clock
from ml_connector.doors.ledger import Ledger
from ml_connector.workflows.doors import Doors

Write = Callable[..., Path]


class OfficeStack(Stack):
    """What the verbs ask of a stack, over an office."""

    def __init__(self, office: Office) -> None:
        self.office = office

    @property
    def doors(self) -> Doors:
        return self.office.doors

    @property
    def signed(self) -> Ledger:
        tables = self.office.mini.tables
        return Ledger(tables.ledger, tables.audit, "connector somebody")


@pytest.fixture(scope="module")
def stack() -> Iterator[OfficeStack]:
    """The firm with a few words in Airbase that Exact does not have."""
    logging.disable(logging.CRITICAL)
    office = Office()
    furnish(office)
    office.connect()
    yield OfficeStack(office)
    logging.disable(logging.NOTSET)
    clock.read_from(clock.MovableClock())


@pytest.fixture
def fresh(office: Office) -> OfficeStack:
    """A firm of one test's own."""
    furnish(office)
    office.connect()
    return OfficeStack(office)


@pytest.fixture
def write_file(tmp_path: Path) -> Write:
    def write(*lines: str, header: str = "division,kind,airbase,exact,name") -> Path:
        path = tmp_path / "map.csv"
        path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        return path

    return write


def furnish(office: Office) -> None:
    nl, exact = 2101, office.exact
    exact.add_cost_unit(nl, "SPR", "Spring campaign")
    exact.add_vat_code(nl, "6", 0.09, Description="Reduced rate")
    exact.add_vat_code(nl, "I21", 0.21, kind="I")
    exact.add_vat_code(nl, "S", 0.21, VATTransactionType="S")
    exact.add_cost_centre(nl, "OLD", "Closed", active=False)
    exact.add_supplier(nl, "Vos Holding", code="199", blocked=True)
    stocked = exact.add_gl_account(nl, "4700", "Hardware")
    exact.add_item(nl, "LAPTOP", "Laptop", stocked, IsStockItem=True)
    double = exact.add_gl_account(nl, "4800", "Travel")
    for code in ("TRIP-1", "TRIP-2"):
        exact.add_item(nl, code, f"Travel {code}", double)
    office.airbase.add_account("4100", "Software subscriptions", id="acc-4100")
    office.airbase.add_account("X-44", "Marketing and events", id="acc-x44")
    office.airbase.add_subsidiary("sub-new", "Noorderlicht België")


def order_to_map(office: Office) -> dict[str, Any]:
    """Add an order of which nothing is mapped."""
    tags = [office.airbase.tag("Department", "mkt", "Marketing team")]
    line = office.airbase.line("Reizen", "100.00", "Trip", tags=tags, tax_code="High")
    return office.order("PO-77", lines=[line], payment_term="Net 30", vendor="Nieuwkomer Catering")


__all__ = ["FIRM", "OfficeStack", "Write", "furnish", "order_to_map"]
