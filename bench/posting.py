"""Calls per posted order, and orders a minute under Exact's limit, in simulated time."""

import logging
from collections.abc import Iterator
from http import HTTPStatus

from bench.result import Result
from local.in_memory.environment import InMemoryEnvironment
from local.in_memory.receivers import Receivers

_ORDERS = 1000
_MINUTES = 10
_MIN_A_MINUTE = 57
_ONE_BY_ONE, _MOST_TABLE_CALLS = 20, 30


def measure() -> Iterator[Result]:
    """Approve more orders at once, in one division, than the limit allows in ten minutes."""
    logging.disable(logging.CRITICAL)
    env = _environment()
    before = env.exact_calls()
    for number in range(_ORDERS):
        env.queue(env.order(f"PO-{number}"))
    env.work()
    for _ in range(_MINUTES - 1):
        env.wait(minutes=1)  # the sweep's schedule
    posted = len(env.in_exact())
    per_order = (env.exact_calls() - before) / posted
    a_minute = posted / _MINUTES
    refused = sum(call.status == HTTPStatus.TOO_MANY_REQUESTS for call in env.exact.calls)
    yield Result("Exact calls per posted order", f"{per_order:.3f}", "1.0", per_order <= 1)
    yield Result(
        "orders a minute and division, limit 60",
        f"{a_minute:.1f}",
        f"at least {_MIN_A_MINUTE}",
        a_minute >= _MIN_A_MINUTE,
    )
    yield Result("429 answers meanwhile", str(refused), "0", refused == 0)
    yield from _table_calls()


def _table_calls() -> Iterator[Result]:
    """Post orders one after the other, each from its webhook."""
    env = _environment()
    receivers = Receivers(env)
    receivers.posted("first")
    meters = []
    for number in range(_ONE_BY_ONE):
        env.clock.move(2)
        meters.append(receivers.posted(f"PO-{number}"))
    # Lambda receives and deletes the messages.
    made = [c for each in meters for c in each.calls if c.operation not in {"receive", "delete"}]
    of_tables = [call for call in made if call.service == "table"]
    calls = len(of_tables) / _ONE_BY_ONE
    yield Result(
        "table calls per posted order, from its webhook",
        f"{calls:.1f}",
        f"at most {_MOST_TABLE_CALLS}",
        calls <= _MOST_TABLE_CALLS,
    )
    items = sum(call.items for call in of_tables) / _ONE_BY_ONE
    yield Result("items that they read and write", f"{items:.1f}")
    others = (len(made) - len(of_tables)) / _ONE_BY_ONE
    yield Result("calls of queues and secrets besides", f"{others:.1f}")


def _environment() -> InMemoryEnvironment:
    """Return an environment without Airbase's rate limit."""
    env = InMemoryEnvironment()
    env.airbase.limit = 1_000_000
    env.connect()
    env.wait(minutes=2)
    return env
