"""A circuit breaker opens at the third failure in a row; any answer closes it."""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from local.in_memory.tables import InMemoryTable
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Fault, Halt, Later, Review
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.circuit_breaker import (
    AIRBASE,
    EXACT,
    FAILURES_TO_OPEN,
    CircuitBreaker,
)
from ml_connector.infrastructure.dynamodb import Item
from tests.conftest import NOON

FIRM = ConnectionId("firm")


@pytest.fixture
def table(time: MovableClock) -> InMemoryTable:
    return InMemoryTable("coordination")


@pytest.fixture
def worker(table: InMemoryTable) -> Callable[[], CircuitBreaker]:
    """Make the circuit breaker of another process."""
    return lambda: CircuitBreaker(table, FIRM, EXACT)


def silence(code: str = "EXACT_UNAVAILABLE") -> Later:
    return Later(code, clock.now(), "no useful answer.")


def call(circuit_breaker: CircuitBreaker, fault: Fault | None = None) -> None:
    """Make one call that ends in `fault`, or succeeds."""
    with suppress(*([type(fault)] if fault else [])), circuit_breaker.calling():
        if fault:
            raise fault


def is_refused(circuit_breaker: CircuitBreaker) -> bool:
    try:
        circuit_breaker.check()
    except Later as later:
        return later.code == "EXACT_AWAY"
    return False


def opened(worker: Callable[[], CircuitBreaker]) -> CircuitBreaker:
    for _ in range(FAILURES_TO_OPEN):
        call(worker(), silence())
    return worker()


@pytest.mark.parametrize("code", sorted(EXACT.silent))
def test_the_third_failure_in_a_row_opens_it_for_every_worker(
    worker: Callable[[], CircuitBreaker], code: str
) -> None:
    idle = worker()
    for _ in range(FAILURES_TO_OPEN - 1):
        call(worker(), silence(code))
        assert not is_refused(idle)
    call(worker(), silence(code))
    assert is_refused(worker())


def test_a_path_that_fails_again_and_again_opens_nothing(
    worker: Callable[[], CircuitBreaker],
) -> None:
    for path in ("/orders/", "/orders/1", "/orders/", "/orders/1", "/orders/"):
        with suppress(Later), worker().calling(path):
            raise silence()
    assert not is_refused(worker())
    with suppress(Later), worker().calling("/orders/2"):
        raise silence()
    assert is_refused(worker())


def test_an_answer_resets_the_count(worker: Callable[[], CircuitBreaker]) -> None:
    for _ in range(5):
        call(worker(), silence())
        call(worker(), silence())
        call(worker())
    assert not is_refused(worker())


@pytest.mark.parametrize(
    "answer",
    [
        Review([problem("EXACT_REFUSED", "PO-1")]),
        Halt(problem("EXACT_FORBIDDEN", "Exact division 1")),
    ],
)
def test_a_refusal_is_an_answer(worker: Callable[[], CircuitBreaker], answer: Fault) -> None:
    call(worker(), silence())
    call(worker(), silence())
    call(worker(), answer)
    assert worker().outage().failing == ()


@pytest.mark.parametrize(
    "code", ["EXACT_MINUTE_LIMIT", "EXACT_RATE_LIMITED", "TOKEN_BUSY", "EXACT_ERROR_LIMIT"]
)
def test_a_limit_is_no_outage(worker: Callable[[], CircuitBreaker], code: str) -> None:
    for _ in range(9):
        call(worker(), silence(code))
    assert not is_refused(worker())


def test_a_late_answer_closes_it(worker: Callable[[], CircuitBreaker], time: MovableClock) -> None:
    with worker().calling():
        opened(worker)
        time.move(3)
    assert not is_refused(worker())


def test_remotes_and_connections_are_independent(
    worker: Callable[[], CircuitBreaker], table: InMemoryTable
) -> None:
    opened(worker)
    CircuitBreaker(table, FIRM, AIRBASE).check()
    CircuitBreaker(table, ConnectionId("other"), EXACT).check()


