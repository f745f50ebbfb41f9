"""Orders that wait for a vendor's link, and how they go on."""

from collections.abc import Iterator
from datetime import UTC, datetime

from ml_connector.doors.ledger import Record
from ml_connector.ids import ConnectionId, Division, OrderId, VendorId
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.messages import order_message

_FAR = datetime(9999, 1, 1, tzinfo=UTC)
_ORDERS = "order#"
_FOR_A_LINK = {"UNKNOWN_VENDOR", "VENDOR_LINK_IN_DOUBT", "SUPPLIER_GONE"}


def needs_supplier(doors: Doors, connection: ConnectionId, vendor: VendorId) -> set[Division]:
    """Return the divisions in which an order waits because the vendor has no supplier there."""
    waiting = waiting_for_link(doors, connection)
    return {division for _, owner, division in waiting if owner == vendor}


def release_orders(doors: Doors, connection: ConnectionId, vendor: VendorId | None = None) -> None:
    """Queue the waiting orders of the vendor, or of all, whose link no longer keeps them."""
    for record, owner, division in waiting_for_link(doors, connection):
        if vendor in {None, owner}:
            link = doors.links.get(connection, division, owner)
            if link and not link.doubt:
                message = order_message(connection, OrderId(record.key.partition("#")[2]))
                doors.queues.send(message, f"{message.group} {record.version}")


def waiting_orders(doors: Doors, connection: ConnectionId) -> Iterator[Record]:
    """Yield the orders that are not posted yet, whatever they wait for, the longest due first."""
    for record in doors.ledger.due(connection, _FAR):
        if record.key.startswith(_ORDERS) and record.state != "posted":
            yield record


def waiting_for_link(
    doors: Doors, connection: ConnectionId
) -> Iterator[tuple[Record, VendorId, Division]]:
    """Yield the orders that wait for their vendor's link, with the vendor and the division.

    A posted order that was given another vendor waits too, for its change.
    """
    for record in doors.ledger.due(connection, _FAR):
        facts = record.facts
        codes = {found["code"] for found in record.problems}
        if record.key.startswith(_ORDERS) and facts.get("vendor_id") and codes & _FOR_A_LINK:
            yield record, VendorId(facts["vendor_id"]), Division(facts["division"])
