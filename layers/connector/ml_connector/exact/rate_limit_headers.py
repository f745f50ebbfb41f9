"""Exact's two sets of rate-limit headers; either may be missing, stale or damaged."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from msgspec import Struct

_DAY = "x-ratelimit-"
_MINUTE = "x-ratelimit-minutely-"
# Below this an epoch value can only be seconds (1973 as milliseconds).
_SMALLEST_MILLISECONDS = 10**11
_FURTHEST = {_MINUTE: timedelta(minutes=10), _DAY: timedelta(hours=25)}


class Window(Struct, frozen=True):
    """One window as Exact reports it: calls allowed, calls left, its end (aware UTC)."""

    limit: int | None = None
    remaining: int | None = None
    resets_at: datetime | None = None

    @property
    def used(self) -> int | None:
        """Return the calls used so far, if both numbers are known."""
        if self.limit is None or self.remaining is None:
            return None
        return max(self.limit - self.remaining, 0)


class RateLimitHeaders(Struct, frozen=True):
    """Both windows; None for a set that was not sent."""

    minute: Window | None = None
    day: Window | None = None


def parse(headers: Mapping[str, str], at: datetime) -> RateLimitHeaders:
    """Read both sets; drop a reset that is past or absurdly far from `at`, the current moment."""
    lower = {name.lower(): value for name, value in headers.items()}
    return RateLimitHeaders(minute=_window(lower, _MINUTE, at), day=_window(lower, _DAY, at))


def next_minute(at: datetime) -> datetime:
    """Return the start of the next calendar minute, when Exact's short window ends."""
    return at.replace(second=0, microsecond=0) + timedelta(minutes=1)


def next_day(at: datetime) -> datetime:
    """Return the next midnight UTC, when Exact's long window ends."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _window(headers: Mapping[str, str], prefix: str, at: datetime) -> Window | None:
    limit = _number(headers.get(f"{prefix}limit"))
    remaining = _number(headers.get(f"{prefix}remaining"))
    reset = _reset(_number(headers.get(f"{prefix}reset")), at, _FURTHEST[prefix])
    if limit is None and remaining is None and reset is None:
        return None
    return Window(limit or None, remaining, reset)


def _number(text: str | None) -> int | None:
    stripped = (text or "").strip()
    return int(stripped) if stripped.isascii() and stripped.isdigit() else None


def _reset(value: int | None, at: datetime, furthest: timedelta) -> datetime | None:
    if value is None:
        return None
    seconds = value / 1000 if value >= _SMALLEST_MILLISECONDS else float(value)
    try:
        moment = datetime.fromtimestamp(seconds, tz=UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return moment if at < moment <= at + furthest else None
