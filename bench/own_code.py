"""The time an order spends in our own code, and how it grows with the order's lines.

Everything remote and everything of AWS is excluded: simulators, tables, vault and queues are
timed where they are entered and taken off.
"""

import logging
import statistics
import time
from collections.abc import Callable, Iterator
from math import log
from typing import Any

from bench.result import Result
from local.office import FIRM, Office
from ml_connector.ids import OrderId
from ml_connector.workflows.orders.posting import advance

_SIZES = (1, 10, 100, 1000)
_RUNS = 9
_MOST_GROWTH = 1.1


class Stopwatch:
    """Adds up the time spent in the calls it wraps; nested ones count once."""

    def __init__(self) -> None:
        """Start at nothing."""
        self.seconds = 0.0
        self._depth = 0

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return the call, timed."""

        def timed(*args: Any, **more: Any) -> Any:
            self._depth += 1
            started = time.perf_counter()
            try:
                return call(*args, **more)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.seconds += time.perf_counter() - started

        return timed


def measure() -> Iterator[Result]:
    """Post orders of 1 to 1,000 lines and print milliseconds and the growth exponent."""
    logging.disable(logging.CRITICAL)
    times = {size: _median(size) for size in _SIZES}
    for size, seconds in times.items():
        yield Result(f"own code, order of {size} lines", f"{seconds * 1000:.2f} ms")
    growth = log(times[1000] / times[100]) / log(10)
    yield Result(
        "growth exponent, 100 to 1,000 lines",
        f"{growth:.2f}",
        f"linear: at most {_MOST_GROWTH}",
        growth <= _MOST_GROWTH,
    )


def _median(lines: int) -> float:
    return statistics.median(_own_seconds(lines) for _ in range(_RUNS))


def _own_seconds(lines: int) -> float:
    office, watch = Office(), Stopwatch()
    office.connect()
    order = office.order(lines=[office.airbase.line("4100", "10.00")] * lines)
    _exclude(office, watch)
    started = time.perf_counter()
    record = advance(office.doors, FIRM, OrderId(order["id"]))
    spent = time.perf_counter() - started - watch.seconds
    if record.state != "posted":
        raise RuntimeError(f"the order of {lines} lines is {record.state}: {record.problems}")
    return spent


def _exclude(office: Office, watch: Stopwatch) -> None:
    for table in vars(office.mini.tables).values():
        _time_all(table, watch)
    _time_all(office.mini.vault, watch)
    _time_all(office.mini.queues, watch)
    office.mini.transport.handle_request = watch.around(  # type: ignore[method-assign]
        office.mini.transport.handle_request
    )


def _time_all(door: object, watch: Stopwatch) -> None:
    for name in dir(type(door)):
        call = getattr(door, name)
        if not name.startswith("_") and callable(call):
            setattr(door, name, watch.around(call))
