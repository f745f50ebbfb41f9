"""What the workers tell each other through the queues."""

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


def recover_message(connection: ConnectionId, what: str) -> Message:
    """Ask whether what stops a connection is over: "exact" or "airbase" away, or "halts"."""
    body = {"kind": "recover", "connection": connection, "what": what}
    return Message(PURCHASE_ORDERS, f"{connection}#recover#{what}", body)


def vendor_message(connection: ConnectionId, vendor: str) -> Message:
    """Ask for a vendor to be matched."""
    body = {"kind": "vendor", "connection": connection, "vendor": vendor}
    return Message(VENDORS, f"{connection}#{vendor}", body)
