"""A ledger in memory under a clock that only moves when told."""

import pytest

from local.memory import MemoryTable
from ml_connector.clock import MovableClock
from ml_connector.doors.ledger import Ledger

NOON = 1_795_435_200.0  # 2026-11-23 12:00 UTC


@pytest.fixture(autouse=True)
def _at_noon(time: MovableClock) -> None:
    time.move(NOON - time())


@pytest.fixture
def records() -> MemoryTable:
    return MemoryTable("ledger")


@pytest.fixture
def trails() -> MemoryTable:
    return MemoryTable("audit")


@pytest.fixture
def ledger(records: MemoryTable, trails: MemoryTable) -> Ledger:
    return Ledger(records, trails, "po_posting")
