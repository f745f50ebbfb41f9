"""Make linked vendors and suppliers alike, as the connection's policy says.

Every write can be repeated without harm. What was written is remembered as read, so that its echo
from either system changes nothing; the same text is never written twice in a row, should a system
keep it in another spelling.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ml_connector.doors.links import Link
from ml_connector.purchase_orders.books import Supplier
from ml_connector.vendors.party import Party
from ml_connector.workflows.vendors.case import VendorCase
from ml_connector.workflows.vendors.desk import VendorDesk
from ml_connector.workflows.vendors.parties import supplier_party

ACCOUNTS = "crm/Accounts"
LONGEST_NAME = 50  # of an account in Exact


@dataclass(frozen=True)
class Pair:
    """A link that nothing speaks against, and its supplier."""

    link: Link
    supplier: Supplier


def align(desk: VendorDesk, case: VendorCase, vendor: Party, pairs: Sequence[Pair]) -> Party:
    """Write what the policy wants written; return the vendor as it is then.

    Raises the faults of both systems; what was written until then is remembered.
    """
    for pair in pairs:
        if changes := dict(_for_supplier(desk, vendor, pair.supplier)):
            _write_supplier(desk, case, pair, changes)
    changes = dict(_for_vendor(desk, vendor, [pair.supplier for pair in pairs]))
    if changes:
        vendor = _write_vendor(desk, case, vendor, changes)
    return _write_reference(desk, case, vendor, pairs)


def _for_supplier(desk: VendorDesk, vendor: Party, supplier: Supplier) -> Iterator[tuple[str, Any]]:
    policy = desk.connection.vendors
    name = vendor.name[:LONGEST_NAME]
    if policy.name == "airbase_leads" and name and supplier.name != name:
        yield "Name", name
    if policy.email == "airbase_leads" and vendor.email not in {"", supplier.email}:
        yield "Email", vendor.email
    if policy.active == "airbase_leads" and supplier.is_blocked == vendor.is_usable:
        yield "Blocked", not vendor.is_usable


def _for_vendor(
    desk: VendorDesk, vendor: Party, suppliers: Sequence[Supplier]
) -> Iterator[tuple[str, Any]]:
    """Yield what a vendor shall take over: only what its suppliers in all divisions agree on."""
    policy = desk.connection.vendors
    names, emails = {each.name for each in suppliers}, {each.email for each in suppliers}
    usable = [supplier_party(each).is_usable for each in suppliers]
    if policy.name == "exact_leads" and len(names) == 1 and not names <= {"", vendor.name}:
        yield "name", names.pop()
    if policy.email == "exact_leads" and len(emails) == 1 and not emails <= {"", vendor.email}:
        yield "email", emails.pop()
    if policy.active == "exact_leads" and usable and any(usable) != vendor.is_usable:
        yield "is_active", any(usable)


def _write_supplier(
    desk: VendorDesk, case: VendorCase, pair: Pair, changes: Mapping[str, Any]
) -> None:
    division = pair.link.division
    if case.here(division).get("written") == changes:
        return
    gateway = desk.doors.exact(desk.connection)
    gateway.update(division, ACCOUNTS, pair.supplier.id, changes, record=case.title)
    fields = {"Name": "name", "Email": "email", "Blocked": "is_blocked"}
    changed = replace(pair.supplier, **{fields[name]: value for name, value in changes.items()})
    desk.doors.data(desk.id, division).store("supplier", [changed])
    desk.suppliers(division).save(supplier_party(changed))
    case.note(_step(changes), division, {"written": dict(changes)}, side="exact")


def _write_vendor(
    desk: VendorDesk, case: VendorCase, vendor: Party, changes: Mapping[str, Any]
) -> Party:
    if case.here(None).get("written") == changes:
        return vendor
    desk.doors.airbase(desk.connection).change_vendor(case.vendor, **changes)
    fields = {"name": "name", "email": "email", "is_active": "is_usable"}
    changed = replace(vendor, **{fields[name]: value for name, value in changes.items()})
    case.title = changed.name or case.title
    case.note(_step(changes), None, {"written": dict(changes)}, side="airbase")
    return changed


def _write_reference(
    desk: VendorDesk, case: VendorCase, vendor: Party, pairs: Sequence[Pair]
) -> Party:
    """Write the supplier's id to Airbase, which has room for one: not where divisions differ.

    A reference that leads elsewhere is not ours to overwrite; an account code of the supplier is.
    """
    ids = {pair.supplier.id for pair in pairs}
    if not (desk.connection.vendors.write_reference and ids and desk.is_complete):
        return vendor
    if len(ids) > 1:
        if not case.here(None).get("reference"):
            told = "several suppliers: not written to Airbase"
            case.note("reference_differs", None, {"reference": told})
        return vendor
    (id,) = ids
    codes = {pair.supplier.code for pair in pairs}
    if vendor.external_id not in {"", *codes} or vendor.external_id == id:
        return vendor
    row = {"airbase_id": vendor.id, "erp_reference_id": id}
    desk.doors.airbase(desk.connection).upsert_vendor(row, case.title)
    case.note("reference_written", None, {"reference": id}, before=vendor.external_id)
    return replace(vendor, external_id=id)


def _step(changes: Mapping[str, Any]) -> str:
    return "renamed" if {"name", "Name"} & changes.keys() else "aligned"
