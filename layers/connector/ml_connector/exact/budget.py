"""Exact's call limits, shared by every worker of a division: no call without a reservation.

Exact counts per app and division in whole calendar minutes and whole UTC days. A reservation is
two conditional counter writes; one read a minute and process picks up what others learned.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ml_connector import clock
from ml_connector.codes.delays import DELAYS
from ml_connector.doors.table import Item, Table
from ml_connector.exact import limits
from ml_connector.exact.limits import Limits, Window, next_day, next_minute
from ml_connector.faults import Later
from ml_connector.ids import ConnectionId, Division

MINUTE_MARGIN = 1
DAY_MARGIN = 25
# A call that is reserved in a minute's last moments reaches Exact in the next minute.
_ON_THE_WAY = timedelta(seconds=1)
# The server's count is only worth a write once little is left of a window: one part in ...
_TAIL = 3
_DAY_TAIL = 20


@dataclass
class _Known:
    """What this process knows of one division: limits, a pause, and when it last looked."""

    minute_limit: int
    day_limit: int
    paused_until: float = 0.0
    looked_in: datetime | None = None
    pause_code: str = "EXACT_RATE_LIMITED"
    learned: dict[str, int] = field(default_factory=dict)


class Budget:
    """The calls that one connection may still make, per division."""

    def __init__(
        self, table: Table, connection: ConnectionId, per_minute: int = 60, per_day: int = 5000
    ) -> None:
        """Start from the configured limits; what Exact's headers say overrides them."""
        self._table = table
        self._connection = connection
        self._configured = (per_minute, per_day)
        self._divisions: dict[Division, _Known] = {}

    def reserve(self, division: Division, calls: int = 1) -> None:
        """Take `calls` from this minute and this day before they are made.

        Raises:
            Later: a window is full or Exact has told us to wait; until it opens.
        """
        now = clock.now()
        known = self._known(division, now)
        if known.paused_until > now.timestamp():
            raise _full(known.pause_code, _moment(known.paused_until))
        self._take_minute(division, known, now, calls)
        if now + _ON_THE_WAY >= next_minute(now):
            self._take_minute(division, known, next_minute(now), calls)
        self._take_day(division, known, now, calls)

    def room(self, division: Division) -> int:
        """Return how many calls can still be reserved this minute."""
        now = clock.now()
        if self._known(division, now).paused_until > now.timestamp():
            return 0
        return min(self.left(division))

    def left(self, division: Division) -> tuple[int, int]:
        """Return what this minute and this day have left, whether or not Exact has said to wait."""
        now = clock.now()
        known = self._known(division, now)
        minute = _minute_ceiling(known) - self._used(division, _minute_key(now))
        day = _day_ceiling(known) - self._used(division, _day_key(now))
        return max(minute, 0), max(day, 0)

    def exhausted_until(self, division: Division) -> datetime | None:
        """Return when calls are possible again, or None when they are now."""
        now = clock.now()
        known = self._known(division, now)
        if known.paused_until > now.timestamp():
            return _moment(known.paused_until)
        if self._used(division, _day_key(now)) >= _day_ceiling(known):
            return next_day(now)
        full = self._used(division, _minute_key(now)) >= _minute_ceiling(known)
        return next_minute(now) if full else None

    def used_percent(self, division: Division, minutes: int) -> tuple[float, float]:
        """Return how much is used of a minute's calls, at the most of the last few, and a day's."""
        now = clock.now()
        known = self._known(division, now)
        keys = [_minute_key(now - timedelta(minutes=back)) for back in range(minutes + 1)]
        busiest = max(self._used(division, key) for key in keys)
        today = self._used(division, _day_key(now))
        return 100 * busiest / known.minute_limit, 100 * today / known.day_limit

    def correct(self, division: Division, headers: Mapping[str, str]) -> None:
        """Believe the headers of an answer: other programs may use the same app."""
        now = clock.now()
        said = limits.parse(headers, now)
        known = self._known(division, now)
        self._learn(division, known, said, now)
        # The reset names the window: an answer may arrive when its minute is already over.
        if said.minute and said.minute.resets_at:
            at = said.minute.resets_at - timedelta(seconds=30)
            self._raise(division, _minute_key(at), said.minute, _TAIL)
        if said.day and said.day.resets_at:
            at = said.day.resets_at - timedelta(hours=12)
            self._raise(division, _day_key(at), said.day, _DAY_TAIL)

    def pause(self, division: Division, code: str, until: datetime) -> None:
        """Stop all workers of the division until then: Exact has said 429."""
        now = clock.now()
        known = self._known(division, now)
        if until.timestamp() > known.paused_until:
            known.paused_until, known.pause_code = until.timestamp(), code
            self._share(division, known, now)
        # Others read the pause at their next minute; a full counter stops them in this one.
        full = known.minute_limit
        self._table.raise_to(self._pk(division), _minute_key(now), full, _expiry(now))

    def _known(self, division: Division, now: datetime) -> _Known:
        known = self._divisions.setdefault(division, _Known(*self._configured))
        minute = next_minute(now)
        if known.looked_in != minute:
            known.looked_in = minute
            self._look(division, known)
        return known

    def _look(self, division: Division, known: _Known) -> None:
        item = self._table.get(self._pk(division), "known")
        if item is None:
            return
        known.learned = json.loads(str(item["limits"]))
        _apply(known)
        _heed_pause(known, item)

    def _learn(self, division: Division, known: _Known, said: Limits, now: datetime) -> None:
        windows = {"minute": said.minute, "day": said.day}
        told = {name: w.limit for name, w in windows.items() if w and w.limit}
        current = {"minute": known.minute_limit, "day": known.day_limit}
        if any(current[name] != limit for name, limit in told.items()):
            known.learned |= told
            _apply(known)
            self._share(division, known, now)

    def _share(self, division: Division, known: _Known, now: datetime) -> None:
        item = self._table.get(self._pk(division), "known")
        if item is not None:
            _heed_pause(known, item)
        self._table.put(
            {
                "pk": self._pk(division),
                "sk": "known",
                "limits": json.dumps(known.learned),
                "paused_until": repr(known.paused_until),
                "pause_code": known.pause_code,
                "expires_at": _expiry(now),
            }
        )

    def _take_minute(self, division: Division, known: _Known, at: datetime, calls: int) -> None:
        if not self._add(division, _minute_key(at), _minute_ceiling(known), calls, at):
            raise _full("EXACT_MINUTE_LIMIT", next_minute(at))

    def _take_day(self, division: Division, known: _Known, at: datetime, calls: int) -> None:
        if not self._add(division, _day_key(at), _day_ceiling(known), calls, at):
            known.paused_until, known.pause_code = next_day(at).timestamp(), "EXACT_DAY_LIMIT"
            raise _full("EXACT_DAY_LIMIT", next_day(at))

    def _add(self, division: Division, sk: str, ceiling: int, calls: int, at: datetime) -> bool:
        return self._table.add(self._pk(division), sk, calls, ceiling, _expiry(at))

    def _raise(self, division: Division, sk: str, window: Window, tail: int) -> None:
        if window.used is None or window.limit is None:
            return
        if window.limit - window.used <= window.limit // tail:
            self._table.raise_to(self._pk(division), sk, window.used, _expiry(clock.now()))

    def _used(self, division: Division, sk: str) -> int:
        item = self._table.get(self._pk(division), sk)
        return int(item["used"]) if item else 0

    def _pk(self, division: Division) -> str:
        return f"{self._connection}#budget#{division}"


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def _heed_pause(known: _Known, item: Item) -> None:
    shared = float(str(item["paused_until"]))
    if shared > known.paused_until:
        known.paused_until, known.pause_code = shared, str(item["pause_code"])


def _apply(known: _Known) -> None:
    known.minute_limit = known.learned.get("minute", known.minute_limit)
    known.day_limit = known.learned.get("day", known.day_limit)


def _minute_ceiling(known: _Known) -> int:
    return max(known.minute_limit - MINUTE_MARGIN, 1)


def _day_ceiling(known: _Known) -> int:
    return max(known.day_limit - min(DAY_MARGIN, known.day_limit // 20), 1)


def _minute_key(at: datetime) -> str:
    return f"minute#{at:%Y-%m-%dT%H:%M}"


def _day_key(at: datetime) -> str:
    return f"day#{at:%Y-%m-%d}"


def _expiry(at: datetime) -> int:
    return int((at + timedelta(days=2)).timestamp())


def _full(code: str, until: datetime) -> Later:
    return Later(code, until, DELAYS[code].cause)
