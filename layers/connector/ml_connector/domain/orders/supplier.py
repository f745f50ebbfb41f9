"""Choose the Exact supplier of an order: the one its vendor is linked to, if usable."""

from ml_connector.domain.orders.reference_data import Supplier, is_active
from ml_connector.domain.orders.validation import MappingContext


def linked_supplier(context: MappingContext) -> Supplier | None:
    """Return the supplier that the order's vendor is mapped or linked to, usable or not."""
    vendor = context.order.vendor
    mapped = context.mapped("suppliers", *vendor.keys)
    code = mapped or context.division_data.linked_supplier(vendor)
    return context.division_data.supplier(code) if code else None


def choose_supplier(context: MappingContext) -> Supplier | None:
    """Return the vendor's supplier; None, with a problem reported, when there is none."""
    vendor = context.order.vendor
    airbase = next(iter(vendor.keys), "")
    by_mapping = context.mapped("suppliers", *vendor.keys)
    linked = by_mapping or context.division_data.linked_supplier(vendor)
    supplier = context.division_data.supplier(linked) if linked else None
    if supplier and not by_mapping:
        context.used["vendor link", str(vendor)] = f"{supplier.code} {supplier.name}"
    if supplier is None:
        code = "SUPPLIER_GONE" if linked else "UNKNOWN_VENDOR"
        context.report(code, _candidates(context), vendor=str(vendor), airbase=airbase)
    elif supplier.unreadable:
        name = f"Supplier {supplier.code} {supplier.name}".strip()
        context.report("EXACT_RECORD_UNREADABLE", what=name, wrong=supplier.unreadable)
    elif code := _unusable(supplier, context):
        name = f"{supplier.code} {supplier.name}"
        context.report(code, vendor=str(vendor), supplier=name, airbase=airbase)
    elif doubt := context.division_data.doubt(vendor, supplier.id):
        context.report("VENDOR_LINK_IN_DOUBT", vendor=str(vendor), doubt=doubt)
    return supplier


def _candidates(context: MappingContext) -> list[dict[str, str]]:
    name = context.order.vendor.name
    found = context.division_data.suppliers_like(name) if name else ()
    return [{"id": s.id, "code": s.code, "name": s.name} for s in found[:3]]


def _unusable(supplier: Supplier, context: MappingContext) -> str:
    if not supplier.is_supplier:
        return "NOT_A_SUPPLIER"
    if supplier.is_blocked:
        return "SUPPLIER_BLOCKED"
    usable = is_active(supplier.start, supplier.end, context.order.order_date)
    return "" if usable else "SUPPLIER_ENDED"
