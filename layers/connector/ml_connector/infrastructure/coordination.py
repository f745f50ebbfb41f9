"""What all processes of a connection share: leases, short-lived values, error windows.

Every item expires, most within a day of their last use. The table also has the copies of token
pairs (`exact/token_pairs`), which do not.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from ml_connector import clock
from ml_connector.domain.exception_codes import delay
from ml_connector.domain.ids import AppId, ConnectionId, Division, code_of, further_site_of
from ml_connector.infrastructure.dynamodb import Item, Key, Table

_HOUR = timedelta(hours=1)
_VERSIONS = 2**48
CARE, COMPARISON, LISTING = "tokens and subscriptions", "vendor comparison", "order listing"
"""The recurring jobs of which the end is remembered; the first of each site, see `care_of`."""
_RAN = "ran "
_REMEMBERED = timedelta(days=90)


def care_of(app: AppId) -> str:
    """Return under which name the care for the tokens and subscriptions of a site is remembered.

    That of a connection's first site has no addition.
    """
    site = further_site_of(app)
    return f"{CARE} {site}" if site else CARE


@dataclass(frozen=True)
class HeldLease:
    """An acquired lease: who holds it, and until when (aware UTC)."""

    pk: str
    sk: str
    holder: str
    until: datetime
    version: int

    @property
    def has_expired(self) -> bool:
        """Return whether it has expired: its holder must not act on it any more."""
        return clock.now() >= self.until


class Leases:
    """Grants what only one worker may do at a time; a crashed holder's lease expires."""

    def __init__(self, table: Table, connection: ConnectionId) -> None:
        """Keep this connection's leases in the coordination table."""
        self._table = table
        self._pk = f"{connection}#leases"

    def acquire(self, name: str, lasts: timedelta) -> HeldLease | None:
        """Return the lease, or None while another holds it. One write."""
        until = clock.now() + lasts
        held = HeldLease(self._pk, name, secrets.token_hex(8), until, _new_version())
        return held if self._table.insert(_lease_item(held, until)) else None

    def renew(self, held: HeldLease, lasts: timedelta) -> HeldLease | None:
        """Return the lease, held until `lasts` from now; None once another may have it. One write.

        One that has expired is renewed as long as nobody else has acquired it.
        """
        until = clock.now() + lasts
        renewed = replace(held, until=until, version=_new_version())
        is_ours = self._table.replace(_lease_item(renewed, until), expected=held.version)
        return renewed if is_ours else None

    def release(self, held: HeldLease) -> None:
        """Release the lease; harmless when another holds it by now."""
        past = datetime.fromtimestamp(0, tz=UTC)
        self._table.replace(_lease_item(held, past), expected=held.version)

    @contextmanager
    def holding(self, name: str, lasts: timedelta) -> Iterator[HeldLease | None]:
        """Hold the lease within a `with` block; yields None while another holds it."""
        held = self.acquire(name, lasts)
        try:
            yield held
        finally:
            if held:
                self.release(held)


def _new_version() -> int:
    """A version of its own each time: a late release cannot free a successor's lease."""
    return secrets.randbelow(_VERSIONS)


def _lease_item(held: HeldLease, until: datetime) -> Item:
    return {
        "pk": held.pk,
        "sk": held.sk,
        "holder": held.holder,
        "version": held.version,
        "expires_at": int(until.timestamp()),
    }


class SharedValues:
    """Short-lived values that all processes of a connection share."""

    def __init__(self, table: Table, connection: ConnectionId) -> None:
        """Keep this connection's values in the coordination table."""
        self._table = table
        self._pk = f"{connection}#marks"

    def key(self, name: str) -> Key:
        """Return the key of a value, to read it together with other items."""
        return self._pk, name

    def set(self, name: str, text: str, until: datetime) -> None:
        """Store `text` under `name` until then."""
        expires = int(until.timestamp()) + 1
        self._table.put({"pk": self._pk, "sk": name, "text": text, "expires_at": expires})

    def get(self, name: str) -> str | None:
        """Return the value, or None."""
        item = self._table.get(self._pk, name)
        return None if item is None else str(item["text"])

    def clear(self, name: str) -> None:
        """Remove the value."""
        self._table.delete(self._pk, name)

    def count(self, name: str, ceiling: int, until: datetime) -> bool:
        """Add one to the counter unless it has reached `ceiling`; return whether it was added."""
        return self._table.add(self._pk, name, 1, ceiling, int(until.timestamp()) + 1)


class LastRuns:
    """When the recurring jobs of a connection last came to their end."""

    def __init__(self, values: SharedValues) -> None:
        """Keep the times among the connection's shared values."""
        self._values = values

    def note(self, job: str) -> None:
        """Remember that the job has come to its end now."""
        now = clock.now()
        self._values.set(f"{_RAN}{job}", now.isoformat(), now + _REMEMBERED)

    def of(self, job: str) -> datetime:
        """Return when the job last ended; one that is not known yet counts from now on."""
        text = self._values.get(f"{_RAN}{job}")
        if text is None:
            self.note(job)
            return clock.now()
        return datetime.fromisoformat(text)


class ErrorWindow:
    """Counts errors per division and endpoint over a rolling hour, and stops before Exact does.

    Exact blocks a key for an hour, and longer each time, after more than 10 errors.
    """

    def __init__(
        self,
        table: Table,
        connection: ConnectionId,
        limit: int = 6,
        cache_seconds: float = 5.0,
    ) -> None:
        """Stop at `limit` errors; remember an empty window for `cache_seconds`."""
        self._table = table
        self._connection = connection
        self._limit = limit
        self._cache_seconds = cache_seconds
        self._clean_at: dict[str, float] = {}
        self._without_older: set[str] = set()

    def check(self, division: Division | None, endpoint: str, *, reserve: int = 0) -> None:
        """Pass while more than `reserve` errors are still allowed.

        Raises:
            Later: too many errors; until enough of them are an hour old.
        """
        key = self._key(division, endpoint)
        if clock.epoch() - self._clean_at.get(key, float("-inf")) < self._cache_seconds:
            return
        times = sorted([*self._times(key), *self._older_times(division, endpoint)])
        if not times:
            self._clean_at[key] = clock.epoch()
        limit = self._limit - reserve
        if len(times) >= limit:
            until, count = times[-limit] + _HOUR, len(times)
            raise delay("EXACT_ERROR_LIMIT", until, "errors", count=count, endpoint=endpoint)

    def record(self, division: Division | None, endpoint: str) -> None:
        """Count one error, now."""
        key, now = self._key(division, endpoint), clock.now()
        self._clean_at.pop(key, None)
        at = now.isoformat(timespec="microseconds")
        # Rounded up: an error may expire a second late, never early.
        expires = int((now + _HOUR).timestamp()) + 1
        sk = f"{at}#{secrets.token_hex(4)}"
        self._table.put({"pk": key, "sk": sk, "at": at, "expires_at": expires})

    def _key(self, division: Division | str | None, endpoint: str) -> str:
        return f"{self._connection}#errors#{division or 0}#{endpoint}"

    def _older_times(self, division: Division | None, endpoint: str) -> list[datetime]:
        """Return the errors that an older version counted, without the site in their key.

        Once there are none left, a process does not look again.
        """
        if division is None:
            return []
        key = self._key(str(code_of(division)), endpoint)
        if key in self._without_older:
            return []
        times = self._times(key)
        if not times:
            self._without_older.add(key)
        return times

    def _times(self, key: str) -> list[datetime]:
        since = clock.now() - _HOUR
        times = (datetime.fromisoformat(str(item["at"])) for item in self._table.query(key))
        return [at for at in times if at > since]
