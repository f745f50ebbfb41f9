"""A contract's day is shared by all, never overshot, and its last fifth is for orders."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.in_memory.tables import InMemoryTable
from ml_connector import clock
from ml_connector.domain.faults import Later
from ml_connector.domain.ids import ConnectionId
from ml_connector.exact.call_purpose import for_orders
from ml_connector.exact.contract_day import BLOCK, ContractDay
from ml_connector.settings.connection import Contract
from tests.site import SITE

FIRM, OTHER = ConnectionId("firm"), ConnectionId("other")
SMALL = Contract(name="small", share_percent=1)
"""200 calls a day, of which readings may use 160."""


@contextmanager
def morning() -> Iterator[clock.MovableClock]:
    moving = clock.MovableClock(1_790_000_000.0 // 86_400 * 86_400 + 8 * 3_600)
    clock.read_from(moving)
    yield moving
    clock.read_from(clock.MovableClock())


@pytest.fixture
def moving() -> Iterator[clock.MovableClock]:
    with morning() as moving:
        yield moving


def take_all(day: ContractDay, *, of_orders: bool) -> tuple[int, Later]:
    """Return how many calls can be reserved, and why not one more."""
    taken = 0
    with for_orders() if of_orders else nullcontext():
        while True:
            try:
                day.reserve()
            except Later as later:
                return taken, later
            taken += 1


@pytest.mark.parametrize(
    ("contract", "calls"),
    [
        (Contract(), 10_000),
        (Contract(licence="premium"), 15_000),
        (Contract(share_percent=100), 20_000),
        (Contract(licence="premium", share_percent=1), 300),
    ],
)
def test_the_share_is_half_of_what_the_licence_allows_unless_set(
    contract: Contract, calls: int
) -> None:
    assert contract.our_calls == calls


def test_readings_stop_first_and_orders_go_on_to_the_end_of_the_share(
    table: InMemoryTable, moving: clock.MovableClock
) -> None:
    day = ContractDay(table, FIRM, SITE, SMALL)
    readings, later = take_all(day, of_orders=False)
    assert (readings, later.code) == (160, "EXACT_CONTRACT_READING")
    assert "contract small" in later.cause
    assert day.spent() is None
    orders, later = take_all(day, of_orders=True)
    assert (orders, later.code) == (40, "EXACT_CONTRACT_DAY")
    assert f"{later.until:%H:%M}" == "00:00"
    assert later.until - clock.now() < timedelta(days=1)
    spent = day.spent()
    assert spent is not None
    moving.move((later.until - clock.now()).total_seconds())
    assert day.spent() is None, "the next day is another one"
    assert take_all(day, of_orders=True)[0] == 200


def test_connections_of_one_name_share_a_budget_and_others_do_not(
    table: InMemoryTable, moving: clock.MovableClock
) -> None:
    assert take_all(ContractDay(table, FIRM, SITE, SMALL), of_orders=True)[0] == 200
    assert take_all(ContractDay(table, OTHER, SITE, SMALL), of_orders=True)[0] == 0
    for id in (FIRM, OTHER):
        alone = Contract(share_percent=1)
        assert take_all(ContractDay(table, id, SITE, alone), of_orders=True)[0] == 200


def test_a_call_that_was_not_made_is_used_by_the_next(
    table: InMemoryTable, moving: clock.MovableClock
) -> None:
    day = ContractDay(table, FIRM, SITE, SMALL)
    with for_orders():
        day.reserve()
        day.give_back()
    assert take_all(day, of_orders=True)[0] == 200


def test_most_calls_cost_no_write_and_none_once_it_is_spent(moving: clock.MovableClock) -> None:
    class Counted(InMemoryTable):
        calls = 0

        def add(self, pk: str, sk: str, by: int, ceiling: int, expires_at: int) -> bool:
            self.calls += 1
            return super().add(pk, sk, by, ceiling, expires_at)

    table = Counted()
    day = ContractDay(table, FIRM, SITE, SMALL)
    take_all(day, of_orders=True)
    assert table.calls <= 200 / BLOCK + 2
    before = table.calls
    for _ in range(50):
        assert take_all(day, of_orders=True)[0] == 0
    assert table.calls == before


def test_many_workers_at_once_use_the_share_and_no_more(moving: clock.MovableClock) -> None:
    table = InMemoryTable()
    days = [ContractDay(table, FIRM, SITE, SMALL) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda day: take_all(day, of_orders=True)[0], days))
    assert sum(counts) == 200


_DOES = st.tuples(st.integers(0, 3), st.sampled_from(["order", "reading", "not made", "restart"]))


@given(steps=st.lists(_DOES, max_size=400), percent=st.integers(1, 2))
@settings(max_examples=60)
def test_whatever_is_called_by_whom_readings_and_orders_keep_to_their_parts(
    steps: list[tuple[int, str]], percent: int
) -> None:
    contract = Contract(name="small", share_percent=percent)
    with morning():
        table = InMemoryTable()
        table.add(
            "contract#small", f"day#{clock.now():%Y-%m-%d}", contract.our_calls - 60, 10**6, 2**40
        )
        workers = [ContractDay(table, FIRM, SITE, contract) for _ in range(4)]
        made = contract.our_calls - 60
        for number, what in steps:
            day = workers[number]
            if what == "restart":
                workers[number] = ContractDay(table, FIRM, SITE, contract)
                continue
            with nullcontext() if what == "reading" else for_orders():
                try:
                    day.reserve()
                except Later:
                    continue
                if what == "not made":
                    day.give_back()
                    continue
            made += 1
            assert what == "order" or made <= day.for_reading + 4 * BLOCK
            assert made <= contract.our_calls
            assert day.used() <= contract.our_calls
