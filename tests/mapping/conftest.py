"""The firm in memory, opened as a stack."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector import clock
from tests.person_stack import PersonStack

Write = Callable[..., Path]


@pytest.fixture(scope="module")
def stack() -> Iterator[PersonStack]:
    """The firm with a few Airbase values that Exact does not have."""
    logging.disable(logging.CRITICAL)
    env = InMemoryEnvironment()
    add_mapping_data(env)
    env.connect()
    yield PersonStack(env)
    logging.disable(logging.NOTSET)
    clock.read_from(clock.MovableClock())


@pytest.fixture
def fresh(env: InMemoryEnvironment) -> PersonStack:
    """A firm for one test."""
    add_mapping_data(env)
    env.connect()
    return PersonStack(env)


@pytest.fixture
def write_file(tmp_path: Path) -> Write:
    def write(*lines: str, header: str = "division,kind,airbase,exact,name") -> Path:
        path = tmp_path / "map.csv"
        path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        return path

    return write


def add_mapping_data(env: InMemoryEnvironment) -> None:
    nl, exact = 2101, env.exact
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
    env.airbase.add_account("4100", "Software subscriptions", id="acc-4100")
    env.airbase.add_account("X-44", "Marketing and events", id="acc-x44")
    env.airbase.add_subsidiary("sub-new", "Noorderlicht België")


def order_to_map(env: InMemoryEnvironment) -> dict[str, Any]:
    """Add an order of which nothing is mapped."""
    tags = [env.airbase.tag("Department", "mkt", "Marketing team")]
    line = env.airbase.line("Reizen", "100.00", "Trip", tags=tags, tax_code="High")
    return env.order("PO-77", lines=[line], payment_term="Net 30", vendor="Nieuwkomer Catering")


__all__ = ["FIRM", "Write", "add_mapping_data", "order_to_map"]
