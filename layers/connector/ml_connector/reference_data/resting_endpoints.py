"""Endpoints of a division that Exact refuses, or answers uselessly: they rest, and are told.

Each fails by itself and stops no other. It is tried later and later, and becomes an exception.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import timedelta

from ml_connector import clock
from ml_connector.domain.faults import Halt, Later, Review
from ml_connector.domain.records import DivisionFacts, FailedReading
from ml_connector.exact.errors import ABOUT_ENDPOINTS
from ml_connector.infrastructure.reference_store import ReferenceStore, StreamCursor
from ml_connector.reference_data.division_record import DivisionReadings
from ml_connector.telemetry import logger

_UNCLEAR = {"EXACT_OTHER_ANSWER", "EXACT_UNREADABLE", "EXACT_UNAVAILABLE", "EXACT_NO_ANSWER"}
# At most six tries a day of what Exact refuses, 27 of what has no usable answer.
_REFUSED_WAITS = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6))
_UNCLEAR_WAITS = tuple(timedelta(minutes=each) for each in (1, 5, 15, 60))
_UNCLEAR_TOLD_AFTER = timedelta(hours=4)
_PUT_OFF_TOLD_AFTER = timedelta(hours=24)


def rests(cursor: StreamCursor) -> bool:
    """Return whether an endpoint that failed is not to be tried again yet."""
    return cursor.rests_until is not None and clock.now() < cursor.rests_until


class RestingEndpoints:
    """The endpoints of one division, as they are read."""

    def __init__(
        self,
        data: ReferenceStore,
        readings: DivisionReadings,
        needed: Collection[str],
        *,
        everything: bool,
    ) -> None:
        """Take the paths that mapping needs; `everything`: read also what rests."""
        self._data = data
        self._readings = readings
        self._needed = needed
        self._everything = everything

    def attempt(self, path: str, read: Callable[[], bool]) -> bool:
        """Read an endpoint; return whether data changed. A failure of it alone is taken note of."""
        cursor = self._data.cursor(path)
        if rests(cursor) and not self._everything:
            return False
        try:
            has_changed = read()
        except Halt as halt:
            # Without a stream that mapping needs, the division stops, with one exception.
            if path in self._needed or halt.problem.code not in ABOUT_ENDPOINTS:
                raise
            self._failed(path, halt.problem.cause, is_refused=True)
        except Review as review:
            self._failed(path, review.problems[0].cause, is_refused=True)
        except Later as later:
            if not (later.answer or later.code in _UNCLEAR):
                self._put_off(path, later)
                raise
            self._failed(path, later.cause, is_refused=False)
        else:
            if path in self._readings.facts.failed:
                self._readings.change(lambda facts: _without_failure(facts, path), "read_again")
            return has_changed
        return False

    def _failed(self, path: str, words: str, *, is_refused: bool) -> None:
        """Let the endpoint rest, longer each time; from some failures on it is an exception."""
        now = clock.now()
        waits = _REFUSED_WAITS if is_refused else _UNCLEAR_WAITS
        known = self._data.cursor(path)
        wait = waits[min(known.failures, len(waits) - 1)]
        cursor = known.failed(now, now + wait)
        self._data.save_cursor(path, cursor)
        logger().warning("not read from Exact", path=path, cause=words)
        since = cursor.failing_since or now
        is_told = cursor.failures > 1 if is_refused else now - since >= _UNCLEAR_TOLD_AFTER
        if is_told or path in self._readings.facts.failed:
            self._tell(path, FailedReading(since, is_refused, words))

    def _put_off(self, path: str, later: Later) -> None:
        """Note that an endpoint could not be asked; after a day that is an exception."""
        now, known = clock.now(), self._data.cursor(path)
        since = known.failing_since or now
        if known.failing_since is None:
            self._data.save_cursor(path, replace(known, failing_since=since))
        if now - since >= _PUT_OFF_TOLD_AFTER:
            self._tell(path, FailedReading(since, is_refused=False, words=later.cause))

    def _tell(self, path: str, failed: FailedReading) -> None:
        self._readings.change(
            lambda facts: replace(facts, failed={**facts.failed, path: failed}), "not_read"
        )


def _without_failure(facts: DivisionFacts, path: str) -> DivisionFacts:
    failed = {where: each for where, each in facts.failed.items() if where != path}
    return replace(facts, failed=failed)
