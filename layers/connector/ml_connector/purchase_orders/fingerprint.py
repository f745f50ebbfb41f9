"""A short text that changes exactly when what we post would change."""

import json
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from ml_connector.purchase_orders.model import Order


def fingerprint(order: Order) -> str:
    """Return the digest of everything Airbase approved in this order."""
    return digest(asdict(order))


def digest(value: Any) -> str:
    """Return the digest of any JSON-like value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, default=str, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()
