"""How long to wait when the other side does not say: exponential, with full jitter."""

import random
from datetime import datetime, timedelta

from ml_connector import clock

_MOST_DOUBLINGS = 20


def delay(failures: int, base: float = 2.0, cap: float = 900.0) -> timedelta:
    """Return a random wait of up to `base * 2**failures` seconds, never above `cap`."""
    most = min(cap, base * 2 ** min(failures, _MOST_DOUBLINGS))
    return timedelta(seconds=random.uniform(0, most))  # noqa: S311  spreads load, hides nothing


def moment(failures: int, base: float = 2.0, least: float = 1.0) -> datetime:
    """Return when to look again: at least `least` seconds from now, then full jitter."""
    return clock.now() + timedelta(seconds=least) + delay(failures, base)
