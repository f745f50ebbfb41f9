"""What the workers tell each other through the queues."""

import secrets
from typing import Any

from ml_connector.doors.queues import PURCHASE_ORDERS, VENDORS, Message
from ml_connector.ids import ConnectionId, Division, OrderId


def order_message(connection: ConnectionId, order: OrderId, *, by_hand: bool = False) -> Message:
    """Ask for an order to be looked at; `by_hand`: a person has asked."""
    body: dict[str, Any] = {"kind": "order", "connection": connection, "order": order}
    if by_hand:
        body["by_hand"] = True
    return Message(PURCHASE_ORDERS, f"{connection}#{order}", body)


def changed_order_message(connection: ConnectionId, order: OrderId) -> Message:
    """Ask for a posted order to be compared with what Exact now holds."""
    body = {"kind": "exact_order", "connection": connection, "order": order}
    return Message(PURCHASE_ORDERS, f"{connection}#{order}", body)


def refresh_message(
    connection: ConnectionId, division: Division, *, everything: bool = False
) -> Message:
    """Ask for a division's data to be read from where they were left: what is due, or all."""
    body: dict[str, Any] = {
        "kind": "refresh", "connection": connection, "division": division,
    }  # fmt: skip
    if everything:
        body["everything"] = True
    return Message(PURCHASE_ORDERS, f"{connection}#{division}#reference", body)


def listing_message(connection: ConnectionId) -> Message:
    """Ask for Airbase's listing to be searched for what no webhook told."""
    body = {"kind": "listing", "connection": connection}
    return Message(PURCHASE_ORDERS, f"{connection}#listing", body)


def recover_message(connection: ConnectionId, what: str) -> Message:
    """Ask whether what stops a connection is over: "exact" or "airbase" away, or "halts"."""
    body = {"kind": "recover", "connection": connection, "what": what}
    return Message(PURCHASE_ORDERS, f"{connection}#recover#{what}", body)


def vendor_message(connection: ConnectionId, vendor: str, **more: str | bool) -> Message:
    """Ask for a vendor to be matched.

    `more`: `name` and `code` as an order has them, for a tenant without a vendor call; `kept`, to
    look at it as it was last read.
    """
    body = {"kind": "vendor", "connection": connection, "vendor": vendor, **more}
    return Message(VENDORS, _vendors(connection), body)


def suppliers_message(connection: ConnectionId, division: Division) -> Message:
    """Ask for a division's changed suppliers to be followed."""
    body = {"kind": "suppliers", "connection": connection, "division": division}
    return Message(VENDORS, _vendors(connection), body)


def reconcile_message(connection: ConnectionId) -> Message:
    """Ask for the vendors of both systems to be compared, or for that to go on."""
    return Message(VENDORS, _vendors(connection), {"kind": "reconcile", "connection": connection})


def never_seen() -> str:
    """Return what makes a message a new one, whatever was said before."""
    return secrets.token_hex(8)


def _vendors(connection: ConnectionId) -> str:
    """One group a connection: whether a supplier is free is asked and answered in turn."""
    return f"{connection}#vendors"
