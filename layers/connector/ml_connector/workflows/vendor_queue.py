"""The one door of the reconciliation worker: match a vendor, check links, follow Exact."""

from collections.abc import Mapping
from typing import Any

from ml_connector.airbase.vendors import Vendor, read_vendor
from ml_connector.codes import problem
from ml_connector.connection import Connection
from ml_connector.doors.ledger import vendor_key
from ml_connector.doors.links import Link
from ml_connector.faults import Fault, Later
from ml_connector.ids import ConnectionId, Division, VendorId
from ml_connector.purchase_orders.books import Supplier
from ml_connector.telemetry import logger
from ml_connector.workflows.case import Case
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.refresh import STALE
from ml_connector.workflows.sweep import queue_vendor_orders


def handle(message: Mapping[str, Any], doors: Doors) -> None:
    """Do what one message of the vendor queue asks for; raises only what must be redriven."""
    kind = message.get("kind")
    if kind == "reconcile":
        for connection in doors.mappings.connections():
            _check_links(doors, connection)
        return
    connection_id = ConnectionId(message["connection"])
    known = doors.mappings.connection(connection_id)
    if known and kind == "vendor":
        match_vendor(doors, known, VendorId(message["vendor"]))
    elif known and kind == "account":
        doors.data(connection_id, Division(message["division"])).note(STALE)
    if event := message.get("event"):
        doors.inbox.mark_handled(connection_id, event, message.get("event_version"))


def match_vendor(doors: Doors, connection: Connection, id: VendorId) -> None:
    """Link the vendor, in every division, to the supplier that its ERP reference names.

    Orders that wait for it are queued. Without a certain supplier nothing is linked.
    """
    case = Case(doors.ledger, doors.ledger.read(connection.id, vendor_key(id)))
    try:
        raw = doors.airbase(connection).vendor(id)
        vendor = read_vendor(raw, connection.profile) if raw is not None else None
        if vendor and _link_everywhere(doors, connection, vendor, case):
            queue_vendor_orders(doors, connection.id, id)
    except Later as later:  # the order that asked is looked at again daily, and asks again
        logger().info("vendor not matched yet", extra={"vendor": id, "cause": str(later)})
    except Fault as fault:
        case.put_aside(fault)


def _link_everywhere(doors: Doors, connection: Connection, vendor: Vendor, case: Case) -> bool:
    linked = {}
    for division in connection.divisions:
        code = division.division
        if not vendor.code or doors.links.get(connection.id, code, vendor.id):
            continue
        supplier = doors.books(connection, code).supplier(vendor.code)
        if supplier and _is_usable(supplier):
            found = Link(code, vendor.id, supplier.id, "external_id")
            doors.links.save(connection.id, found)
            linked[str(code)] = supplier.id
    if linked:
        case.step(
            "linked",
            "linked",
            detail={"rule": "erp_reference"},
            title=vendor.name,
            suppliers=linked,
        )
    return bool(linked)


def _check_links(doors: Doors, connection: Connection) -> None:
    """Show every link whose supplier can no longer be used."""
    for link in doors.links.all(connection.id):
        division, vendor, supplier_id = link.division, link.vendor, link.supplier
        supplier = doors.books(connection, division).supplier(supplier_id)
        if supplier is None or not _is_usable(supplier):
            case = Case(doors.ledger, doors.ledger.read(connection.id, vendor_key(vendor)))
            found = problem("LINK_BROKEN", case.title, f"Division {division}, {supplier_id}.")
            if found.as_dict() not in case.record.problems:
                case.step("review", "link_broken", problems=[found.as_dict()])


def _is_usable(supplier: Supplier) -> bool:
    return supplier.is_supplier and not supplier.is_blocked
