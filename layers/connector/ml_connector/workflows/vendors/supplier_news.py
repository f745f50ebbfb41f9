"""Follow what changed among a division's suppliers: whom it may matter to is looked at again.

The reading of Exact's streams leaves a row for every supplier that really changed. A row is deleted
only after everybody whom the change touches has a message waiting.
"""

from dataclasses import replace

from ml_connector.connection import Connection
from ml_connector.ids import Division, Guid
from ml_connector.purchase_orders.books import Supplier
from ml_connector.vendors.neighbourhood import vendors_alike, vendors_touched_by_supplier
from ml_connector.vendors.party import Party
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.messages import never_seen, reconcile_message
from ml_connector.workflows.vendors.desk import VendorDesk, open_desk
from ml_connector.workflows.vendors.look import tell, touched_by_supplier
from ml_connector.workflows.vendors.parties import supplier_party
from ml_connector.workflows.vendors.vendor_creation import create_vendor


def follow_suppliers(doors: Doors, connection: Connection, division: Division) -> None:
    """Follow every change that was read; before the first reading of both lists, ask for it.

    Raises the faults of Airbase where vendors are made in it.
    """
    desk = open_desk(doors, connection)
    if not desk.suppliers(division).is_indexed:
        doors.queues.send(reconcile_message(connection.id), never_seen())
        return
    data = doors.data(connection.id, division)
    for row in list(data.supplier_changes()):
        supplier = desk.supplier(division, row.supplier)
        follow(desk, division, row.supplier, supplier_party(supplier) if supplier else None)
        if supplier:
            _make_vendor(desk, division, supplier)
        data.forget_change(row)


def follow(desk: VendorDesk, division: Division, id: Guid, now: Party | None) -> None:
    """Take over what a supplier is now, None when it is gone; an echo of our own is silent.

    What is gone can no longer be found by its keys, and is kept to find who took its place.
    """
    suppliers = desk.suppliers(division)
    before = suppliers.get(id)
    if before == now or (before is None and now is None):
        return
    touched = set()
    for each in (before, now):
        if each:
            touched |= touched_by_supplier(desk, division, each)
    if now:
        suppliers.post(now)
    else:
        suppliers.withdraw(id)
    tell(desk, touched)
    if now:
        suppliers.keep(now)
    elif before:
        suppliers.keep(replace(before, is_usable=False))


def _make_vendor(desk: VendorDesk, division: Division, supplier: Supplier) -> None:
    """Make the vendor of a supplier that nobody in Airbase may be."""
    party = supplier_party(supplier)
    if not desk.connection.vendors.create_vendors or not party.is_usable or not party.name:
        return
    keys = vendors_touched_by_supplier(party) | vendors_alike(party)
    if not desk.vendors.find(keys):
        create_vendor(desk, division, supplier)
