"""No call beyond the limits: per minute, day and division, for all workers together."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.in_memory.tables import InMemoryTable
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.domain.faults import Later
from ml_connector.domain.ids import ConnectionId, Division
from ml_connector.exact.rate_limiter import RateLimiter, after_minute
from tests.exact.token_site import FIRM, NOON

NL, BE = Division("nl.1"), Division("nl.2")
MINUTE = timedelta(minutes=1)


def take_all(rate_limiter: RateLimiter, division: Division = NL) -> tuple[int, Later]:
    """Reserve until refused; return the number of reservations, and the refusal."""
    for taken in range(100_000):
        try:
            rate_limiter.reserve(division)
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


class Spy(InMemoryTable):
    """Records the operations that DynamoDB would bill."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if name in {"get", "add", "raise_to", "query", "transact", "insert", "delete"}:
            self.seen.append(name)
        return super().__getattribute__(name)


@pytest.fixture
def time(time: MovableClock) -> MovableClock:
    """Not in the first second of a minute, nor in its last."""
    time.move(30)
    return time


@pytest.fixture(autouse=True)
def _at_thirty_seconds(time: MovableClock) -> None:
    """Every test starts there."""


def minute_over() -> datetime:
    return clock.now().replace(second=1) + MINUTE


def exhausted(rate_limiter: RateLimiter) -> Later | None:
    found = rate_limiter._table.get_each(rate_limiter.counters(NL))
    return rate_limiter.exhausted(NL, found)


def why_exhausted(rate_limiter: RateLimiter) -> tuple[str, datetime]:
    later = exhausted(rate_limiter)
    assert later is not None
    return later.code, later.until


def test_all_of_a_minute_can_be_used(table: InMemoryTable) -> None:
    taken, later = take_all(RateLimiter(table, FIRM))
    assert taken == 60
    assert (later.code, later.until) == ("EXACT_MINUTE_LIMIT", minute_over())


def test_the_next_minute_is_a_new_one(table: InMemoryTable, time: MovableClock) -> None:
    rate_limiter = RateLimiter(table, FIRM)
    first, _ = take_all(rate_limiter)
    time.move(60)
    assert take_all(rate_limiter)[0] == first


def test_workers_share_one_minute(table: InMemoryTable) -> None:
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda _: take_all(RateLimiter(table, FIRM))[0], range(8)))
    assert 57 <= sum(counts) <= 60


def test_divisions_and_connections_are_separate(table: InMemoryTable) -> None:
    full, _ = take_all(RateLimiter(table, FIRM), NL)
    assert take_all(RateLimiter(table, FIRM), BE)[0] == full
    assert take_all(RateLimiter(table, ConnectionId("other")), NL)[0] == full


def test_a_day_ends_at_midnight_utc(table: InMemoryTable, time: MovableClock) -> None:
    rate_limiter = RateLimiter(table, FIRM, per_minute=60, per_day=100)
    total = 0
    for _ in range(3):
        taken, later = take_all(rate_limiter)
        total += taken
        time.move(60)
    assert 90 <= total <= 100
    assert later.code == "EXACT_DAY_LIMIT"
    assert later.until.isoformat() == "2026-10-27T00:00:00+00:00"
    assert why_exhausted(rate_limiter) == (later.code, later.until)
    assert rate_limiter.calls_left(NL) == 0
    time.move(timedelta(hours=12))
    assert exhausted(rate_limiter) is None
    assert take_all(rate_limiter)[0] > 0


def test_the_calls_left_can_still_be_reserved(table: InMemoryTable) -> None:
    rate_limiter = RateLimiter(table, FIRM)
    left = rate_limiter.calls_left(NL)
    rate_limiter.reserve(NL)
    assert rate_limiter.calls_left(NL) == left - 1
    assert take_all(RateLimiter(table, FIRM))[0] == left - 1
    assert rate_limiter.calls_left(NL) == 0
    assert why_exhausted(rate_limiter) == ("EXACT_MINUTE_LIMIT", minute_over())


