"""Airbase's vendors, joined to the orders that name them."""

from dataclasses import dataclass, replace
from typing import Any

from ml_connector.airbase.purchase_orders import LONGEST_ID, FieldReader
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Review
from ml_connector.domain.ids import VendorId
from ml_connector.domain.orders.order import Order, Reference
from ml_connector.settings.airbase_profile import AirbaseProfile


@dataclass(frozen=True)
class Vendor:
    """An Airbase vendor. `code` is its `erp_reference_id`, empty when it is not linked."""

    id: VendorId
    code: str
    name: str
    email: str
    is_active: bool
    vat_number: str = ""
    chamber_of_commerce: str = ""
    iban: str = ""
    country: str = ""
    city: str = ""


def read_vendor(raw: Any, profile: AirbaseProfile) -> Vendor:
    """Return the vendor that Airbase's JSON describes.

    Raises `Review` with all problems.
    """
    fields, reader = profile.vendor, FieldReader(raw, profile, "vendor")
    name = reader.text(fields.name, "vendor name", LONGEST_ID)
    reader.record = f"vendor {name}".strip()
    vendor = Vendor(
        id=VendorId(reader.required_text(fields.id, "vendor id")),
        code=reader.text(fields.code, "vendor code", LONGEST_ID),
        name=name,
        email=reader.text(fields.email, "vendor's e-mail address"),
        is_active=reader.flag(fields.is_active, "vendor's activity", absent=True),
        vat_number=reader.text(fields.vat_number, "vendor's VAT number"),
        chamber_of_commerce=reader.text(fields.chamber_of_commerce, "vendor's company number"),
        iban=reader.text(fields.iban, "vendor's bank account"),
        country=reader.text(fields.country, "vendor's country"),
        city=reader.text(fields.city, "vendor's city"),
    )
    if reader.problems:
        raise Review(reader.problems)
    return vendor


def read_vendor_id(raw: Any, profile: AirbaseProfile) -> VendorId | None:
    """Return the id of a vendor of which something else cannot be read; None without one."""
    reader = FieldReader(raw, profile, "vendor")
    return VendorId(reader.required_text(profile.vendor.id, "vendor id")) or None


def with_vendor(order: Order, raw: Any | None, profile: AirbaseProfile) -> Order:
    """Return the order with the id, code and name of the vendor's own record.

    Raises `Review` when the vendor is inactive, or is not the one that the order names.
    """
    if raw is None:
        return order
    vendor = read_vendor(raw, profile)
    if vendor.id != order.vendor.id:
        raise Review([problem("NOT_THE_ORDER", order.title, "vendor", found=vendor.id)])
    if not vendor.is_active:
        raise Review([problem("VENDOR_INACTIVE", order.title, "name", vendor=vendor.name)])
    return replace(order, vendor=Reference(vendor.id, vendor.code, vendor.name))
