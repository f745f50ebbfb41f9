"""A ledger in memory under a manually moved clock."""

import pytest

from local.in_memory.tables import InMemoryTable
from ml_connector.clock import MovableClock
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.ledger import Ledger

FIRM, OTHER = ConnectionId("firm"), ConnectionId("other")
NOON = 1_795_435_200.0  # 2026-11-23 12:00 UTC


@pytest.fixture(autouse=True)
def _at_noon(time: MovableClock) -> None:
    time.move(NOON - time())


@pytest.fixture
def records() -> InMemoryTable:
    return InMemoryTable("ledger")


@pytest.fixture
def trails() -> InMemoryTable:
    return InMemoryTable("audit")


@pytest.fixture
def ledger(records: InMemoryTable, trails: InMemoryTable) -> Ledger:
    return Ledger(records, trails, "po_posting", FIRM)


@pytest.fixture
def others(records: InMemoryTable, trails: InMemoryTable) -> Ledger:
    """The ledger of another connection, in the same tables."""
    return Ledger(records, trails, "po_posting", OTHER)
