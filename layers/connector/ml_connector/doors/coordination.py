"""What all processes of a connection agree on: leases, call budgets, error windows.

Three kinds of item in one table; none outlives its purpose by more than a day.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ml_connector import clock
from ml_connector.doors.table import Item, Table
from ml_connector.faults import Later
from ml_connector.ids import ConnectionId, Division

_HOUR = timedelta(hours=1)
_VERSIONS = 2**48


@dataclass(frozen=True)
class Held:
    """A lease that was got: who holds it, and until when (aware UTC)."""

    pk: str
    sk: str
    holder: str
    until: datetime
    version: int

    @property
    def is_over(self) -> bool:
        """Return whether its time has passed: its holder must not act on it any more."""
        return clock.now() >= self.until


class Leases:
    """Says who may do what only one may do at a time; a crashed holder loses it by time."""

    def __init__(self, table: Table, connection: ConnectionId) -> None:
        """Keep this connection's leases in the coordination table."""
        self._table = table
        self._pk = f"{connection}#leases"

    def acquire(self, name: str, lasts: timedelta, holder: str = "") -> Held | None:
        """Return the lease, or None while another holds it. One write."""
        until = clock.now() + lasts
        # A version of its own for each holding: a late release can not free a successor's.
        held = Held(
            self._pk, name, holder or secrets.token_hex(8), until, secrets.randbelow(_VERSIONS)
        )
        return held if self._table.insert(_lease_item(held, until)) else None

    def release(self, held: Held) -> None:
        """Give the lease back; harmless when it has passed to another."""
        over = datetime.fromtimestamp(0, tz=UTC)
        self._table.replace(_lease_item(held, over), expected=held.version)

    @contextmanager
    def holding(self, name: str, lasts: timedelta, holder: str = "") -> Iterator[Held | None]:
        """Hold the lease within a `with` block; yields None while another holds it."""
        held = self.acquire(name, lasts, holder)
        try:
            yield held
        finally:
            if held:
                self.release(held)


def _lease_item(held: Held, until: datetime) -> Item:
    return {
        "pk": held.pk,
        "sk": held.sk,
        "holder": held.holder,
        "version": held.version,
        "expires_at": int(until.timestamp()),
    }


class Marks:
    """Small facts that every process of a connection should know for a while."""

    def __init__(self, table: Table, connection: ConnectionId) -> None:
        """Keep this connection's marks in the coordination table."""
        self._table = table
        self._pk = f"{connection}#marks"

    def set(self, name: str, text: str, until: datetime) -> None:
        """Remember `text` under `name` until then."""
        expires = int(until.timestamp()) + 1
        self._table.put({"pk": self._pk, "sk": name, "text": text, "expires_at": expires})

    def get(self, name: str) -> str | None:
        """Return what is remembered, or None."""
        item = self._table.get(self._pk, name)
        return None if item is None else str(item["text"])

    def clear(self, name: str) -> None:
        """Forget it."""
        self._table.delete(self._pk, name)

    def count(self, name: str, ceiling: int, until: datetime) -> bool:
        """Count one more, unless `ceiling` is reached; return whether there was room."""
        return self._table.add(self._pk, name, 1, ceiling, int(until.timestamp()) + 1)


class ErrorWindow:
    """Counts errors per division and endpoint over a rolling hour, and stops before Exact does.

    Exact blocks a key for an hour, and longer each time, after more than 10 errors.
    """

    def __init__(
        self, table: Table, connection: ConnectionId, most: int = 6, trust: float = 5.0
    ) -> None:
        """Stop at `most` errors; believe an empty window for `trust` seconds without a look."""
        self._table = table
        self._connection = connection
        self._most = most
        self._trust = trust
        self._clean_at: dict[str, float] = {}

    def check(self, division: Division | None, endpoint: str, *, leave: int = 0) -> None:
        """Pass while there is room for more than `leave` errors.

        Raises:
            Later: too many errors; until enough of them have left the window.
        """
        key = self._key(division, endpoint)
        if clock.epoch() - self._clean_at.get(key, float("-inf")) < self._trust:
            return
        times = self._times(key)
        if not times:
            self._clean_at[key] = clock.epoch()
        most = self._most - leave
        if len(times) >= most:
            cause = f"{len(times)} errors at {endpoint} within the hour: Exact blocks after 10."
            raise Later("EXACT_ERROR_LIMIT", times[-most] + _HOUR, cause)

    def record(self, division: Division | None, endpoint: str) -> None:
        """Count one error, now."""
        key, now = self._key(division, endpoint), clock.now()
        self._clean_at.pop(key, None)
        at = now.isoformat(timespec="microseconds")
        # Rounded up: the window may close a second late, never early.
        expires = int((now + _HOUR).timestamp()) + 1
        sk = f"{at}#{secrets.token_hex(4)}"
        self._table.put({"pk": key, "sk": sk, "at": at, "expires_at": expires})

    def _key(self, division: Division | None, endpoint: str) -> str:
        return f"{self._connection}#errors#{division or 0}#{endpoint}"

    def _times(self, key: str) -> list[datetime]:
        since = clock.now() - _HOUR
        times = (datetime.fromisoformat(str(item["at"])) for item in self._table.query(key))
        return sorted(at for at in times if at > since)
