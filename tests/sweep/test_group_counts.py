"""The sweep counts groups anew: marked ones within a minute, all of them every night."""

from typing import Any

import pytest

from local.in_memory.tables import InMemoryTable
from ml_connector.clock import MovableClock
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.coordination import SharedValues
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.sweep import group_counts
from tests.infrastructure.test_open_groups import only, stop

FIRM = ConnectionId("firm")


class Firm:
    """What the count needs of a connection's services."""

    def __init__(self) -> None:
        self.table = InMemoryTable("ledger")
        self.ledger = Ledger(self.table, InMemoryTable("audit"), "po_posting", FIRM)
        self.shared_values = SharedValues(InMemoryTable("coordination"), FIRM)

    def sweep(self, times: int = 1) -> None:
        for _ in range(times):
            services: Any = self
            group_counts.count_groups(services)

    def forget_groups(self) -> None:
        """Make the table what an older version has written."""
        for item in self.table.items():
            if "#group" in str(item["pk"]):
                self.table.remove(str(item["pk"]), str(item["sk"]))


@pytest.fixture
def firm() -> Firm:
    return Firm()


def test_what_an_older_version_stored_is_grouped_a_part_at_a_time(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_counts, "_RECORDS_AT_ONCE", 2)
    for number in range(5):
        stop(firm.ledger, f"PO-{number}")
    firm.forget_groups()
    assert list(firm.ledger.groups.all()) == []
    firm.sweep(2)
    assert only(firm.ledger).count == 2, "what the sweep before has found"
    firm.sweep(4)
    assert only(firm.ledger).count == 5
    assert len(only(firm.ledger).oldest) == 3


def test_a_wrong_count_is_right_in_the_morning(firm: Firm, time: MovableClock) -> None:
    stop(firm.ledger, "PO-1")
    firm.sweep(3)
    (row,) = [each for each in firm.table.items() if str(each["sk"]).startswith("g#")]
    firm.table.store({**row, "body": str(row["body"]).replace('"count":1', '"count":9')})
    firm.sweep()
    assert only(firm.ledger).count == 9, "once a day is enough"
    time.move(24 * 3600)
    firm.sweep(3)
    assert only(firm.ledger).count == 1


def test_a_sweep_with_nothing_to_count_reads_two_rows(firm: Firm) -> None:
    stop(firm.ledger, "PO-1")
    firm.sweep(3)
    before = firm.table.items()
    firm.sweep()
    assert firm.table.items() == before
