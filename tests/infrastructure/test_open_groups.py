"""Groups of open exceptions: counted as records change, and right again whatever comes between."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.in_memory.tables import InMemoryTable
from ml_connector.clock import MovableClock
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Problem
from ml_connector.domain.ids import ConnectionId, Division, Guid, OrderId
from ml_connector.domain.open_groups import Group
from ml_connector.domain.records import ExactReference, HaltProblem, OrderState
from ml_connector.infrastructure.dynamodb import Item
from ml_connector.infrastructure.ledger import Ledger, OrderRecord

FIRM, NL, BE = ConnectionId("firm"), Division("nl.2101"), Division("be.2101")


class FailingTable(InMemoryTable):
    """A table that does not take the count of a group while it `fails`."""

    fails = ""

    def _refuse(self, item: Item) -> None:
        if self.fails == "conflict" and str(item["pk"]).endswith("#groups"):
            raise _Taken
        if self.fails and str(item["pk"]).endswith("#groups"):
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": ""}}, "PutItem")

    def insert(self, item: Item) -> bool:
        return self._try(item, lambda: InMemoryTable.insert(self, item))

    def replace(self, item: Item, expected: int) -> bool:
        return self._try(item, lambda: InMemoryTable.replace(self, item, expected))

    def _try(self, item: Item, write: Any) -> bool:
        try:
            self._refuse(item)
        except _Taken:
            return False
        return bool(write())


class _Taken(Exception):
    """Somebody else was faster."""


@pytest.fixture
def table() -> FailingTable:
    return FailingTable("ledger")


@pytest.fixture
def ledger(table: FailingTable) -> Ledger:
    return Ledger(table, InMemoryTable("audit"), "po_posting", FIRM)


def unmapped(order: str, account: str = "Software", where: str = "line 1") -> Problem:
    record, division = f"{order}, {where}", "nl.2101"
    return problem("UNKNOWN_GL_ACCOUNT", record, account=account, code=account, division=division)


def stop(
    ledger: Ledger, id: str, *found: Problem, total: str = "EUR 100.00", division: Division = NL
) -> OrderRecord:
    """Store an order that waits for a decision."""
    record = ledger.order(OrderId(id))
    received = ledger.write(record.now(OrderState.RECEIVED), "received")
    problems = found or (unmapped(id),)
    facts = replace(
        received.facts, title=id, total=total, division=division, problems=problems, vendor="V"
    )
    return ledger.write(received.now(OrderState.REVIEW, facts), "review")


def only(ledger: Ledger) -> Group:
    (group,) = ledger.groups.all()
    return group


def moved(record: OrderRecord, state: OrderState, **changes: Any) -> OrderRecord:
    return record.now(state, replace(record.facts, **changes))


def test_one_account_behind_many_orders_is_one_group(ledger: Ledger, time: MovableClock) -> None:
    for number in range(37):
        time.move(1)
        stop(ledger, f"PO-{number}", total="USD 1.50" if number % 2 else "EUR 100.00")
    group = only(ledger)
    assert (group.count, group.sums) == (37, {"EUR": Decimal(1900), "USD": Decimal("27.00")})
    assert [each.title for each in group.oldest] == ["PO-0", "PO-1", "PO-2"]
    assert "Software" in group.matter.cause


def test_another_account_or_division_or_vendor_is_another_decision(ledger: Ledger) -> None:
    stop(ledger, "PO-1")
    stop(ledger, "PO-2", unmapped("PO-2", "Travel"))
    stop(ledger, "PO-3", division=BE)
    assert sorted(each.count for each in ledger.groups.all()) == [1, 1, 1]
    vendor = problem("UNKNOWN_VENDOR", "PO", vendor="Jansen", division="nl.2101")
    for id in ("ven-1", "ven-2"):
        record = stop(ledger, f"PO-{id}", vendor)
        ledger.write(moved(record, OrderState.REVIEW, vendor_id=id), "review")
    found = [each for each in ledger.groups.all() if each.matter.code == "UNKNOWN_VENDOR"]
    assert sorted(each.matter.vendor for each in found) == ["ven-1", "ven-2"], "of one name"


def test_two_lines_of_an_order_are_one_member(ledger: Ledger) -> None:
    stop(ledger, "PO-1", unmapped("PO-1"), unmapped("PO-1", where="line 2"))
    assert (only(ledger).count, only(ledger).sums) == (1, {"EUR": Decimal(100)})


def test_an_order_in_exact_holds_nothing_up(ledger: Ledger) -> None:
    record = stop(ledger, "PO-1")
    assert only(ledger).sums
    exact = ExactReference(Guid("1"), 26000017)
    record = ledger.write(moved(record, OrderState.POSTED, exact=exact), "posted")
    assert (only(ledger).count, only(ledger).sums) == (1, {})
    ledger.write(moved(record, OrderState.POSTED, problems=()), "fixed")
    assert list(ledger.groups.all()) == []
    assert ledger.groups.went_through(clock_now()) == {NL: 1}
    assert ledger.groups.last_through() == {NL: f"{clock_now():%Y-%m-%d}"}


def clock_now() -> Any:
    from ml_connector import clock  # noqa: PLC0415

    return clock.now()


def test_members_are_read_page_by_page_the_oldest_first(ledger: Ledger, time: MovableClock) -> None:
    for number in range(5):
        time.move(1)
        stop(ledger, f"PO-{number}")
    id = only(ledger).id

    def pages() -> Iterator[list[str]]:
        after = ""
        while found := ledger.groups.members(id, after, 2):
            yield [each.title for each in found]
            after = found[-1].place

    assert list(pages()) == [["PO-0", "PO-1"], ["PO-2", "PO-3"], ["PO-4"]]


def test_the_oldest_are_known_again_after_the_next_sweep(
    ledger: Ledger, time: MovableClock
) -> None:
    records = []
    for number in range(5):
        time.move(1)
        records.append(stop(ledger, f"PO-{number}"))
    ledger.write(moved(records[0], OrderState.SET_ASIDE, problems=()), "dismissed")
    group = only(ledger)
    assert (group.count, [each.title for each in group.oldest]) == (4, ["PO-1", "PO-2"])
    assert ledger.groups.marked(10) == [group.id]
    ledger.groups.recount(group.id)
    assert [each.title for each in only(ledger).oldest] == ["PO-1", "PO-2", "PO-3"]
    assert ledger.groups.marked(10) == []


@pytest.mark.parametrize("fault", ["conflict", "error"])
def test_a_count_that_failed_is_made_good(ledger: Ledger, table: FailingTable, fault: str) -> None:
    first = stop(ledger, "PO-1")
    table.fails = fault
    stop(ledger, "PO-2")
    ledger.write(moved(first, OrderState.SET_ASIDE, problems=()), "dismissed")
    table.fails = ""
    group = only(ledger)
    assert group.count == 1
    marked = ledger.groups.marked(10)
    assert marked == ([group.id] if fault == "conflict" else []), "or it waits for the night"
    ledger.groups.recount(group.id)
    assert [each.title for each in only(ledger).oldest] == ["PO-2"]


def test_what_is_counted_anew_is_not_counted_twice(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recount that comes between a record and its own count has seen the record."""
    stop(ledger, "PO-1")
    id, count = only(ledger).id, ledger.groups.count

    def recounted_first(*given: Any) -> None:
        ledger.groups.recount(id)
        count(*given)

    monkeypatch.setattr(ledger.groups, "count", recounted_first)
    stop(ledger, "PO-2")
    assert only(ledger).count == 2
    assert ledger.groups.marked(10) == [id], "and is counted once more, to be sure"


