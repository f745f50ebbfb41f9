"""Exact's call limits, shared by all workers: no call without a reservation.

Exact counts per app and division, in calendar minutes and UTC days. A reservation is two
conditional counter writes; each process reads once a minute what others found out.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ml_connector import clock
from ml_connector.domain.exception_codes import delay
from ml_connector.domain.faults import Later
from ml_connector.domain.ids import ConnectionId, Division
from ml_connector.exact import rate_limit_headers as limits
from ml_connector.exact.rate_limit_headers import RateLimitHeaders, Window, next_day, next_minute
from ml_connector.infrastructure.dynamodb import Item, Table

MINUTE_MARGIN = 1
DAY_MARGIN = 25
# A call reserved at the end of a minute reaches Exact in the next one.
_ON_THE_WAY = timedelta(seconds=1)
# Exact's count is stored only when no more than one part in so many of a window is left.
_MINUTE_TAIL = 3
_DAY_TAIL = 20


@dataclass
class _Known:
    """What this process knows of one division: limits, a pause, and when it last read them."""

    minute_limit: int
    day_limit: int
    paused_until: float = 0.0
    read_in: datetime | None = None
    pause_code: str = "EXACT_RATE_LIMITED"
    reported: dict[str, int] = field(default_factory=dict)


class RateLimiter:
    """The calls that one connection may still make at Exact, per division."""

    def __init__(
        self,
        table: Table,
        connection: ConnectionId,
        per_minute: int = 60,
        per_day: int = 5000,
    ) -> None:
        """Start from the configured limits; Exact's headers override them."""
        self._table = table
        self._connection = connection
        self._configured = (per_minute, per_day)
        self._divisions: dict[Division, _Known] = {}

    def reserve(self, division: Division, calls: int = 1) -> None:
        """Reserve calls of this minute and this day before they are made.

        Raises:
            Later: a limit is reached or Exact asked for a pause; until that is over.
        """
        now = clock.now()
        known = self._known(division, now)
        if known.paused_until > now.timestamp():
            raise _limit_reached(known.pause_code, _moment(known.paused_until))
        self._take_minute(division, known, now, calls)
        if now + _ON_THE_WAY >= next_minute(now):
            self._take_minute(division, known, next_minute(now), calls)
        self._take_day(division, known, now, calls)

    def calls_left(self, division: Division) -> int:
        """Return how many calls can still be reserved this minute."""
        now = clock.now()
        if self._known(division, now).paused_until > now.timestamp():
            return 0
        return min(self.minute_and_day_left(division))

    def minute_and_day_left(self, division: Division) -> tuple[int, int]:
        """Return the calls left this minute and this day, ignoring a pause."""
        now = clock.now()
        known = self._known(division, now)
        minute = _minute_ceiling(known) - self._used(division, _minute_key(now))
        day = _day_ceiling(known) - self._used(division, _day_key(now))
        return max(minute, 0), max(day, 0)

    def used_today(self, division: Division) -> int:
        """Return how many calls of this UTC day all workers have made in the division."""
        return self._used(division, _day_key(clock.now()))

    def exhausted_until(self, division: Division) -> datetime | None:
        """Return when calls are possible again, or None when they are possible now."""
        now = clock.now()
        known = self._known(division, now)
        if known.paused_until > now.timestamp():
            return _moment(known.paused_until)
        if self._used(division, _day_key(now)) >= _day_ceiling(known):
            return next_day(now)
        full = self._used(division, _minute_key(now)) >= _minute_ceiling(known)
        return next_minute(now) if full else None

    def correct(self, division: Division, headers: Mapping[str, str]) -> None:
        """Follow the headers of an answer: other programs may use the same app."""
        now = clock.now()
        reported = limits.parse(headers, now)
        known = self._known(division, now)
        self._adopt_limits(division, known, reported, now)
        # The reset identifies the window: an answer may arrive when its minute is over.
        if reported.minute and reported.minute.resets_at:
            at = reported.minute.resets_at - timedelta(seconds=30)
            self._raise_count(division, _minute_key(at), reported.minute, _MINUTE_TAIL)
        if reported.day and reported.day.resets_at:
            at = reported.day.resets_at - timedelta(hours=12)
            self._raise_count(division, _day_key(at), reported.day, _DAY_TAIL)

    def pause(self, division: Division, code: str, until: datetime) -> None:
        """Stop all workers of the division until then: Exact answered 429."""
        now = clock.now()
        known = self._known(division, now)
        if until.timestamp() > known.paused_until:
            known.paused_until, known.pause_code = until.timestamp(), code
            self._share(division, known, now)
        # Others read the pause in their next minute; a full counter stops them in this one.
        full = known.minute_limit
        self._table.raise_to(self._pk(division), _minute_key(now), full, _expiry(now))

    def _known(self, division: Division, now: datetime) -> _Known:
        known = self._divisions.setdefault(division, _Known(*self._configured))
        minute = next_minute(now)
        if known.read_in != minute:
            known.read_in = minute
            self._read_shared(division, known)
        return known

    def _read_shared(self, division: Division, known: _Known) -> None:
        item = self._table.get(self._pk(division), "known")
        if item is None:
            return
        known.reported = json.loads(str(item["limits"]))
        _apply_limits(known)
        _apply_pause(known, item)

    def _adopt_limits(
        self, division: Division, known: _Known, reported: RateLimitHeaders, now: datetime
    ) -> None:
        windows = {"minute": reported.minute, "day": reported.day}
        new_limits = {name: w.limit for name, w in windows.items() if w and w.limit}
        current = {"minute": known.minute_limit, "day": known.day_limit}
        if any(current[name] != limit for name, limit in new_limits.items()):
            known.reported |= new_limits
            _apply_limits(known)
            self._share(division, known, now)

    def _share(self, division: Division, known: _Known, now: datetime) -> None:
        item = self._table.get(self._pk(division), "known")
        if item is not None:
            _apply_pause(known, item)
        self._table.put(
            {
                "pk": self._pk(division),
                "sk": "known",
                "limits": json.dumps(known.reported),
                "paused_until": repr(known.paused_until),
                "pause_code": known.pause_code,
                "expires_at": _expiry(now),
            }
        )

    def _take_minute(self, division: Division, known: _Known, at: datetime, calls: int) -> None:
        if not self._add(division, _minute_key(at), _minute_ceiling(known), calls, at):
            raise _limit_reached("EXACT_MINUTE_LIMIT", next_minute(at))

    def _take_day(self, division: Division, known: _Known, at: datetime, calls: int) -> None:
        if not self._add(division, _day_key(at), _day_ceiling(known), calls, at):
            known.paused_until, known.pause_code = next_day(at).timestamp(), "EXACT_DAY_LIMIT"
            raise _limit_reached("EXACT_DAY_LIMIT", next_day(at))

    def _add(self, division: Division, sk: str, ceiling: int, calls: int, at: datetime) -> bool:
        return self._table.add(self._pk(division), sk, calls, ceiling, _expiry(at))

    def _raise_count(self, division: Division, sk: str, window: Window, tail: int) -> None:
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


def _apply_pause(known: _Known, item: Item) -> None:
    shared = float(str(item["paused_until"]))
    if shared > known.paused_until:
        known.paused_until, known.pause_code = shared, str(item["pause_code"])


def _apply_limits(known: _Known) -> None:
    known.minute_limit = known.reported.get("minute", known.minute_limit)
    known.day_limit = known.reported.get("day", known.day_limit)


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


def _limit_reached(code: str, until: datetime) -> Later:
    return delay(code, until)
