"""Faults to inject: each affects the next call that matches, once."""

from collections import deque
from dataclasses import dataclass
from typing import Literal, get_args

from local.simulator import Request

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
    "forbidden",
    "page",
    "utf_16",
    "emptied",
    "odd_row",
]
KINDS: frozenset[str] = frozenset(get_args(Kind))
AFTER_COMMIT: frozenset[str] = frozenset(
    {
        "slow",
        "timeout_after_commit",
        "server_error_after_commit",
        "garbage",
        "utf_16",
        "emptied",
        "odd_row",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ExactFault:
    """One fault. `method` and `path` are substrings of the call to affect; empty ones match any.

    `seconds` belongs to `slow`, `status` to `server_error` (500 to 599) and to `page`, an answer in
    HTML. `utf_16` is the right answer in that encoding, `emptied` a list without its rows,
    `odd_row` one whose first row has objects for values. The kinds in `AFTER_COMMIT` carry out the
    call first.
    """

    kind: Kind
    method: str = ""
    path: str = ""
    seconds: float = 0.0
    status: int = 500

    def __post_init__(self) -> None:
        """Refuse an unknown kind (raises ValueError)."""
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}; one of {', '.join(sorted(KINDS))}")

    def affects(self, request: Request) -> bool:
        """Return whether the fault affects this call."""
        return self.method in request.method and self.path in request.path


class FaultQueue(deque[ExactFault]):
    """Faults in the order they were added; `append` and `extend` add more."""

    def take(self, request: Request) -> ExactFault | None:
        """Remove and return the first fault that affects this call, if any."""
        for position, fault in enumerate(self):
            if fault.affects(request):
                del self[position]
                return fault
        return None
