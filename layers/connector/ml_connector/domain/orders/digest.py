"""A short text that stands for a value: equal values have the same one."""

import json
from decimal import Decimal
from hashlib import sha256
from typing import Any

_MOST_DIGITS = 400


def digest(value: Any) -> str:
    """Return the digest of any JSON-like value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, default=_text, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def _text(value: Any) -> str:
    """Return the same text for 2, 2.0 and 2.00: they are equal; 1e99999999 stays short."""
    is_plain = isinstance(value, Decimal) and abs(value.adjusted()) < _MOST_DIGITS
    return f"{value.normalize():f}" if is_plain else str(value)
