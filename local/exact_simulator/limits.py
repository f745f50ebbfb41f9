"""Exact's three limits: calls a minute, calls a day, and errors an hour per endpoint."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Window = Literal["minute", "day"]
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
COUNTED_ERRORS = frozenset({400, 401, 403, 404})


@dataclass(slots=True)
class _Used:
    minute: int = -1
    in_minute: int = 0
    day: int = -1
    in_day: int = 0

    def roll(self, now: float) -> None:
        if self.minute != (minute := int(now // _MINUTE)):
            self.minute, self.in_minute = minute, 0
        if self.day != (day := int(now // _DAY)):
            self.day, self.in_day = day, 0


@dataclass(slots=True)
class RateLimits:
    """Calendar minutes and UTC days, counted per division (one simulator is one app)."""

    per_minute: int = 60
    per_day: int = 5000
    _used: dict[int, _Used] = field(default_factory=dict)

    def take(self, division: int, now: float) -> Window | None:
        """Count one call; return the window that refuses it, which is then not counted."""
        used = self._rolled(division, now)
        if used.in_day >= self.per_day:
            return "day"
        if used.in_minute >= self.per_minute:
            return "minute"
        used.in_minute += 1
        used.in_day += 1
        return None

    def spend(self, division: int, now: float, calls: int) -> None:
        """Count calls made by another process of the same app."""
        used = self._rolled(division, now)
        used.in_minute += calls
        used.in_day += calls

    def headers(self, division: int, now: float) -> dict[str, str]:
        """Return the six headers of an ordinary answer."""
        return {**self.day_headers(division, now), **self.minute_headers(division, now)}

    def minute_headers(self, division: int, now: float) -> dict[str, str]:
        """Return the three headers of the minute; resets are epoch milliseconds."""
        used = self._rolled(division, now)
        return {
            "X-RateLimit-Minutely-Limit": str(self.per_minute),
            "X-RateLimit-Minutely-Remaining": str(max(0, self.per_minute - used.in_minute)),
            "X-RateLimit-Minutely-Reset": str((used.minute + 1) * _MINUTE * 1000),
        }

    def day_headers(self, division: int, now: float) -> dict[str, str]:
        """Return the three headers of the day; resets are epoch milliseconds."""
        used = self._rolled(division, now)
        return {
            "X-RateLimit-Limit": str(self.per_day),
            "X-RateLimit-Remaining": str(max(0, self.per_day - used.in_day)),
            "X-RateLimit-Reset": str((used.day + 1) * _DAY * 1000),
        }

    def _rolled(self, division: int, now: float) -> _Used:
        used = self._used.get(division)
        if used is None:
            used = self._used[division] = _Used()
        used.roll(now)
        return used


def none_left(headers: Mapping[str, str]) -> dict[str, str]:
    """Return rate headers with no calls left, as on a 429."""
    return {name: "0" if name.endswith("Remaining") else v for name, v in headers.items()}


@dataclass(slots=True)
class ErrorLimit:
    """Blocks an endpoint of a division for an hour after its tenth error within one.

    Each further block of the same endpoint within a day lasts an hour longer.
    """

    allowed: int = 10
    _errors: dict[tuple[int, str], deque[float]] = field(default_factory=dict)
    _blocks: dict[tuple[int, str], list[float]] = field(default_factory=dict)

    def note(self, division: int, endpoint: str, status: int, now: float) -> None:
        """Count an answer if its status is in `COUNTED_ERRORS`."""
        if status not in COUNTED_ERRORS:
            return
        errors = self._errors.setdefault((division, endpoint), deque())
        errors.append(now)
        while errors[0] <= now - _HOUR:
            errors.popleft()
        if len(errors) >= self.allowed:
            errors.clear()
            self._block((division, endpoint), now)

    def blocked(self, division: int, endpoint: str, now: float) -> bool:
        """Return whether calls to that endpoint are refused now."""
        blocks = self._blocks.get((division, endpoint))
        return blocks is not None and now < blocks[-1]

    def errors(self, division: int, endpoint: str, now: float) -> int:
        """Return how many errors count against that endpoint now."""
        counted = self._errors.get((division, endpoint), ())
        return sum(at > now - _HOUR for at in counted)

    def _block(self, key: tuple[int, str], now: float) -> None:
        recent = [until for until in self._blocks.get(key, []) if until > now - _DAY]
        self._blocks[key] = [*recent, now + _HOUR * (len(recent) + 1)]
