"""The circuit of a remote: opens at the third fault in a row, one prober, closed by any answer."""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from local.memory import MemoryTable
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.codes import problem
from ml_connector.doors.circuit import AIRBASE, EXACT, OPENS_AT, Circuit
from ml_connector.doors.table import Item
from ml_connector.faults import Fault, Halt, Later, Review
from ml_connector.ids import ConnectionId
from tests.conftest import NOON

FIRM = ConnectionId("firm")


@pytest.fixture
def table(time: MovableClock) -> MemoryTable:
    return MemoryTable("coordination")


@pytest.fixture
def worker(table: MemoryTable) -> Callable[[], Circuit]:
    """Make the circuit as another process sees it."""
    return lambda: Circuit(table, FIRM, EXACT)


def silence(code: str = "EXACT_UNAVAILABLE") -> Later:
    return Later(code, clock.now(), "no useful answer.")


def call(circuit: Circuit, fault: Fault | None = None) -> None:
    """Make one call that ends in `fault`, or well."""
    with suppress(*([type(fault)] if fault else [])), circuit.calling():
        if fault:
            raise fault


def is_refused(circuit: Circuit) -> bool:
    try:
        circuit.check()
    except Later as later:
        return later.code == "EXACT_AWAY"
    return False


def opened(worker: Callable[[], Circuit]) -> Circuit:
    for _ in range(OPENS_AT):
        call(worker(), silence())
    return worker()


@pytest.mark.parametrize("code", sorted(EXACT.silent))
def test_the_third_fault_in_a_row_opens_it_for_every_worker(
    worker: Callable[[], Circuit], code: str
) -> None:
    idle = worker()
    for _ in range(OPENS_AT - 1):
        call(worker(), silence(code))
        assert not is_refused(idle)
    call(worker(), silence(code))
    assert is_refused(worker())


def test_an_answer_between_makes_the_count_start_over(worker: Callable[[], Circuit]) -> None:
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
def test_a_refusal_is_an_answer(worker: Callable[[], Circuit], answer: Fault) -> None:
    call(worker(), silence())
    call(worker(), silence())
    call(worker(), answer)
    assert worker().outage().failures == 0


@pytest.mark.parametrize(
    "code", ["EXACT_MINUTE_LIMIT", "EXACT_RATE_LIMITED", "TOKEN_BUSY", "EXACT_ERROR_LIMIT"]
)
def test_a_limit_is_no_outage(worker: Callable[[], Circuit], code: str) -> None:
    for _ in range(9):
        call(worker(), silence(code))
    assert not is_refused(worker())


def test_a_late_answer_closes_it_at_once(worker: Callable[[], Circuit], time: MovableClock) -> None:
    with worker().calling():
        opened(worker)
        time.move(3)
    assert not is_refused(worker())


def test_one_remote_says_nothing_of_the_other(
    worker: Callable[[], Circuit], table: MemoryTable
) -> None:
    opened(worker)
    Circuit(table, FIRM, AIRBASE).check()
    Circuit(table, ConnectionId("other"), EXACT).check()


def test_probes_become_rarer_up_to_ten_minutes(
    worker: Callable[[], Circuit], time: MovableClock
) -> None:
    circuit = opened(worker)
    waits = []
    for _ in range(8):
        at = circuit.outage().probe_at
        assert at is not None
        waits.append(at - clock.now())
        time.move(waits[-1])
        with circuit.probing() as outage:
            assert outage is not None
            assert outage.probe_is_due
            call(circuit, silence())
    assert timedelta(seconds=54) <= waits[0] <= timedelta(minutes=1)
    assert timedelta(seconds=108) <= waits[1] <= timedelta(minutes=2)
    assert all(timedelta(minutes=9) <= wait <= timedelta(minutes=10) for wait in waits[4:])


