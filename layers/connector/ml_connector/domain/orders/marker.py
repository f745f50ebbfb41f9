"""The marker: a text by which the connector recognises its own orders in Exact.

Exact has no idempotency key, and whether `YourRef` must be unique is not known. So `YourRef`
holds the Airbase number for people and narrows the search; the marker in `Remarks` decides.
"""

import re
from hashlib import sha256

from ml_connector.domain.ids import ConnectionId, OrderId
from ml_connector.domain.texts import cut, in_one_line

_MARKER = re.compile(r"\[airbase ([0-9a-f]{20})/([0-9a-f]{8})\]")
_YOUR_REF_LENGTH = 40


def marker(connection: ConnectionId, order: OrderId, revision: str) -> str:
    """Return the marker of one revision of one order, for `Remarks`."""
    return f"[airbase {order_token(connection, order)}/{_digest(revision)[:8]}]"


def order_token(connection: ConnectionId, order: OrderId) -> str:
    """Return the part that the markers of all revisions of one order have in common."""
    return _digest(f"{connection}\n{order}")[:20]


def order_tokens_in(remarks: str | None) -> set[str]:
    """Return the order tokens found in these remarks."""
    return {found for found, _ in _MARKER.findall(remarks or "")}


def is_marked_for(remarks: str | None, connection: ConnectionId, order: OrderId) -> bool:
    """Return whether these remarks carry the marker of this order, in any revision."""
    return order_token(connection, order) in order_tokens_in(remarks)


def your_ref(number: str, order: OrderId) -> str:
    """Return the reference that people see in Exact: at most 40 UTF-16 units."""
    return cut(in_one_line(number or order), _YOUR_REF_LENGTH).strip()


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
