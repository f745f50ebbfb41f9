"""A short text that changes exactly when what we post would change."""

import json
from dataclasses import asdict, replace
from decimal import Decimal
from hashlib import sha256
from typing import Any

from ml_connector.domain.orders.order import Order
from ml_connector.domain.states import ApprovalState


def fingerprint(order: Order) -> str:
    """Return the digest of everything Airbase approved in this order.

    An approved order does not change when it is opened for spending or closed afterwards.
    """
    spent = {ApprovalState.OPEN, ApprovalState.CLOSED}
    state = ApprovalState.APPROVED if order.state in spent else order.state
    return digest(asdict(replace(order, state=state)))


def digest(value: Any) -> str:
    """Return the digest of any JSON-like value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, default=_text, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def _text(value: Any) -> str:
    """Return the same text for 2, 2.0 and 2.00: they are equal."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)