@pytest.mark.parametrize(
    ("fault", "closes"),
    [
        (None, True),
        (Halt(problem("RECONNECT_NEEDED", "Connection firm")), True),
        (silence("EXACT_RATE_LIMITED"), True),
        (silence("EXACT_NO_ANSWER"), False),
        (silence("TOKEN_UNAVAILABLE"), False),
        (silence("TOKEN_CALLS_SPENT"), False),
    ],
)
def test_a_probe_closes_it_when_the_remote_has_answered(
    worker: Callable[[], Circuit], fault: Fault | None, closes: bool
) -> None:
    circuit = opened(worker)
    with circuit.probing() as outage:
        assert outage
        assert is_refused(worker()) is False, "the prober's own calls pass, by whatever door"
        call(circuit, fault)
    assert is_refused(worker()) is not closes


def test_nobody_probes_what_is_closed(worker: Callable[[], Circuit]) -> None:
    with worker().probing() as outage:
        assert outage is None


def test_a_prober_that_died_is_replaced(worker: Callable[[], Circuit], time: MovableClock) -> None:
    circuit = opened(worker)
    with circuit.probing(), worker().probing() as second:
        assert second is None
        time.move(91)  # a worker lives 60 seconds
        with worker().probing() as third:
            assert third is not None


def test_all_being_well_a_busy_worker_hardly_reads(time: MovableClock) -> None:
    counting = _Counting()
    circuit = Circuit(counting, FIRM, EXACT)
    for _ in range(100):
        call(circuit)
    assert (counting.reads, counting.writes) == (1, 0)
    time.move(3)
    call(circuit)
    assert (counting.reads, counting.writes) == (2, 0)


class _Counting(MemoryTable):
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
    """Four workers whose calls begin and end in any order, and probers that may die."""

    workers = st.integers(0, 3)

    def __init__(self) -> None:
        super().__init__()
        self.clock = MovableClock(NOON)
        clock.read_from(self.clock)
        table = MemoryTable()
        self.circuits = [Circuit(table, FIRM, EXACT, trust=0) for _ in range(4)]
        self.in_a_row = 0
        self.is_open = False
        self.under_way = 0
        self.probers: list[tuple[datetime, ExitStack]] = []

    def teardown(self) -> None:
        for _, stack in reversed(self.probers):
            stack.close()
        clock.read_from(MovableClock())

    @rule(worker=workers)
    @precondition(lambda self: not self.probers)
    def begin(self, worker: int) -> None:
        refused = is_refused(self.circuits[worker])
        assert refused == self.is_open
        self.under_way += not refused

    @rule(worker=workers, answers=st.booleans())
    @precondition(lambda self: self.under_way and not self.probers)
    def end(self, worker: int, answers: bool) -> None:
        self.under_way -= 1
        if answers:
            self.circuits[worker].answered()
        else:
            self.circuits[worker].failed()
        self._ended(answers)

    @rule(worker=workers)
    def begin_to_probe(self, worker: int) -> None:
        stack = ExitStack()
        outage = stack.enter_context(self.circuits[worker].probing())
        alive = [at for at, _ in self.probers if clock.now() - at < timedelta(seconds=90)]
        assert (outage is not None) == (self.is_open and not alive), "never two at a time"
        if outage is None:
            stack.close()
        else:
            self.probers.append((clock.now(), stack))

    @rule(worker=workers, answers=st.booleans())
    @precondition(lambda self: self.probers)
    def end_the_probe(self, worker: int, answers: bool) -> None:
        before = self.circuits[worker].outage()
        call(self.circuits[worker], None if answers else silence())
        if answers:
            self._ended(answers=True)
        elif self.is_open:
            after = self.circuits[worker].outage()
            assert after.probes == before.probes + 1
            assert after.probe_at
            assert after.probe_at > clock.now()
        self.probers.pop()[1].close()

    @rule(seconds=st.sampled_from([1, 30, 60, 91, 600]))
    def wait(self, seconds: int) -> None:
        self.clock.move(seconds)

    @invariant()
    def all_workers_agree(self) -> None:
        assert {circuit.outage().is_open for circuit in self.circuits} == {self.is_open}

    def _ended(self, answers: bool) -> None:
        self.in_a_row = 0 if answers else self.in_a_row + 1
        self.is_open = not answers and (self.is_open or self.in_a_row >= OPENS_AT)


Workers.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestWorkers = Workers.TestCase
