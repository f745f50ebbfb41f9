"""The messages of the queues."""

import secrets
from typing import Any

from ml_connector.domain.ids import ConnectionId, Division, OrderId
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, VENDORS, Message


def order_message(connection: ConnectionId, order: OrderId, *, by_hand: bool = False) -> Message:
    """Process an order; `by_hand`: a person asked for it."""
    body: dict[str, Any] = {"kind": "order", "connection": connection, "order": order}
    if by_hand:
        body["by_hand"] = True
    return Message(PURCHASE_ORDERS, f"{connection}#{order}", body)


def changed_order_message(connection: ConnectionId, order: OrderId) -> Message:
    """Compare a posted order with Exact's current one."""
    body = {"kind": "exact_order", "connection": connection, "order": order}
    return Message(PURCHASE_ORDERS, f"{connection}#{order}", body)


def refresh_message(
    connection: ConnectionId, division: Division, *, everything: bool = False
) -> Message:
    """Refresh a division's reference data from the stored cursors: what is due, or all."""
    body: dict[str, Any] = {
        "kind": "refresh", "connection": connection, "division": division,
    }  # fmt: skip
    if everything:
        body["everything"] = True
    return Message(PURCHASE_ORDERS, f"{connection}#{division}#reference", body)


def listing_message(connection: ConnectionId) -> Message:
    """Search Airbase's listing for approvals and changes whose webhook never arrived."""
    body = {"kind": "listing", "connection": connection}
    return Message(PURCHASE_ORDERS, f"{connection}#listing", body)


def recover_message(connection: ConnectionId, what: str) -> Message:
    """Check whether an outage ("exact" or "airbase") or the "halts" of a connection are over."""
    body = {"kind": "recover", "connection": connection, "what": what}
    return Message(PURCHASE_ORDERS, f"{connection}#recover#{what}", body)


def vendor_message(connection: ConnectionId, vendor: str, **more: str | bool) -> Message:
    """Match a vendor.

    `more`: `name` and `code` from an order, for a tenant without a vendor call; `kept`, to use the
    vendor as last stored.
    """
    body = {"kind": "vendor", "connection": connection, "vendor": vendor, **more}
    return Message(VENDORS, _vendor_group(connection), body)


def suppliers_message(connection: ConnectionId, division: Division) -> Message:
    """Process a division's changed suppliers."""
    body = {"kind": "suppliers", "connection": connection, "division": division}
    return Message(VENDORS, _vendor_group(connection), body)


def reconcile_message(connection: ConnectionId) -> Message:
    """Compare the vendors of both systems, or continue doing so."""
    return Message(
        VENDORS, _vendor_group(connection), {"kind": "reconcile", "connection": connection}
    )


def unique_id() -> str:
    """Return a deduplication text that no earlier message has."""
    return secrets.token_hex(8)


def _vendor_group(connection: ConnectionId) -> str:
    """One group per connection, so that no two vendors claim a supplier at the same time."""
    return f"{connection}#vendors"
