"""Make the Airbase vendor of an Exact supplier: keyed by the supplier's id, so never twice."""

from datetime import timedelta

from ml_connector import clock
from ml_connector.airbase.vendors import read_vendor
from ml_connector.doors.links import Link
from ml_connector.faults import Later
from ml_connector.ids import Division, VendorId
from ml_connector.purchase_orders.books import Supplier
from ml_connector.workflows.vendors.desk import VendorDesk, agreed_names, open_case
from ml_connector.workflows.vendors.parties import supplier_party, vendor_party
from ml_connector.workflows.vendors.supplier_creation import CREATED

_LEASE = timedelta(seconds=330)  # longer than a worker lives
_BUSY = timedelta(seconds=30)


def create_vendor(desk: VendorDesk, division: Division, supplier: Supplier) -> None:
    """Make the vendor, or find the one an earlier attempt made, and link it.

    Raises the faults of Airbase. Airbase matches on the ERP reference, which is the supplier's id:
    repeating the call changes nothing.
    """
    leases = desk.doors.leases(desk.id)
    with leases.holding(f"vendor#{supplier.id}", _LEASE) as held:
        if held is None:
            until = clock.now() + _BUSY
            raise Later("PROVISION_BUSY", until, "another worker is making the vendor.")
        row = {"name": supplier.name, "erp_reference_id": supplier.id}
        if supplier.email:
            row["email"] = supplier.email
        raw = desk.doors.airbase(desk.connection).upsert_vendor(row, f"supplier {supplier.code}")
    vendor = vendor_party(read_vendor(raw, desk.connection.profile))
    case = open_case(desk.doors, desk.doors.ledger, desk.id, vendor)
    id = VendorId(vendor.id)
    link = Link(division, id, supplier.id, CREATED, ("made for this supplier",))
    case.link(link, agreed_names(vendor, supplier_party(supplier)), CREATED, name=supplier.name)
    desk.vendors.save(vendor)
