"""No call without room: per minute, per day, per division, for all workers together."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.memory import MemoryTable
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.exact.budget import Budget
from ml_connector.faults import Later
from ml_connector.ids import ConnectionId, Division
from tests.exact.token_site import FIRM, NOON

NL, BE = Division(1), Division(2)
MINUTE = timedelta(minutes=1)


def take_all(budget: Budget, division: Division = NL) -> tuple[int, Later]:
    """Reserve until refused; return how many there were, and the refusal."""
    for taken in range(100_000):
        try:
            budget.reserve(division)
        except Later as later:
            return taken, later
    raise AssertionError("never refused")


def headers(
    minute: tuple[int, int] | None = None,
    day: tuple[int, int] | None = None,
    minute_ends: datetime | None = None,
) -> dict[str, str]:
    out: dict[str, str] = {}
    ends = minute_ends or clock.now().replace(second=0) + MINUTE
    midnight = clock.now().replace(hour=0, minute=0, second=0) + timedelta(days=1)
    for name, window, reset in (("Minutely-", minute, ends), ("", day, midnight)):
        if window:
            out[f"X-RateLimit-{name}Limit"] = str(window[0])
            out[f"X-RateLimit-{name}Remaining"] = str(window[1])
            out[f"X-RateLimit-{name}Reset"] = str(int(reset.timestamp() * 1000))
    return out


class Spy(MemoryTable):
    """Notes the operations that DynamoDB would bill."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if name in {"get", "add", "raise_to", "query", "transact", "insert", "delete"}:
            self.seen.append(name)
        return super().__getattribute__(name)


def test_nearly_all_of_a_minute_can_be_used(table: MemoryTable) -> None:
    taken, later = take_all(Budget(table, FIRM))
    assert 57 <= taken <= 60
    assert (later.code, later.until) == ("EXACT_MINUTE_LIMIT", clock.now() + MINUTE)


def test_the_next_minute_is_a_new_one(table: MemoryTable, time: MovableClock) -> None:
    budget = Budget(table, FIRM)
    first, _ = take_all(budget)
    time.move(60)
    assert take_all(budget)[0] == first


def test_workers_share_one_minute(table: MemoryTable) -> None:
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda _: take_all(Budget(table, FIRM))[0], range(8)))
    assert 57 <= sum(counts) <= 60


def test_divisions_and_connections_stand_apart(table: MemoryTable) -> None:
    full, _ = take_all(Budget(table, FIRM), NL)
    assert take_all(Budget(table, FIRM), BE)[0] == full
    assert take_all(Budget(table, ConnectionId("other")), NL)[0] == full


def test_a_day_ends_at_midnight_utc(table: MemoryTable, time: MovableClock) -> None:
    budget = Budget(table, FIRM, per_minute=60, per_day=100)
    total = 0
    for _ in range(3):
        taken, later = take_all(budget)
        total += taken
        time.move(60)
    assert 90 <= total <= 100
    assert later.code == "EXACT_DAY_LIMIT"
    assert later.until.isoformat() == "2026-10-27T00:00:00+00:00"
    assert budget.exhausted_until(NL) == later.until
    assert budget.room(NL) == 0
    time.move(timedelta(hours=12))
    assert budget.exhausted_until(NL) is None
    assert take_all(budget)[0] > 0


def test_room_is_what_can_still_be_reserved(table: MemoryTable) -> None:
    budget = Budget(table, FIRM)
    room = budget.room(NL)
    budget.reserve(NL)
    assert budget.room(NL) == room - 1
    assert take_all(Budget(table, FIRM))[0] == room - 1
    assert budget.room(NL) == 0
    assert budget.exhausted_until(NL) == clock.now() + MINUTE


def test_a_reservation_costs_two_writes() -> None:
    table = Spy()
    budget = Budget(table, FIRM)
    budget.reserve(NL)
    table.seen.clear()
    budget.reserve(NL)
    budget.correct(NL, headers(minute=(60, 55), day=(5000, 4990)))
    assert table.seen == ["add", "add"]


def test_calls_of_other_programs_are_learned_from_headers(table: MemoryTable) -> None:
    budget = Budget(table, FIRM)
    budget.reserve(NL)
    budget.correct(NL, headers(minute=(60, 10)))
    assert take_all(Budget(table, FIRM))[0] <= 10


def test_an_answer_from_the_minute_before_does_not_fill_this_one(
    table: MemoryTable, time: MovableClock
) -> None:
    budget = Budget(table, FIRM)
    late = headers(minute=(60, 1))
    time.move(60)
    budget.correct(NL, late)
    assert take_all(budget)[0] >= 57


@pytest.mark.parametrize("limit", [30, 100, 300])
def test_the_servers_limit_overrides_the_configured_one(
    table: MemoryTable, time: MovableClock, limit: int
) -> None:
    budget = Budget(table, FIRM)
    budget.reserve(NL)
    budget.correct(NL, headers(minute=(limit, limit - 1)))
    time.move(60)
    assert limit - 3 <= take_all(Budget(table, FIRM))[0] <= limit, "a new process knows it too"


def test_a_pause_stops_every_process_at_once(table: MemoryTable, time: MovableClock) -> None:
    one, two = Budget(table, FIRM), Budget(table, FIRM)
    two.reserve(NL)
    until = clock.now() + timedelta(minutes=5)
    one.pause(NL, "EXACT_RATE_LIMITED", until)
    assert take_all(two)[0] == 0
    time.move(61)
    taken, later = take_all(two)
    assert (taken, later.until) == (0, until)
    assert one.exhausted_until(NL) == until
    time.move(240)
    assert take_all(two)[0] >= 57


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(0, 2), st.floats(0, 40)), min_size=50, max_size=300),
    travel=st.floats(0, 0.9),
)
def test_no_window_of_exact_ever_holds_more_than_its_limit(
    steps: list[tuple[int, float]], travel: float
) -> None:
    """Calls reach Exact up to a second after they were reserved, by three processes."""
    now = MovableClock(NOON)
    clock.read_from(now)
    table = MemoryTable()
    workers = [Budget(table, FIRM, per_minute=6, per_day=40) for _ in range(3)]
    arrived: list[float] = []
    waits: list[float] = []
    for worker, pause in steps:
        try:
            workers[worker].reserve(NL)
            arrived.append(now() + travel)
        except Later as later:
            waits.append(later.until.timestamp() - now())
        now.move(pause / 10)
    assert all(wait > 0 for wait in waits)
    for window, limit in ((60, 6), (86_400, 40)):
        counts = [int(at // window) for at in arrived]
        assert all(counts.count(each) <= limit for each in set(counts))


def test_what_is_left_is_told_by_window(time: MovableClock) -> None:
    budget = Budget(MemoryTable(), FIRM, 10, 100)
    minute, day = budget.left(NL)
    budget.reserve(NL, 4)
    assert budget.left(NL) == (minute - 4, day - 4)
    time.move(MINUTE)
    assert budget.left(NL) == (minute, day - 4)
    budget.pause(NL, "EXACT_RATE_LIMITED", clock.now() + 2 * MINUTE)
    time.move(MINUTE)
    assert (budget.left(NL), budget.room(NL)) == ((minute, day - 4), 0)
    assert budget.left(BE) == (minute, day)
