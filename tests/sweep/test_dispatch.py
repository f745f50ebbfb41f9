"""Each connection is swept by itself: no other waits for it, and an idle one costs little."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.stack import InMemoryQueues, QueuedMessage
from local.in_memory.tables import InMemoryTable
from ml_connector import clock
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.inbox import Inbox
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, VENDORS, Message
from ml_connector.infrastructure.sweep_marks import SWEPT_EVERY
from ml_connector.messages.rooms import queue_waiting_events
from ml_connector.sweep.dispatch import (
    COMPARED_AT_ONCE,
    LATE_AFTER,
    LOST_AFTER,
    queue_comparisons,
    queue_sweeps,
)
from tests.purchase_orders.test_events import incoming_event

OTHER = ConnectionId("zuiderzon")
_MOST_CALLS = 8
"""Table and queue calls of an idle connection in a minute."""
_METHODS = (
    "get", "get_many", "get_each", "insert", "put", "put_all", "replace", "change", "transact",
    "delete", "delete_all", "add",
    "join", "leave", "raise_to", "query", "between", "page", "query_index",
)  # fmt: skip


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the calls of tables and queues, by operation and key."""
    counted: Counter[str] = Counter()

    def count(owner: type, name: str) -> None:
        real = getattr(owner, name)

        def called(self: Any, *args: Any, **more: Any) -> Any:
            counted[f"{name} {args[0] if args and isinstance(args[0], str) else ''}"] += 1
            return real(self, *args, **more)

        monkeypatch.setattr(owner, name, called)

    for name in _METHODS:
        count(InMemoryTable, name)
    count(InMemoryQueues, "send")
    return counted


def rest(env: InMemoryEnvironment) -> None:
    """Let everything that recurs be done, and all connections come to rest."""
    for _ in range(4):
        env.wait(minutes=1)


def swept(env: InMemoryEnvironment, id: ConnectionId = FIRM) -> int:
    """Return how many sweeps of a connection have come to their end."""
    return env.services.sweep_marks.of(id).number


def sweeps(env: InMemoryEnvironment) -> list[QueuedMessage]:
    return [one for one in env.memory.queues.waiting if one.message.body["kind"] == "sweep"]


def test_an_idle_connection_is_not_read_and_is_swept_every_ten_minutes(
    env: InMemoryEnvironment, calls: Counter[str]
) -> None:
    env.connect()
    rest(env)
    calls.clear()
    before, minutes = swept(env), 50
    for minute in range(minutes):
        env.wait(minutes=1)
        if minute == 0:
            assert not [each for each in calls if FIRM in each], "it has nothing to do"
    assert swept(env) - before == minutes / (SWEPT_EVERY / timedelta(minutes=1))
    assert calls.total() / minutes <= _MOST_CALLS


