"""Exact's call limits, shared by all workers: no call without a reservation.

Exact counts per app and division, in calendar minutes and UTC days. A reservation is two
conditional counter writes; each process reads once a minute what others found out.

Exact's clock may be a second before or behind ours, and a call takes a moment to get there. So a
call in the first or last second of a minute counts for both minutes that meet there: whichever
Exact counts it for, no minute has more than its limit, and none has to be kept in reserve.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from msgspec import Struct, field

from ml_connector import clock
from ml_connector.domain.exception_codes import delay
from ml_connector.domain.faults import Later
from ml_connector.domain.ids import ConnectionId, Division, code_of
from ml_connector.exact import rate_limit_headers as limits
from ml_connector.exact.rate_limit_headers import RateLimitHeaders, Window, next_day, next_minute
from ml_connector.infrastructure.dynamodb import Item, Key, Table

DAY_MARGIN = 25
_UNSURE = timedelta(seconds=1)
_SHARED = "known"
"""The item with what one process has found out for all."""
# Exact's count is stored only when no more than one part in so many of a window is left.
_MINUTE_TAIL = 3
_DAY_TAIL = 20


class _Known(Struct):
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
            raise _limit_reached(known.pause_code, _moment(known.paused_until), division)
        for minute in _minutes(now):
            self._take_minute(division, known, minute, calls)
        self._take_day(division, known, now, calls)

    def calls_left(self, division: Division) -> int:
        """Return how many calls can be reserved, now or within two seconds, before the day ends.

        In a minute's first second those of the minute that begins, although the one before may
        be full: what is queued then waits for a second, not for the next sweep.
        """
        now = clock.now()
        if self._known(division, now).paused_until > now.timestamp():
            return 0
        return min(self.minute_and_day_left(division))

    def minute_and_day_left(self, division: Division) -> tuple[int, int]:
        """Return the calls left this minute and this day, ignoring a pause."""
        now = clock.now()
        known = self._known(division, now)
        minute, day = _minute_key(_minutes(now)[-1]), _day_key(now)
        used = self._used(division, minute, day)
        left = known.minute_limit - used[minute], _day_ceiling(known) - used[day]
        return max(left[0], 0), max(left[1], 0)

    def used_today(self, division: Division) -> int:
        """Return how many calls of this UTC day all workers have made in the division."""
        day = _day_key(clock.now())
        return self._used(division, day)[day]

    def counters(self, division: Division) -> list[Key]:
        """Return what `exhausted` has to be given."""
        now = clock.now()
        names = _SHARED, _day_key(now), *map(_minute_key, _minutes(now))
        return [(self._pk(division), name) for name in names]

    def exhausted(self, division: Division, found: Iterable[Item]) -> Later | None:
        """Return why no call is possible and until when, or None when calls are possible now.

        `found`: which of the `counters` are stored, as just read.
        """
        now, pk = clock.now(), self._pk(division)
        rows = {str(item["sk"]): item for item in found if item["pk"] == pk}
        known = self._noted(division, now, rows.get(_SHARED))
        if known.paused_until > now.timestamp():
            return _limit_reached(known.pause_code, _moment(known.paused_until), division)
        if _used_of(rows.get(_day_key(now))) >= _day_ceiling(known):
            return _limit_reached("EXACT_DAY_LIMIT", next_day(now), division)
        for minute in reversed(_minutes(now)):
            if _used_of(rows.get(_minute_key(minute))) >= known.minute_limit:
                return _minute_full(minute, division)
        return None

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
        known = self._divisions.get(division)
        if known and known.read_in == next_minute(now):
            return known
        return self._noted(division, now, self._table.get(self._pk(division), _SHARED))

    def _noted(self, division: Division, now: datetime, shared: Item | None) -> _Known:
        """Return what is known of a division, after what others found out was read."""
        known = self._divisions.setdefault(division, _Known(*self._configured))
        known.read_in = next_minute(now)
        if shared:
            known.reported = json.loads(str(shared["limits"]))
            _apply_limits(known)
            _apply_pause(known, shared)
        return known

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
        item = self._table.get(self._pk(division), _SHARED)
        if item is not None:
            _apply_pause(known, item)
        self._table.put(
            {
                "pk": self._pk(division),
                "sk": _SHARED,
                "limits": json.dumps(known.reported),
                "paused_until": repr(known.paused_until),
                "pause_code": known.pause_code,
                "expires_at": _expiry(now),
            }
        )

    def _take_minute(self, division: Division, known: _Known, at: datetime, calls: int) -> None:
        if not self._add(division, _minute_key(at), known.minute_limit, calls, at):
            raise _minute_full(at, division)

    def _take_day(self, division: Division, known: _Known, at: datetime, calls: int) -> None:
        if not self._add(division, _day_key(at), _day_ceiling(known), calls, at):
            known.paused_until, known.pause_code = next_day(at).timestamp(), "EXACT_DAY_LIMIT"
            raise _limit_reached("EXACT_DAY_LIMIT", next_day(at), division)

    def _add(self, division: Division, sk: str, ceiling: int, calls: int, at: datetime) -> bool:
        return self._table.add(self._pk(division), sk, calls, ceiling, _expiry(at))

    def _raise_count(self, division: Division, sk: str, window: Window, tail: int) -> None:
        if window.used is None or window.limit is None:
            return
        if window.limit - window.used <= window.limit // tail:
            self._table.raise_to(self._pk(division), sk, window.used, _expiry(clock.now()))

    def _used(self, division: Division, *counters: str) -> dict[str, int]:
        """Return what was used of each of these. One read."""
        found = self._table.get_many(self._pk(division), counters)
        return dict.fromkeys(counters, 0) | {str(each["sk"]): _used_of(each) for each in found}

    def _pk(self, division: Division) -> str:
        return f"{self._connection}#budget#{division}"


def _used_of(counter: Item | None) -> int:
    return int(counter["used"]) if counter else 0


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def _apply_pause(known: _Known, item: Item) -> None:
    shared = float(str(item["paused_until"]))
    if shared > known.paused_until:
        known.paused_until, known.pause_code = shared, str(item["pause_code"])


def _apply_limits(known: _Known) -> None:
    known.minute_limit = known.reported.get("minute", known.minute_limit)
    known.day_limit = known.reported.get("day", known.day_limit)


def _day_ceiling(known: _Known) -> int:
    return max(known.day_limit - min(DAY_MARGIN, known.day_limit // 20), 1)


def after_minute(at: datetime) -> datetime:
    """Return when the minute is over by Exact's clock as well."""
    return next_minute(at - _UNSURE) + _UNSURE


def _minutes(at: datetime) -> list[datetime]:
    """Return a moment in each minute that Exact may count a call for: one, or two that meet."""
    return list({next_minute(each): each for each in (at - _UNSURE, at, at + _UNSURE)}.values())


def _minute_key(at: datetime) -> str:
    return f"minute#{at:%Y-%m-%dT%H:%M}"


def _day_key(at: datetime) -> str:
    return f"day#{at:%Y-%m-%d}"


def _expiry(at: datetime) -> int:
    return int((at + timedelta(days=2)).timestamp())


def _minute_full(at: datetime, division: Division) -> Later:
    return _limit_reached("EXACT_MINUTE_LIMIT", next_minute(at) + _UNSURE, division)


def _limit_reached(code: str, until: datetime, division: Division) -> Later:
    return delay(code, until, "division" if code_of(division) else "", division=division)
