"""Exact's limits: calls a minute and a day, of a contract, in parallel; errors an hour."""

import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Window = Literal["minute", "day", "contract"]
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


class Contract:
    """Fair use: what all apps may call in all divisions of one Exact contract in a UTC day.

    Simulators of several sites may be given the same contract. A Premium one has 30,000 calls
    instead of 20,000, and its apps have no limit a day of their own. Calls without a division
    (`current/Me`) are not counted, nor is a refused one. How Exact refuses is not published: here
    as it refuses an app's day, with the three headers of the day alone, about the contract.
    """

    def __init__(self, per_day: int = 20_000, *, is_premium: bool = False) -> None:
        self.per_day = per_day
        self.is_premium = is_premium
        self._day = -1
        self._used = 0
        self._lock = threading.Lock()

    @classmethod
    def premium(cls) -> "Contract":
        """Return a Premium contract."""
        return cls(30_000, is_premium=True)

    def take(self, now: float) -> bool:
        """Count one call; return False if it is refused, which is then not counted."""
        with self._lock:
            if self._rolled(now) >= self.per_day:
                return False
            self._used += 1
            return True

    def spend(self, now: float, calls: int) -> None:
        """Count calls of other apps of the same contract."""
        with self._lock:
            self._used = self._rolled(now) + calls

    def used(self, now: float) -> int:
        """Return the calls counted today."""
        with self._lock:
            return self._rolled(now)

    def headers(self, now: float) -> dict[str, str]:
        """Return the three headers of the day, about the contract."""
        left = max(0, self.per_day - self.used(now))
        return {
            "X-RateLimit-Limit": str(self.per_day),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str((int(now // _DAY) + 1) * _DAY * 1000),
        }

    def _rolled(self, now: float) -> int:
        if self._day != (day := int(now // _DAY)):
            self._day, self._used = day, 0
        return self._used


@dataclass(slots=True)
class RateLimits:
    """Calendar minutes and UTC days, counted per division (one simulator is one app)."""

    per_minute: int = 60
    per_day: int = 5000
    contract: Contract = field(default_factory=Contract)
    _used: dict[int, _Used] = field(default_factory=dict)

    def take(self, division: int, now: float) -> Window | None:
        """Count one call; return the window that refuses it, which is then not counted."""
        used = self._rolled(division, now)
        if used.in_day >= self.per_day and not self.contract.is_premium:
            return "day"
        if used.in_minute >= self.per_minute:
            return "minute"
        if not self.contract.take(now):
            return "contract"
        used.in_minute += 1
        used.in_day += 1
        return None

    def spend(self, division: int, now: float, calls: int) -> None:
        """Count calls made by another process of the same app."""
        used = self._rolled(division, now)
        used.in_minute += calls
        used.in_day += calls
        self.contract.spend(now, calls)

    def headers(self, division: int, now: float) -> dict[str, str]:
        """Return the six headers of an ordinary answer."""
        return {**self.day_headers(division, now), **self.minute_headers(division, now)}

    def refusal(self, window: Window, division: int, now: float) -> dict[str, str]:
        """Return the headers of a refused call: only those of what is used up."""
        if window == "minute":
            return self.minute_headers(division, now)
        return self.day_headers(division, now) if window == "day" else self.contract.headers(now)

    def minute_headers(self, division: int, now: float) -> dict[str, str]:
        """Return the three headers of the minute; resets are epoch milliseconds."""
        used = self._rolled(division, now)
        return {
            "X-RateLimit-Minutely-Limit": str(self.per_minute),
            "X-RateLimit-Minutely-Remaining": str(max(0, self.per_minute - used.in_minute)),
            "X-RateLimit-Minutely-Reset": str((used.minute + 1) * _MINUTE * 1000),
        }

    def day_headers(self, division: int, now: float) -> dict[str, str]:
        """Return the three headers of the day; resets are epoch milliseconds.

        They are about the app in the division; in a Premium contract, which has no such limit,
        about the contract.
        """
        if self.contract.is_premium:
            return self.contract.headers(now)
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


class Parallel:
    """Which divisions have calls in flight; `most` is the largest number seen, by division.

    A call is in flight from when it has arrived until its answer is about to be sent.
    """

    def __init__(self) -> None:
        self.most: Counter[int] = Counter()
        self._in_flight: Counter[int] = Counter()
        self._lock = threading.Lock()

    def begin(self, division: int) -> bool:
        """Note a call that begins; return whether it is the only one in its division."""
        with self._lock:
            self._in_flight[division] += 1
            running = self._in_flight[division]
            self.most[division] = max(self.most[division], running)
            return running == 1

    def end(self, division: int) -> None:
        """Note that a call has ended."""
        with self._lock:
            self._in_flight[division] -= 1


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