def test_a_halt_is_a_group_of_what_it_stops(ledger: Ledger) -> None:
    halt = HaltProblem("CONSENT_REVOKED", "firm", "It was withdrawn.", "Give it again.")
    record = ledger.connection()
    facts = replace(record.facts, halts={"": halt, NL: halt, "be": halt})
    ledger.write(record.now("halted", facts), "halted")
    found = {each.matter.stops: each.matter.divisions for each in ledger.groups.all()}
    assert found == {"": (), NL: (NL,), "be": ()}


def snoozed(ledger: Ledger, time: MovableClock) -> None:
    """Snooze the only group, a minute after it was opened."""
    time.move(60)
    until = clock_now() + timedelta(days=3)
    ledger.groups.snooze(only(ledger).id, until, "Anna", clock_now())
    time.move(60)


def growth(ledger: Ledger) -> tuple[int, bool]:
    group = only(ledger)
    return ledger.groups.growth(group, ledger.groups.snoozed()[group.id])


def test_what_joins_a_snoozed_group_is_counted(ledger: Ledger, time: MovableClock) -> None:
    records = [stop(ledger, f"PO-{number}") for number in range(3)]
    snoozed(ledger, time)
    assert growth(ledger) == (0, False)
    ledger.write(moved(records[0], OrderState.SET_ASIDE, problems=()), "dismissed")
    assert growth(ledger) == (0, False), "less is no news"
    stop(ledger, "PO-3")
    assert growth(ledger) == (1, False), "in the place of another"
    stop(ledger, "PO-4", total="EUR 9000.00")
    assert growth(ledger) == (2, True)
    time.move(5 * 24 * 3600)
    assert ledger.groups.snoozed() == {}


def test_a_snoozed_group_that_holds_up_more_has_grown(ledger: Ledger, time: MovableClock) -> None:
    record = stop(ledger, "PO-1")
    snoozed(ledger, time)
    ledger.write(moved(record, OrderState.REVIEW, total="EUR 90000.00"), "review")
    assert growth(ledger) == (0, True)


def test_a_group_that_an_earlier_version_has_snoozed_stays_so(
    ledger: Ledger, table: FailingTable, time: MovableClock
) -> None:
    stop(ledger, "PO-1")
    snoozed(ledger, time)
    (row,) = [each for each in table.items() if str(each["sk"]).startswith("s#")]
    table.put({name: value for name, value in row.items() if name not in {"at", "body"}})
    stop(ledger, "PO-2")
    assert growth(ledger) == (0, False)


def test_odd_words_do_no_harm(ledger: Ledger) -> None:
    stop(ledger, "x" * 900, total="about ten")
    assert only(ledger).sums == {}
    many = [unmapped("PO-2", f"account {number}") for number in range(100)]
    stop(ledger, "PO-2", *many)
    assert len(list(ledger.groups.all())) == 21, "the others are on the order's own page"
