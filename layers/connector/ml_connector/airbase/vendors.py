"""What Airbase knows of a vendor, joined to the order that names it."""

from dataclasses import dataclass, replace
from typing import Any

import jmespath

from ml_connector.airbase.profile import AirbaseProfile
from ml_connector.codes import problem
from ml_connector.faults import Review
from ml_connector.ids import VendorId
from ml_connector.purchase_orders.model import Order, Reference


@dataclass(frozen=True)
class Vendor:
    """An Airbase vendor. `code` is its `erp_reference_id`, empty when it is not linked."""

    id: VendorId
    code: str
    name: str
    email: str
    is_active: bool


def read_vendor(raw: Any, profile: AirbaseProfile) -> Vendor:
    """Return the vendor that Airbase's JSON describes; `Review` when it has no id."""
    fields = profile.vendor
    id, code, name, email = (
        str(jmespath.search(path, raw) or "").strip()
        for path in (fields.id, fields.code, fields.name, fields.email)
    )
    if not id:
        raise Review(
            [problem("MISSING_FIELD", name or "vendor", "Airbase gave no vendor id.")]
        )
    return Vendor(
        VendorId(id),
        code,
        name,
        email,
        jmespath.search(fields.is_active, raw) is not False,
    )


def with_vendor(order: Order, raw: Any | None, profile: AirbaseProfile) -> Order:
    """Return the order with its vendor as the vendor's own record has it.

    Raises `Review` when the vendor is not active, or is another one than the order names.
    """
    if raw is None:
        return order
    vendor = read_vendor(raw, profile)
    if vendor.id != order.vendor.id:
        raise Review(
            [problem("NOT_THE_ORDER", order.title, f"Vendor {vendor.id} came back.")]
        )
    if not vendor.is_active:
        raise Review([problem("VENDOR_INACTIVE", order.title, f"It is {vendor.name}.")])
    return replace(order, vendor=Reference(vendor.id, vendor.code, vendor.name))
