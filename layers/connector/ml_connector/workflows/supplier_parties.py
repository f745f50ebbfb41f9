"""An Exact supplier as the matching sees it."""

from ml_connector import clock
from ml_connector.purchase_orders.books import Supplier
from ml_connector.vendors.party import Party


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
