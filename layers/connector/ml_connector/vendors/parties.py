"""Convert vendors and suppliers to parties, and open the indexes that hold them."""

from ml_connector import clock
from ml_connector.airbase.vendors import Vendor
from ml_connector.domain.ids import Division
from ml_connector.domain.matching.blocking import MOST_PER_KEY, supplier_keys, vendor_keys
from ml_connector.domain.matching.party import Party
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.infrastructure.match_index import MatchIndex, MatchIndexes


def vendor_party(vendor: Vendor) -> Party:
    """Return the comparable fields of a vendor; it is usable while it is active."""
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
    """Return the comparable fields of a supplier, usable or not today."""
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


def vendors_of(indexes: MatchIndexes) -> MatchIndex:
    """Return the index of a connection's vendors."""
    return indexes.vendors(vendor_keys, MOST_PER_KEY)


def suppliers_of(indexes: MatchIndexes, division: Division) -> MatchIndex:
    """Return the index of a division's suppliers."""
    return indexes.suppliers(division, supplier_keys, MOST_PER_KEY)
