"""Faults that can be ordered: each hits the next call that it matches, then it is spent."""

from collections import deque
from dataclasses import dataclass
from typing import Literal, get_args

from local.simulation import Request

Kind = Literal[
    "slow",
    "timeout_before_commit",
    "timeout_after_commit",
    "rate_limited_minute",
    "rate_limited_day",
    "rate_limited_bare",
    "unauthorized",
    "server_error",
    "server_error_after_commit",
    "garbage",
    "unavailable",
]
KINDS: frozenset[str] = frozenset(get_args(Kind))
AFTER_COMMIT: frozenset[str] = frozenset(
    {"slow", "timeout_after_commit", "server_error_after_commit", "garbage"}
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `method` and `path` are substrings of the call to hit; empty ones hit any.

    `seconds` belongs to `slow`, `status` to `server_error` (500 to 599). `slow`, `garbage` and
    the kinds that say so do their work first: what was asked for is committed.
    """

    kind: Kind
    method: str = ""
    path: str = ""
    seconds: float = 0.0
    status: int = 500

    def __post_init__(self) -> None:
        """Refuse a kind that nothing would act on (raises ValueError)."""
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; one of {', '.join(sorted(KINDS))}")

    def hits(self, request: Request) -> bool:
        """Say whether this fault is meant for that call."""
        return self.method in request.method and self.path in request.path


class FaultQueue(deque[Fault]):
    """Faults in the order they were put in; `append` and `extend` add more."""

    def take(self, request: Request) -> Fault | None:
        """Return and forget the first fault meant for this call, if there is one."""
        for position, fault in enumerate(self):
            if fault.hits(request):
                del self[position]
                return fault
        return None