def test_a_reservation_costs_two_writes() -> None:
    table = Spy()
    rate_limiter = RateLimiter(table, FIRM)
    rate_limiter.reserve(NL)
    table.seen.clear()
    rate_limiter.reserve(NL)
    rate_limiter.correct(NL, headers(minute=(60, 55), day=(5000, 4990)))
    assert table.seen == ["add", "add"]


def test_headers_show_the_calls_of_other_programs(table: InMemoryTable) -> None:
    rate_limiter = RateLimiter(table, FIRM)
    rate_limiter.reserve(NL)
    rate_limiter.correct(NL, headers(minute=(60, 10)))
    assert take_all(RateLimiter(table, FIRM))[0] <= 10


def test_an_answer_from_the_previous_minute_does_not_fill_this_one(
    table: InMemoryTable, time: MovableClock
) -> None:
    rate_limiter = RateLimiter(table, FIRM)
    late = headers(minute=(60, 1))
    time.move(60)
    rate_limiter.correct(NL, late)
    assert take_all(rate_limiter)[0] >= 57


@pytest.mark.parametrize("limit", [30, 100, 300])
def test_the_servers_limit_overrides_the_configured_one(
    table: InMemoryTable, time: MovableClock, limit: int
) -> None:
    rate_limiter = RateLimiter(table, FIRM)
    rate_limiter.reserve(NL)
    rate_limiter.correct(NL, headers(minute=(limit, limit - 1)))
    time.move(60)
    assert limit - 3 <= take_all(RateLimiter(table, FIRM))[0] <= limit, "a new process knows it too"


