"""The sweep counts groups anew: marked ones within a minute, all of them every night."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from local.in_memory.tables import InMemoryTable
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.domain.ids import ConnectionId
from ml_connector.domain.records import OrderState
from ml_connector.infrastructure.coordination import SharedValues
from ml_connector.infrastructure.ledger import Ledger, OrderRecord
from ml_connector.infrastructure.open_groups import OpenGroups
from ml_connector.sweep import group_counts
from tests.infrastructure.test_open_groups import moved, only, stop, unmapped

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


# ------------------------------------------------------------ what was left behind


def silently(firm: Firm, monkeypatch: pytest.MonkeyPatch, change: Callable[[], Any]) -> None:
    """Change a record as a version does that knows nothing of groups."""
    with monkeypatch.context() as patch:
        patch.setattr(OpenGroups, "writes", lambda *_: [])
        patch.setattr(OpenGroups, "count", lambda *_: None)
        change()


def closed(firm: Firm, record: OrderRecord) -> None:
    firm.ledger.write(moved(record, OrderState.SET_ASIDE, problems=()), "dismissed")


def gone(firm: Firm, record: OrderRecord) -> None:
    firm.table.remove(FIRM, record.key)


def of_another_group(firm: Firm, record: OrderRecord) -> None:
    other = (unmapped(record.facts.title, "Travel"),)
    firm.ledger.write(moved(record, OrderState.REVIEW, problems=other), "review")


def opened_again(firm: Firm, record: OrderRecord) -> None:
    """The same exception, at another time: at another place in its group."""
    closed_now = firm.ledger.write(moved(record, OrderState.REVIEW, problems=()), "fixed")
    at = clock.now() + timedelta(hours=1)
    facts = {"problems": record.problems, "opened_at": {record.problems[0].digest: at}}
    firm.ledger.write(moved(closed_now, OrderState.REVIEW, **facts), "review")


def of_another_amount(firm: Firm, record: OrderRecord) -> None:
    firm.ledger.write(moved(record, OrderState.REVIEW, total="EUR 250.00"), "review")


AFTER: list[tuple[Callable[[Firm, OrderRecord], None], dict[str, tuple[int, str]]]] = [
    (closed, {"Software": (2, "200")}),
    (gone, {"Software": (2, "200")}),
    (of_another_group, {"Software": (2, "200"), "Travel": (1, "100")}),
    (opened_again, {"Software": (3, "300")}),
    (of_another_amount, {"Software": (3, "450")}),
]


@pytest.mark.parametrize(("change", "after"), AFTER, ids=lambda each: getattr(each, "__name__", ""))
@pytest.mark.parametrize("at_once", [1, 2, 400])
def test_in_the_morning_each_group_is_right_whatever_was_left_behind(
    firm: Firm,
    monkeypatch: pytest.MonkeyPatch,
    time: MovableClock,
    change: Callable[[Firm, OrderRecord], None],
    after: dict[str, tuple[int, str]],
    at_once: int,
) -> None:
    monkeypatch.setattr(group_counts, "_MEMBERS_AT_ONCE", at_once)
    records = [stop(firm.ledger, f"PO-{number}") for number in range(3)]
    firm.sweep(8)
    silently(firm, monkeypatch, lambda: change(firm, records[1]))
    time.move(24 * 3600)
    firm.sweep(12)
    found = {
        next(name for name in ("Software", "Travel") if name in group.matter.cause): group
        for group in firm.ledger.groups.all()
    }
    assert {name: (g.count, f"{g.sums['EUR']:.0f}") for name, g in found.items()} == after
    for group in found.values():
        members = firm.ledger.groups.members(group.id, "", 10)
        assert len(members) == group.count
        assert list(group.oldest) == members[:3]


def test_a_group_that_nothing_is_left_of_is_gone_in_the_morning(
    firm: Firm, monkeypatch: pytest.MonkeyPatch, time: MovableClock
) -> None:
    record = stop(firm.ledger, "PO-1")
    firm.sweep(3)
    silently(firm, monkeypatch, lambda: closed(firm, record))
    time.move(24 * 3600)
    firm.sweep(5)
    assert list(firm.ledger.groups.all()) == []


def test_a_group_whose_own_row_is_gone_is_there_in_the_morning(
    firm: Firm, time: MovableClock
) -> None:
    stop(firm.ledger, "PO-1")
    stop(firm.ledger, "PO-2")
    firm.sweep(3)
    (row,) = [each for each in firm.table.items() if str(each["sk"]).startswith("g#")]
    firm.table.remove(str(row["pk"]), str(row["sk"]))
    time.move(24 * 3600)
    firm.sweep(5)
    assert only(firm.ledger).count == 2


def test_a_member_of_which_a_newer_version_has_written_the_record_stays(
    firm: Firm, time: MovableClock
) -> None:
    record = stop(firm.ledger, "PO-1")
    firm.sweep(3)
    item = firm.table.get(FIRM, record.key)
    assert item
    firm.table.put(item | {"facts": '{"brand_new":1}'})
    time.move(24 * 3600)
    firm.sweep(5)
    assert only(firm.ledger).count == 1


def test_an_order_that_comes_back_while_it_is_looked_at_stays(
    firm: Firm, monkeypatch: pytest.MonkeyPatch, time: MovableClock
) -> None:
    """It is stored again, as a member, between the look at its record and its removal."""
    record = stop(firm.ledger, "PO-1")
    firm.sweep(3)
    silently(firm, monkeypatch, lambda: closed(firm, record))
    time.move(24 * 3600)
    forget = OpenGroups.forget

    def meanwhile(groups: OpenGroups, *given: Any) -> None:
        monkeypatch.setattr(OpenGroups, "forget", forget)
        closed_now = firm.ledger.read(record.key)
        back = {"problems": record.problems, "opened_at": record.facts.opened_at}
        firm.ledger.write(moved(closed_now, OrderState.RECEIVED, **back), "retry_asked")
        forget(groups, *given)

    monkeypatch.setattr(OpenGroups, "forget", meanwhile)
    firm.sweep(5)
    firm.sweep()
    assert only(firm.ledger).count == 1
    assert len(firm.ledger.groups.members(only(firm.ledger).id, "", 9)) == 1