def probed(breakers: list[CircuitBreaker], time: MovableClock, minutes: int) -> list[list[int]]:
    """Sweep every minute; return the minutes in which each was probed, without an answer."""
    found: list[list[int]] = [[] for _ in breakers]
    for minute in range(1, minutes + 1):
        time.move(60)
        for place, each in enumerate(breakers):
            if each.outage().probe_is_due(place, len(breakers)):
                found[place].append(minute)
                with each.probing() as outage:
                    assert outage is not None
                    call(each, silence())
    return found


def test_the_longer_it_is_open_the_rarer_are_probes(
    worker: Callable[[], CircuitBreaker], time: MovableClock
) -> None:
    (minutes,) = probed([opened(worker)], time, 24 * 60)
    pauses = {later: later - earlier for earlier, later in pairwise(minutes)}
    assert minutes[:10] == list(range(1, 11))
    assert all(pause <= max(at / 8, 1) for at, pause in pauses.items()), "an eighth of the outage"
    assert max(pauses.values()) == 20
    assert len(minutes) <= 120


def test_sites_that_are_away_at_once_are_probed_in_turn(
    table: InMemoryTable, time: MovableClock
) -> None:
    sites = [CircuitBreaker(table, ConnectionId(f"firm.{name}"), EXACT) for name in "abc"]
    for each in sites:
        for _ in range(FAILURES_TO_OPEN):
            call(each, silence())
    minutes = probed(sites, time, 24 * 60)
    every = sorted(minute for of_site in minutes for minute in of_site)
    assert len(every) <= 120, "together as often as one"
    assert all(later - earlier <= 70 for each in minutes for earlier, later in pairwise(each))
    assert all(later - earlier <= 20 for earlier, later in pairwise(every))


@pytest.mark.parametrize(
    ("fault", "closes"),
    [
        (None, True),
        (Halt(problem("RECONNECT_NEEDED", "Connection firm", connection="firm")), True),
        (silence("EXACT_RATE_LIMITED"), True),
        (silence("EXACT_NO_ANSWER"), False),
        (silence("TOKEN_UNAVAILABLE"), False),
        (silence("TOKEN_CALLS_SPENT"), False),
    ],
)
def test_a_probe_closes_it_when_the_remote_answers(
    worker: Callable[[], CircuitBreaker], fault: Fault | None, closes: bool
) -> None:
    circuit_breaker = opened(worker)
    with circuit_breaker.probing() as outage:
        assert outage
        assert is_refused(worker()) is False, "the prober's calls pass, through any instance"
        call(circuit_breaker, fault)
    assert is_refused(worker()) is not closes


def test_a_closed_one_is_not_probed(worker: Callable[[], CircuitBreaker]) -> None:
    with worker().probing() as outage:
        assert outage is None


def test_a_crashed_prober_is_replaced(
    worker: Callable[[], CircuitBreaker], time: MovableClock
) -> None:
    circuit_breaker = opened(worker)
    with circuit_breaker.probing(), worker().probing() as second:
        assert second is None
        time.move(91)  # a worker lives 60 seconds
        with worker().probing() as third:
            assert third is not None


def test_a_busy_worker_hardly_reads_while_the_remote_is_up(time: MovableClock) -> None:
    counting = _Counting()
    circuit_breaker = CircuitBreaker(counting, FIRM, EXACT)
    for _ in range(100):
        call(circuit_breaker)
    assert (counting.reads, counting.writes) == (1, 0)
    time.move(3)
    call(circuit_breaker)
    assert (counting.reads, counting.writes) == (2, 0)


class _Counting(InMemoryTable):
    def __init__(self) -> None:
        super().__init__()
        self.reads = self.writes = 0

    def get(self, pk: str, sk: str) -> Item | None:
        self.reads += 1
        return super().get(pk, sk)

    def transact(self, writes: Any) -> bool:
        self.writes += 1
        return super().transact(writes)


