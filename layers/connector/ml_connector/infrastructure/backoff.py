"""How long to wait when the remote does not say: exponential, with full jitter."""

import random
from datetime import datetime, timedelta

from ml_connector import clock

_MAX_DOUBLINGS = 20


def delay(failures: int, base: float = 2.0, cap: float = 900.0) -> timedelta:
    """Return a random wait of up to `base * 2**failures` seconds, never above `cap`."""
    longest = min(cap, base * 2 ** min(failures, _MAX_DOUBLINGS))
    return timedelta(seconds=random.uniform(0, longest))  # noqa: S311  spreads load, hides nothing


def retry_at(failures: int, *, minimum: float = 1.0) -> datetime:
    """Return when to retry: `minimum` seconds from now, plus full jitter."""
    return clock.now() + timedelta(seconds=minimum) + delay(failures)
