"""A thousand connections in one stack: sweeps, the token refresh, and the calls of an idle one.

In simulated time: a call of a table or queue takes 5 ms, one of Exact or Airbase 0.8 s, and as many
workers run as the template says.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from heapq import heapify, heapreplace
from math import ceil, log
from typing import Any

from bench.result import Result
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.stack import InMemoryQueues, QueuedMessage
from local.in_memory.tables import InMemoryTable
from local.sam_template import SamTemplate
from ml_connector.connections.token_refresh import AT_ONCE, refresh_all
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.dynamodb import Item
from ml_connector.sweep.dispatch import queue_sweeps

TABLE_CALL, REMOTE_CALL = 0.005, 0.8
"""Seconds."""
_SIZES = (1, 10, 100, 1000)
_MOST_SECONDS, _MOST_GROWTH, _MOST_IDLE_CALLS = 20, 1.1, 8
_CARE_WITHIN = 780
"""Until its function begins with no other connection; half of its schedule is three hours."""
_DAY, _MINUTE, _FURTHER = 86_400, 60, 10
_OF_A_MESSAGE = 3
"""Calls of a queue for each message: it is received, hidden and deleted."""
_OF_A_BATCH = 10
_READINGS = ("reading#", "note#")
_METHODS = (
    "get", "get_many", "get_each", "insert", "put", "put_all", "replace", "change", "transact",
    "delete", "delete_all", "add",
    "join", "leave", "raise_to", "query", "between", "page", "query_index",
)  # fmt: skip


def measure() -> Iterator[Result]:
    """Sweep stacks of several sizes at once; refresh tokens; count an idle hour."""
    logging.disable(logging.CRITICAL)
    workers = int(SamTemplate().cloudformation["Parameters"]["OrderWorkers"]["Default"])
    seconds = {size: _swept_after(size, workers) for size in _SIZES}
    for size, took in seconds.items():
        is_last = size == _SIZES[-1]
        yield Result(
            f"seconds from the tick to the last of {size} connections swept, {workers} workers",
            f"{took:.2f}",
            f"at most {_MOST_SECONDS}" if is_last else "",
            took <= _MOST_SECONDS if is_last else None,
        )
    growth = log(seconds[1000] / seconds[100]) / log(10)
    limit = f"linear: at most {_MOST_GROWTH}"
    yield Result("its growth, 100 to 1,000", f"{growth:.2f}", limit, growth <= _MOST_GROWTH)
    yield _delay_of_the_others(workers)
    care = _care() * _SIZES[-1] / AT_ONCE
    yield Result(
        "seconds of a token refresh of 1,000 connections of three divisions",
        f"{care:.0f}",
        f"at most {_CARE_WITHIN}",
        care <= _CARE_WITHIN,
    )
    alone, many = _idle_calls(1), _idle_calls(1 + _FURTHER)
    each = (many - alone) / _FURTHER
    yield Result(
        "table and queue calls of an idle connection of three divisions in a minute",
        f"{each:.2f}",
        f"at most {_MOST_IDLE_CALLS}",
        each <= _MOST_IDLE_CALLS,
    )
    yield Result("those of the stack, for all connections", f"{alone - each:.2f}")


class Calls:
    """Counts the calls of all tables and queues in memory."""

    def __init__(self) -> None:
        self.made = 0
        self._depth = 0

    @contextmanager
    def counted(self) -> Iterator["Calls"]:
        """Count within a `with` block."""
        counted = [(InMemoryTable, name) for name in _METHODS]
        owners: list[tuple[type, str]] = [*counted, (InMemoryQueues, "send")]
        real = {each: getattr(*each) for each in owners}
        batches = InMemoryQueues.send_all

        def send_all(queues: InMemoryQueues, messages: Any) -> None:
            before = self.made
            batches(queues, messages)
            self.made = before + ceil(len(messages) / _OF_A_BATCH)

        try:
            for owner, name in owners:
                setattr(owner, name, self._around(real[owner, name]))
            setattr(InMemoryQueues, "send_all", send_all)  # noqa: B010  one of the two is typed
            yield self
        finally:
            for owner, name in owners:
                setattr(owner, name, real[owner, name])
            setattr(InMemoryQueues, "send_all", batches)  # noqa: B010

    def _around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **more: Any) -> Any:
            self.made += not self._depth  # one operation in memory may use another
            self._depth += 1
            try:
                return call(*args, **more)
            finally:
                self._depth -= 1

        return counted


def _swept_after(size: int, workers: int) -> float:
    """Return how many seconds after a tick the last connection was swept."""
    return max(_sweep_all(_fleet(size), workers).values())


def _delay_of_the_others(workers: int) -> Result:
    """Let one connection hold its worker for its whole life, again and again."""
    slow = ConnectionId(f"{FIRM}-0")
    calm, beside = (_sweep_all(_fleet(100), workers, hanging) for hanging in ((), (slow,)))
    # The connections that one worker of ten does not take are taken by the nine others.
    last = max(at for id, at in beside.items() if id != slow)
    most = max(calm.values()) * workers / (workers - 1) + TABLE_CALL * _MOST_SECONDS
    name = "seconds until the last of 99 others is swept, one of 100 hangs"
    return Result(name, f"{last:.2f}", f"at most {most:.2f}: one worker less", last <= most)


def _fleet(size: int) -> InMemoryEnvironment:
    """Return a stack of connections that are due to be swept and have nothing else to do."""
    env = InMemoryEnvironment()
    env.connect()
    for _ in range(4):
        env.wait(minutes=1)
    copy_connection(env, [ConnectionId(f"{FIRM}-{number}") for number in range(size - 1)])
    env.clock.move(10 * _MINUTE)
    return env


def copy_connection(env: InMemoryEnvironment, ids: Iterable[ConnectionId]) -> None:
    """Add connections like the first one, with what a sweep reads of it."""
    first, swept = env.connection(), env.services.sweep_marks.of(FIRM)
    tables = env.memory.tables
    read = (tables.ledger, tables.inbox, tables.coordination, tables.reference)
    items = [(table, item) for table in read for item in _of_the_first(table)]
    for id in ids:
        env.services.connections.save(first.model_copy(update={"id": id}))
        env.services.sweep_marks.note_swept(id, swept)
        for table, item in items:
            copy = {name: _renamed(value, id) for name, value in item.items()}
            table.store(copy)  # type: ignore[attr-defined]


def _of_the_first(table: Any) -> list[Item]:
    found = [item for item in table.items() if str(item["pk"]).split("#")[0] == FIRM]
    if table.name != "reference":
        return found
    return [item for item in found if str(item["sk"]).startswith(_READINGS)]


def _renamed(value: Any, id: ConnectionId) -> Any:
    is_ours = isinstance(value, str) and value.split("#")[0] == FIRM
    return f"{id}{value[len(FIRM) :]}" if is_ours else value


def _sweep_all(
    env: InMemoryEnvironment, workers: int, hanging: tuple[ConnectionId, ...] = ()
) -> dict[ConnectionId, float]:
    """Queue all sweeps and let workers do them; return when each ended, in seconds."""
    ended: dict[ConnectionId, float] = {}
    with Calls().counted() as calls:
        queue_sweeps(env.services)
        free = [calls.made * TABLE_CALL] * workers
        heapify(free)
        for one in list(env.memory.queues.ready()):
            began, id = free[0], ConnectionId(one.message.body["connection"])
            if id in hanging:
                heapreplace(free, began + _MINUTE)
                continue
            ended[id] = began + _seconds_of(env, one, calls)
            heapreplace(free, ended[id])
    return ended


def _seconds_of(env: InMemoryEnvironment, one: QueuedMessage, calls: Calls) -> float:
    before = calls.made
    env.memory.queues.deliver(one, lambda message: env.memory.work(message, env.services))
    return (calls.made - before + _OF_A_MESSAGE) * TABLE_CALL


def _care() -> float:
    """Return how long the turn of a connection takes in which everything is renewed."""
    env = InMemoryEnvironment()
    env.connect()
    refresh_all(env.services.all(), lambda _name, _value: None)
    env.clock.move(_DAY + _MINUTE)
    before = len(env.exact.calls)
    with Calls().counted() as calls:
        refresh_all(env.services.all(), lambda _name, _value: None)
    return calls.made * TABLE_CALL + (len(env.exact.calls) - before) * REMOTE_CALL


def _idle_calls(size: int) -> float:
    """Return the calls in a minute of an hour in which nothing happens."""
    env = _fleet(size)
    with Calls().counted() as calls:
        for _ in range(_MINUTE):
            env.clock.move(_MINUTE)
            calls.made += _OF_A_MESSAGE  # the schedule's
            queue_sweeps(env.services)
            while ready := list(env.memory.queues.ready()):
                for one in ready:
                    calls.made += _OF_A_MESSAGE
                    env.memory.queues.deliver(one, lambda each: env.memory.work(each, env.services))
    return calls.made / _MINUTE
