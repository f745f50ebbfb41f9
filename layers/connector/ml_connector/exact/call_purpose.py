"""What calls to Exact are made for: orders come before reading."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_is_for_orders: ContextVar[bool] = ContextVar("calls are for orders", default=False)


@contextmanager
def for_orders() -> Iterator[None]:
    """Mark the calls within a `with` block as made for an order; all others count as reading."""
    before = _is_for_orders.set(True)
    try:
        yield
    finally:
        _is_for_orders.reset(before)


def is_for_orders() -> bool:
    """Return whether what is called now is called for an order."""
    return _is_for_orders.get()