class Workers(RuleBasedStateMachine):
    """Four workers whose calls begin and end in any order, and probers that may crash."""

    workers = st.integers(0, 3)

    def __init__(self) -> None:
        super().__init__()
        self.clock = MovableClock(NOON)
        clock.read_from(self.clock)
        table = InMemoryTable()
        self.breakers = [CircuitBreaker(table, FIRM, EXACT, cache_seconds=0) for _ in range(4)]
        self.in_a_row = 0
        self.is_open = False
        self.in_progress = 0
        self.probers: list[tuple[datetime, ExitStack]] = []

    def teardown(self) -> None:
        for _, stack in reversed(self.probers):
            stack.close()
        clock.read_from(MovableClock())

    @rule(worker=workers)
    @precondition(lambda self: not self.probers)
    def begin(self, worker: int) -> None:
        refused = is_refused(self.breakers[worker])
        assert refused == self.is_open
        self.in_progress += not refused

    @rule(worker=workers, answers=st.booleans())
    @precondition(lambda self: self.in_progress and not self.probers)
    def end(self, worker: int, answers: bool) -> None:
        self.in_progress -= 1
        if answers:
            self.breakers[worker].record_answer()
        else:
            self.breakers[worker].record_failure()
        self._ended(answers)

    @rule(worker=workers)
    def begin_to_probe(self, worker: int) -> None:
        stack = ExitStack()
        outage = stack.enter_context(self.breakers[worker].probing())
        alive = [at for at, _ in self.probers if clock.now() - at < timedelta(seconds=90)]
        assert (outage is not None) == (self.is_open and not alive), "never two at a time"
        if outage is None:
            stack.close()
        else:
            self.probers.append((clock.now(), stack))

    @rule(worker=workers, answers=st.booleans())
    @precondition(lambda self: self.probers)
    def end_the_probe(self, worker: int, answers: bool) -> None:
        before = self.breakers[worker].outage()
        call(self.breakers[worker], None if answers else silence())
        if answers:
            self._ended(answers=True)
        elif self.is_open:
            after = self.breakers[worker].outage()
            assert after.probes == before.probes + 1
            assert after.probe_at
            assert after.probe_at > clock.now()
        self.probers.pop()[1].close()

    @rule(seconds=st.sampled_from([1, 30, 60, 91, 600]))
    def wait(self, seconds: int) -> None:
        self.clock.move(seconds)

    @invariant()
    def all_workers_agree(self) -> None:
        assert {circuit_breaker.outage().is_open for circuit_breaker in self.breakers} == {
            self.is_open
        }

    def _ended(self, answers: bool) -> None:
        self.in_a_row = 0 if answers else self.in_a_row + 1
        self.is_open = not answers and (self.is_open or self.in_a_row >= FAILURES_TO_OPEN)


Workers.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestWorkers = Workers.TestCase


def test_a_call_that_fails_when_it_is_open_already_does_not_postpone_the_probe(
    worker: Callable[[], CircuitBreaker], time: MovableClock
) -> None:
    for _ in range(FAILURES_TO_OPEN):
        worker().record_failure()
    before = worker().outage()
    time.move(30)
    worker().record_failure()
    assert worker().outage() == before


class RacedTable(InMemoryTable):
    """Runs `meanwhile` once, between a read and the write that depends on it."""

    meanwhile: Callable[[], None] | None = None

    def get(self, pk: str, sk: str) -> Item | None:
        found = super().get(pk, sk)
        if race := self.meanwhile:
            self.meanwhile = None
            race()
        return found


@pytest.mark.usefixtures("time")
@pytest.mark.parametrize("earlier", [0, 1])
def test_two_failures_at_once_are_two(earlier: int) -> None:
    table = RacedTable("coordination")
    one, other = (CircuitBreaker(table, FIRM, EXACT) for _ in range(2))
    for _ in range(earlier):
        one.record_failure()
    table.meanwhile = other.record_failure
    one.record_failure()
    assert len(one.outage().failing) == earlier + 2
