"""The time an order spends in the connector's own code, and how it grows with its lines.

The time in simulators, tables, secrets and queues is measured and subtracted.
"""

import logging
import statistics
import time
from collections.abc import Callable, Iterator
from math import log
from typing import Any

from bench.result import Result
from local.in_memory.environment import InMemoryEnvironment
from ml_connector.domain.ids import OrderId
from ml_connector.purchase_orders.posting import advance_order

_SIZES = (1, 10, 100, 1000)
_RUNS = 9
_MAX_GROWTH = 1.1


class Stopwatch:
    """Adds up the time spent in the calls it wraps; nested ones count once."""

    def __init__(self) -> None:
        """Start at zero."""
        self.seconds = 0.0
        self._depth = 0

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, timed."""

        def timed_call(*args: Any, **more: Any) -> Any:
            self._depth += 1
            started = time.perf_counter()
            try:
                return call(*args, **more)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.seconds += time.perf_counter() - started

        return timed_call


def measure() -> Iterator[Result]:
    """Post orders of 1 to 1,000 lines; yield milliseconds and the growth exponent."""
    logging.disable(logging.CRITICAL)
    times = {size: _median(size) for size in _SIZES}
    for size, seconds in times.items():
        yield Result(f"own code, order of {size} lines", f"{seconds * 1000:.2f} ms")
    growth = log(times[1000] / times[100]) / log(10)
    yield Result(
        "growth exponent, 100 to 1,000 lines",
        f"{growth:.2f}",
        f"linear: at most {_MAX_GROWTH}",
        growth <= _MAX_GROWTH,
    )


def _median(lines: int) -> float:
    return statistics.median(_own_seconds(lines) for _ in range(_RUNS))


def _own_seconds(lines: int) -> float:
    env, watch = InMemoryEnvironment(), Stopwatch()
    env.connect()
    order = env.order(lines=[env.airbase.line("4100", "10.00")] * lines)
    _exclude(env, watch)
    started = time.perf_counter()
    record = advance_order(env.services_of(), OrderId(order["id"]))
    spent = time.perf_counter() - started - watch.seconds
    if record.state != "posted":
        raise RuntimeError(f"the order of {lines} lines is {record.state}: {record.problems}")
    return spent


def _exclude(env: InMemoryEnvironment, watch: Stopwatch) -> None:
    for table in vars(env.memory.tables).values():
        _time_all(table, watch)
    _time_all(env.memory.secret_store, watch)
    _time_all(env.memory.queues, watch)
    env.memory.transport.handle_request = watch.around(  # type: ignore[method-assign]
        env.memory.transport.handle_request
    )


def _time_all(timed: object, watch: Stopwatch) -> None:
    for name in dir(type(timed)):
        call = getattr(timed, name)
        if not name.startswith("_") and callable(call):
            setattr(timed, name, watch.around(call))
