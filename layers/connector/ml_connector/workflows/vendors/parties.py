"""Vendors and suppliers as the matching sees them, and the lists in which they are kept."""

from ml_connector import clock
from ml_connector.airbase.vendors import Vendor
from ml_connector.doors.parties import Parties, suppliers_key, vendors_key
from ml_connector.doors.table import Table
from ml_connector.ids import ConnectionId, Division
from ml_connector.purchase_orders.books import Supplier
from ml_connector.vendors.neighbourhood import MOST_UNDER, supplier_keys, vendor_keys
from ml_connector.vendors.party import Party


def vendor_party(vendor: Vendor) -> Party:
    """Return what can be compared of a vendor; it is usable while it is active."""
    return Party(
        id=vendor.id,
        name=vendor.name,
        email=vendor.email,
        vat_number=vendor.vat_number,
        chamber_of_commerce=vendor.chamber_of_commerce,
        iban=vendor.iban,
        country=vendor.country,
        city=vendor.city,
        external_id=vendor.code,
        is_usable=vendor.is_active,
    )


def supplier_party(supplier: Supplier) -> Party:
    """Return what can be compared of a supplier; its usability is that of today."""
    return Party(
        id=supplier.id,
        name=supplier.name,
        email=supplier.email,
        vat_number=supplier.vat_number,
        chamber_of_commerce=supplier.chamber_of_commerce,
        country=supplier.country,
        city=supplier.city,
        code=supplier.code,
        is_usable=supplier.is_usable_on(clock.now().date()),
    )


def vendors_of(table: Table, connection: ConnectionId) -> Parties:
    """Return the list of a connection's vendors."""
    return Parties(table, vendors_key(connection), vendor_keys, MOST_UNDER)


def suppliers_of(table: Table, connection: ConnectionId, division: Division) -> Parties:
    """Return the list of a division's suppliers."""
    return Parties(table, suppliers_key(connection, division), supplier_keys, MOST_UNDER)
