"""What the workers tell each other through the queues."""

import secrets

from ml_connector.doors.queues import PURCHASE_ORDERS, VENDORS, Message
from ml_connector.ids import ConnectionId, Division, OrderId


def order_message(connection: ConnectionId, order: OrderId) -> Message:
    """Ask for an order to be looked at."""
    body = {"kind": "order", "connection": connection, "order": order}
    return Message(PURCHASE_ORDERS, f"{connection}#{order}", body)


def refresh_message(connection: ConnectionId, division: Division) -> Message:
    """Ask for a division's reference data to be read from where they were left."""
    body = {"kind": "refresh", "connection": connection, "division": division}
    return Message(PURCHASE_ORDERS, f"{connection}#{division}#reference", body)


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
