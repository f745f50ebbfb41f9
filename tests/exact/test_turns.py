"""At most so many workers have the turn of a division, whatever they do and whoever dies."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.in_memory.tables import InMemoryTable
from ml_connector import clock
from ml_connector.domain.faults import Later
from ml_connector.domain.ids import ConnectionId, Division
from ml_connector.exact.call_purpose import for_orders
from ml_connector.exact.turns import LASTS, Turns, kept

FIRM = ConnectionId("firm")
NL, BE = Division("nl.2101"), Division("nl.2102")


@pytest.fixture
def moving() -> Iterator[clock.MovableClock]:
    moving = clock.MovableClock(1_790_000_000.0)
    clock.read_from(moving)
    yield moving
    clock.read_from(clock.MovableClock())


class Process:
    """One worker's process: what it keeps is its own."""

    def __init__(self, table: InMemoryTable, calls_in_flight: int = 1) -> None:
        self._context = copy_context()
        self.turns = Turns(table, FIRM, calls_in_flight)
        self._run = ExitStack()

    def begin(self) -> None:
        self._context.run(self._run.enter_context, kept())

    def takes(self, division: Division = NL) -> bool:
        try:
            self._context.run(self.turns.take, division)
        except Later as later:
            if later.code != "EXACT_TURN_TAKEN":
                raise
            return False
        return True

    def end(self) -> None:
        self._context.run(self._run.close)


@pytest.fixture
def process(table: InMemoryTable) -> Callable[[], Process]:
    def make() -> Process:
        made = Process(table)
        made.begin()
        return made

    return make


def test_a_turn_is_kept_until_the_end_of_the_run(process: Callable[[], Process]) -> None:
    first, second = process(), process()
    assert first.takes()
    assert first.takes(), "it has it already"
    assert not second.takes()
    assert second.takes(BE), "another division has its own turn"
    first.end()
    assert second.takes()


def test_a_single_call_takes_its_turn_and_gives_it_back(
    table: InMemoryTable, process: Callable[[], Process]
) -> None:
    turns, other = Turns(table, FIRM), process()
    with turns.calling(NL):
        assert not other.takes()
    assert other.takes()
    with pytest.raises(Later), turns.calling(NL):
        pytest.fail("two calls would be in flight")


def test_a_killed_holder_delays_the_division_for_the_lease_at_most(
    process: Callable[[], Process], moving: clock.MovableClock
) -> None:
    assert process().takes()  # and never ends
    other = process()
    assert not other.takes()
    moving.move(LASTS)
    assert other.takes()


def test_a_long_run_renews_its_turn(
    process: Callable[[], Process], moving: clock.MovableClock
) -> None:
    first, second = process(), process()
    for _ in range(5):
        assert first.takes()
        moving.move(LASTS - timedelta(seconds=20))
        assert not second.takes()


def test_who_lost_the_turn_has_to_take_it_anew(
    process: Callable[[], Process], moving: clock.MovableClock
) -> None:
    first, second = process(), process()
    first.takes()
    moving.move(LASTS + timedelta(seconds=1))
    assert second.takes()
    assert not first.takes()
    first.end()
    assert not process().takes(), "a late release frees nothing of another's"


def test_another_connection_has_turns_of_its_own(
    table: InMemoryTable, process: Callable[[], Process]
) -> None:
    assert process().takes()
    with Turns(table, ConnectionId("another")).calling(NL):
        pass


def test_a_waiting_reading_is_told_to_the_holder_and_a_waiting_order_is_not(
    table: InMemoryTable, process: Callable[[], Process]
) -> None:
    holder, turns = process(), Turns(table, FIRM)
    holder.takes()
    with for_orders(), pytest.raises(Later):
        turns.take(NL)
    assert not turns.is_wanted(NL)
    with pytest.raises(Later):
        turns.take(NL)
    assert turns.is_wanted(NL)
    assert not turns.is_wanted(NL), "it is told once"


@contextmanager
def _clock() -> Iterator[clock.MovableClock]:
    moving = clock.MovableClock(1_790_000_000.0)
    clock.read_from(moving)
    yield moving
    clock.read_from(clock.MovableClock())


_A_CALL = 25  # seconds, with its time-outs; who dies leaves it under way
_DOES = st.sampled_from(["take", "end", "die", "pass 20 s", "pass 89 s", "pass 91 s"])


@given(calls_in_flight=st.integers(1, 3), steps=st.lists(st.tuples(st.integers(0, 4), _DOES)))
@settings(max_examples=150)
def test_no_more_have_the_turn_than_may_whatever_happens(
    calls_in_flight: int, steps: list[tuple[int, str]]
) -> None:
    table = InMemoryTable()
    with _clock() as moving:
        processes: dict[int, Process] = {}
        calling: dict[Process, float] = {}
        for number, what in steps:
            if what.startswith("pass"):
                moving.move(float(what.split()[1]))
            elif what == "take":
                if number not in processes:
                    processes[number] = Process(table, calls_in_flight)
                    processes[number].begin()
                if processes[number].takes():
                    calling[processes[number]] = moving() + _A_CALL
            elif number in processes:
                gone = processes.pop(number)
                if what == "end":
                    gone.end()
                    calling.pop(gone, None)
            under_way = [each for each, until in calling.items() if until > moving()]
            assert len(under_way) <= calls_in_flight