def test_a_pause_stops_every_process_at_once(table: InMemoryTable, time: MovableClock) -> None:
    one, two = RateLimiter(table, FIRM), RateLimiter(table, FIRM)
    two.reserve(NL)
    until = clock.now() + timedelta(minutes=5)
    one.pause(NL, "EXACT_RATE_LIMITED", until)
    assert take_all(two)[0] == 0
    time.move(61)
    taken, later = take_all(two)
    assert (taken, later.until) == (0, until)
    assert why_exhausted(one) == ("EXACT_RATE_LIMITED", until)
    time.move(240)
    assert take_all(two)[0] >= 57


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(0, 2), st.floats(0, 40)), min_size=50, max_size=300),
    differs=st.floats(-0.99, 0.99),
)
def test_no_window_of_exact_ever_holds_more_than_its_limit(
    steps: list[tuple[int, float]], differs: float
) -> None:
    """Three processes; Exact's clock differs, and calls take a moment: by up to a second."""
    now = MovableClock(NOON)
    clock.read_from(now)
    table = InMemoryTable()
    workers = [RateLimiter(table, FIRM, per_minute=6, per_day=40) for _ in range(3)]
    arrived: list[float] = []
    waits: list[float] = []
    for worker, pause in steps:
        try:
            workers[worker].reserve(NL)
            arrived.append(now() + differs)
        except Later as later:
            waits.append(later.until.timestamp() - now())
        now.move(pause / 10)
    assert all(wait > 0 for wait in waits)
    for window, limit in ((60, 6), (86_400, 40)):
        counts = [int(at // window) for at in arrived]
        assert all(counts.count(each) <= limit for each in set(counts))


def test_the_calls_left_are_known_by_window(time: MovableClock) -> None:
    rate_limiter = RateLimiter(InMemoryTable(), FIRM, 10, 100)
    minute, day = rate_limiter.minute_and_day_left(NL)
    rate_limiter.reserve(NL, 4)
    assert rate_limiter.minute_and_day_left(NL) == (minute - 4, day - 4)
    time.move(MINUTE)
    assert rate_limiter.minute_and_day_left(NL) == (minute, day - 4)
    rate_limiter.pause(NL, "EXACT_RATE_LIMITED", clock.now() + 2 * MINUTE)
    time.move(MINUTE)
    assert (rate_limiter.minute_and_day_left(NL), rate_limiter.calls_left(NL)) == (
        (minute, day - 4),
        0,
    )
    assert rate_limiter.minute_and_day_left(BE) == (minute, day)


@pytest.mark.parametrize("early", [0.05, 0.5, 1])
def test_calls_of_a_minutes_last_second_count_in_the_next_one_too(
    table: InMemoryTable, time: MovableClock, early: float
) -> None:
    """They may reach Exact when its next minute has begun."""
    rate_limiter = RateLimiter(table, FIRM)
    time.move(30 - early)
    taken, _ = take_all(rate_limiter)
    time.move(early + 1)
    assert (taken, take_all(rate_limiter)[0]) == (60, 0)


@pytest.mark.parametrize(
    ("at", "over"),
    [("12:00:00.5", "12:00:01"), ("12:00:01", "12:01:01"), ("12:00:59.5", "12:01:01")],
)
def test_a_minute_is_over_when_it_is_by_exacts_clock(at: str, over: str) -> None:
    day = "2026-10-26T{}+00:00"
    moment = datetime.fromisoformat(day.format(at))
    assert after_minute(moment) == datetime.fromisoformat(day.format(over))


@pytest.mark.parametrize("late", [0, 0.5, 0.95])
def test_calls_of_a_minutes_first_second_count_in_the_one_before_too(
    table: InMemoryTable, time: MovableClock, late: float
) -> None:
    """By Exact's clock it may last."""
    rate_limiter = RateLimiter(table, FIRM)
    take_all(rate_limiter)
    time.move(30 + late)
    taken, later = take_all(rate_limiter)
    assert (taken, later.until) == (0, clock.now().replace(second=1, microsecond=0))
    assert why_exhausted(rate_limiter) == ("EXACT_MINUTE_LIMIT", later.until)
    assert rate_limiter.calls_left(NL) == 60, "a second later, long before the next sweep"
    time.move(1 - late)
    assert take_all(rate_limiter)[0] == 60


def test_calls_before_the_last_second_leave_the_next_minute_alone(
    table: InMemoryTable, time: MovableClock
) -> None:
    rate_limiter = RateLimiter(table, FIRM)
    time.move(28.9)
    take_all(rate_limiter)
    time.move(2.1)
    assert take_all(rate_limiter)[0] == 60


@pytest.mark.parametrize(("per_day", "taken"), [(5000, 4975), (100, 95), (10, 10), (1, 1)])
def test_a_few_calls_of_a_day_are_left_to_others(
    table: InMemoryTable, per_day: int, taken: int
) -> None:
    assert take_all(RateLimiter(table, FIRM, per_minute=10_000, per_day=per_day))[0] == taken


def test_a_longer_pause_replaces_a_shorter_one(table: InMemoryTable, time: MovableClock) -> None:
    one, two = RateLimiter(table, FIRM), RateLimiter(table, FIRM)
    one.pause(NL, "EXACT_RATE_LIMITED", clock.now() + MINUTE)
    one.pause(NL, "EXACT_RATE_LIMITED", clock.now() + 5 * MINUTE)
    two.pause(NL, "EXACT_RATE_LIMITED", clock.now() + 2 * MINUTE)
    time.move(181)
    assert [take_all(each)[0] for each in (one, two, RateLimiter(table, FIRM))] == [0, 0, 0]


def test_an_answer_counts_for_the_window_that_it_names(
    table: InMemoryTable, time: MovableClock
) -> None:
    """Exact's clock is ahead of ours: its minute and its day have begun already."""
    rate_limiter = RateLimiter(table, FIRM)
    time.move(timedelta(hours=11, minutes=59, seconds=28))
    before = rate_limiter.minute_and_day_left(NL)
    midnight = datetime.fromisoformat("2026-10-27T00:00:00+00:00")
    ahead = headers(minute=(60, 5), minute_ends=midnight + MINUTE)
    tomorrow = int((midnight + timedelta(days=1)).timestamp() * 1000)
    ahead |= {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "40"}
    rate_limiter.correct(NL, ahead | {"X-RateLimit-Reset": str(tomorrow)})
    assert rate_limiter.minute_and_day_left(NL) == before
    time.move(2)
    assert rate_limiter.minute_and_day_left(NL) == (5, 15)


def test_headers_show_the_calls_that_other_programs_made_today(table: InMemoryTable) -> None:
    rate_limiter = RateLimiter(table, FIRM)
    rate_limiter.correct(NL, headers(day=(5000, 30)))
    assert take_all(rate_limiter)[0] <= 30