def test_a_connection_is_swept_in_the_minute_after_a_message_about_it(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    env.connect(OTHER)
    rest(env)
    before = swept(env), swept(env, OTHER)
    env.post(env.order())
    env.wait(minutes=1)
    assert (swept(env), swept(env, OTHER)) == (before[0] + 1, before[1])


def test_a_record_is_taken_up_in_the_minute_in_which_it_is_due(env: InMemoryEnvironment) -> None:
    env.connect()
    rest(env)
    order = env.order()
    at = clock.now() + timedelta(minutes=7)
    env.services.ledger_of(FIRM).write(env.record(order).now("received").due(at), "received")
    env.services.sweep_marks.note_work(FIRM)  # as the worker does
    for minute in range(7):
        assert env.record(order).state == "received", f"posted after {minute} minutes"
        env.wait(minutes=1)
    assert env.record(order).state == "posted"


def test_what_no_mark_tells_is_found_after_ten_minutes(env: InMemoryEnvironment) -> None:
    env.connect()
    rest(env)
    order = env.order()
    env.services.inbox_of(FIRM).keep(incoming_event(order))
    for _ in range(13):
        env.wait(minutes=1)
    assert env.record(order).state == "posted"


def test_a_stopped_connection_is_swept_every_minute(env: InMemoryEnvironment) -> None:
    env.connect()
    found = problem("ANOTHER_CONNECTOR", FIRM, connection=FIRM)
    Halts(env.services.ledger_of(FIRM)).stop(found)
    rest(env)
    before = swept(env)
    for _ in range(5):
        env.wait(minutes=1)
    assert swept(env) == before + 5


def test_a_sweep_that_is_queued_or_runs_is_not_queued_again(env: InMemoryEnvironment) -> None:
    env.connect()
    for _ in range(20):
        env.clock.move(60)
        queue_sweeps(env.services)
    assert len(sweeps(env)) == 1


def test_a_sweep_that_was_lost_is_queued_again(env: InMemoryEnvironment) -> None:
    env.connect()
    env.clock.move(60)
    queue_sweeps(env.services)
    env.memory.queues.waiting.clear()
    env.clock.move(LOST_AFTER)
    queue_sweeps(env.services)
    assert len(sweeps(env)) == 1


def test_a_copy_of_a_sweep_does_nothing(env: InMemoryEnvironment, calls: Counter[str]) -> None:
    env.connect()
    env.clock.move(60)
    queue_sweeps(env.services)
    (one,) = sweeps(env)
    env.work()
    calls.clear()
    env.memory.work(one.message, env.services)
    assert calls.total() == 1, "it looks how many sweeps have ended"


def test_the_message_of_the_release_before_sweeps_the_connection(env: InMemoryEnvironment) -> None:
    env.connect()
    before = swept(env)
    body = {"kind": "sweep", "connection": FIRM}
    env.memory.work(Message(PURCHASE_ORDERS, "sweep", body), env.services)
    assert swept(env) == before + 1


def test_one_that_hangs_delays_no_other_and_is_reported(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker is ended each time, as Lambda does after a minute."""
    env.connect()
    env.connect(OTHER)
    rest(env)

    def hang(inbox: Any, rooms: Any, **more: Any) -> bool:
        if inbox._id == FIRM:
            raise KeyboardInterrupt
        return queue_waiting_events(inbox, rooms, **more)

    monkeypatch.setattr("ml_connector.sweep.one_connection.queue_waiting_events", hang)
    env.clock.move(SWEPT_EVERY)
    order = env.order()
    env.services.inbox_of(OTHER).keep(replace(incoming_event(order), connection=OTHER))
    env.memory.figures.clear()
    before = swept(env, OTHER)
    for minute in range(1, 21):
        env.clock.move(60)
        queue_sweeps(env.services)
        _work_but_killed(env)
        if minute == 1:
            assert swept(env, OTHER) == before + 1
    assert env.record(order, OTHER).state == "posted"
    assert len(sweeps(env)) <= 1
    assert {"SweepFailures": 1} in env.memory.figures, f"after {LATE_AFTER}"


def _work_but_killed(env: InMemoryEnvironment) -> None:
    while ready := list(env.memory.queues.ready()):
        for one in ready:
            try:
                env.memory.queues.deliver(one, lambda each: env.memory.work(each, env.services))
            except KeyboardInterrupt:
                env.services = env.memory.services()


def test_a_connection_that_fails_is_swept_again_each_minute_and_delays_no_other(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    env.connect()
    env.connect(OTHER)
    rest(env)
    real: Callable[..., Any] = Inbox.open_events

    def fail(inbox: Inbox, older_than: Any) -> Any:
        if inbox._id == FIRM:
            raise RuntimeError("a bug")
        return real(inbox, older_than)

    monkeypatch.setattr(Inbox, "open_events", fail)
    env.clock.move(SWEPT_EVERY)
    before = swept(env), swept(env, OTHER)
    env.memory.figures.clear()
    for _ in range(3):
        env.wait(minutes=1)
    assert (swept(env), swept(env, OTHER)) == (before[0] + 3, before[1] + 1)
    assert env.memory.figures.count({"SweepFailures": 1}) == 3


def test_vendors_are_compared_once_a_night_a_few_connections_each_minute(
    env: InMemoryEnvironment,
) -> None:
    ids = [ConnectionId(f"{FIRM}-{number}") for number in range(1000)]
    config = env.connect()
    for id in ids:
        env.services.connections.save(config.model_copy(update={"id": id}))
    at: dict[str, list[str]] = {}
    for _ in range(24 * 60):
        env.clock.move(60)
        minute = f"{clock.now():%H:%M}"
        if minute == "03:30":
            continue  # a schedule that does not come
        queue_comparisons(env.memory.queues, [*ids, FIRM])
        for one in env.memory.queues.waiting:
            if one.message.body["kind"] == "reconcile":
                at.setdefault(one.message.body["connection"], []).append(minute)
        env.memory.queues.waiting.clear()
    assert at.keys() == {*ids, FIRM}
    minutes = Counter(minute for each in at.values() for minute in each)
    assert minutes.total() == 1001, "once each"
    assert min(minutes) >= "01:00"
    assert max(minutes) <= "05:03"
    assert max(minutes.values()) <= 20


def test_the_daily_schedule_compares_the_vendors_of_few_connections_at_once(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    schedule = Message(VENDORS, "reconcile", {"kind": "reconcile", "at": "2026-11-30T03:00:00Z"})
    config = env.connection()

    def compared() -> int:
        env.memory.queues.waiting.clear()
        env.memory.work(schedule, env.services)
        return len(env.memory.queues.waiting)

    for number in range(COMPARED_AT_ONCE):
        assert compared() == number + 1
        id = ConnectionId(f"{FIRM}-{number}")
        env.services.connections.save(config.model_copy(update={"id": id}))
    assert compared() == 0, "each in its minute"


def test_a_connection_that_was_removed_is_not_swept(env: InMemoryEnvironment) -> None:
    env.connect()
    rest(env)
    env.services.connections.remove(FIRM)
    before = swept(env)
    for _ in range(15):
        env.wait(minutes=1)
    assert (swept(env), sweeps(env)) == (before, [])


class _CrashError(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("which", ["all", "one"])
def test_whatever_call_a_sweep_is_ended_at_what_was_due_is_posted(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    """A crash before each call of the dispatcher, and before each of a connection's sweep."""
    env.connect()
    rest(env)
    at, posted = 0, False
    while True:
        at += 1
        order = env.order(f"PO-{at}")
        due = clock.now() + timedelta(seconds=30)
        env.services.ledger_of(FIRM).write(env.record(order).now("received").due(due), "received")
        env.services.sweep_marks.note_work(FIRM)
        env.clock.move(60)
        if which == "one":
            queue_sweeps(env.services)
        has_crashed = _crashes_at(env, monkeypatch, at, which)
        for _ in range(45):
            env.wait(minutes=1)
            posted = env.record(order).state == "posted"
            if posted and not sweeps(env):
                break
        assert posted, f"call {at}"
        if not has_crashed:
            break
    assert at > (4 if which == "all" else 15)


def _crashes_at(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch, at: int, which: str
) -> bool:
    """Run with a crash before this call; return whether there was one."""
    made = 0
    with monkeypatch.context() as patched:

        def crash(owner: type, name: str) -> None:
            real = getattr(owner, name)

            def called(self: Any, *args: Any, **more: Any) -> Any:
                nonlocal made
                made += 1
                if made == at:
                    raise _CrashError
                return real(self, *args, **more)

            patched.setattr(owner, name, called)

        for name in _METHODS:
            crash(InMemoryTable, name)
        crash(InMemoryQueues, "send")
        try:
            if which == "all":
                queue_sweeps(env.services)
            else:
                (one,) = sweeps(env)
                env.memory.queues.deliver(one, lambda each: env.memory.work(each, env.services))
        except _CrashError:
            env.services = env.memory.services()
            return True
    return False
