"""Which Exact supplier an order goes to: the one its vendor is linked to, if it can be used."""

from ml_connector.purchase_orders.books import Supplier, is_active
from ml_connector.purchase_orders.desk import Desk, mapped


def choose_supplier(desk: Desk) -> Supplier | None:
    """Return the vendor's supplier; None, with a problem reported, when there is none."""
    vendor = desk.order.vendor
    named = mapped(desk.division.mappings.suppliers, vendor) or desk.books.linked_supplier(vendor)
    supplier = desk.books.supplier(named) if named else None
    if supplier is None:
        code = "SUPPLIER_GONE" if named else "UNKNOWN_VENDOR"
        desk.report(code, _candidates(desk), vendor=str(vendor))
    elif code := _unusable(supplier, desk):
        desk.report(code, vendor=str(vendor), supplier=f"{supplier.code} {supplier.name}")
    elif doubt := desk.books.doubt(vendor, supplier.id):
        desk.report("VENDOR_LINK_IN_DOUBT", vendor=str(vendor), doubt=doubt)
    return supplier


def _candidates(desk: Desk) -> list[dict[str, str]]:
    name = desk.order.vendor.name
    found = desk.books.suppliers_like(name) if name else ()
    return [{"id": s.id, "code": s.code, "name": s.name} for s in found[:3]]


def _unusable(supplier: Supplier, desk: Desk) -> str:
    if not supplier.is_supplier:
        return "NOT_A_SUPPLIER"
    if supplier.is_blocked:
        return "SUPPLIER_BLOCKED"
    usable = is_active(supplier.start, supplier.end, desk.order.order_date)
    return "" if usable else "SUPPLIER_ENDED"
