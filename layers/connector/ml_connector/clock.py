"""The only source of the current time, so that scenarios and tests can move it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_read: Callable[[], float] = time.time


def now() -> datetime:
    """Return the current moment, aware, in UTC."""
    return datetime.fromtimestamp(_read(), tz=UTC)


def epoch() -> float:
    """Return the current moment as seconds since 1970-01-01 UTC."""
    return _read()


def read_from(source: Callable[[], float]) -> None:
    """Take the time from `source` (epoch seconds) from now on: for local runs and tests."""
    global _read  # noqa: PLW0603  one process, one clock
    _read = source


class MovableClock:
    """Real time plus an offset that only grows."""

    def __init__(self, start: float | None = None) -> None:
        """Follow real time, or stand still at `start` (epoch seconds) until moved."""
        self._frozen_at = start
        self._offset = 0.0

    def __call__(self) -> float:
        """Return this clock's epoch seconds."""
        base = time.time() if self._frozen_at is None else self._frozen_at
        return base + self._offset

    def move(self, by: timedelta | float) -> None:
        """Move forward by a duration (seconds when a number)."""
        self._offset += by.total_seconds() if isinstance(by, timedelta) else by
