"""Align linked vendors and suppliers, as the connection's policy says.

Every write can be repeated safely. What was written is stored as if read, so that its echo from
either system changes nothing; the same text is never written twice in a row, in case a system
changes its spelling.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ml_connector.domain.matching.party import Party
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.domain.texts import cut
from ml_connector.infrastructure.vendor_links import Link
from ml_connector.vendors.context import VendorContext
from ml_connector.vendors.parties import supplier_party
from ml_connector.vendors.tracked_vendor import TrackedVendor

ACCOUNTS = "crm/Accounts"
LONGEST_NAME = 50  # of an account in Exact


@dataclass(frozen=True)
class LinkedPair:
    """A link without doubt, and its supplier."""

    link: Link
    supplier: Supplier


def align(
    context: VendorContext, tracked: TrackedVendor, vendor: Party, pairs: Sequence[LinkedPair]
) -> Party:
    """Write what the policy requires; return the vendor as it is afterwards.

    Raises the faults of both systems; what was written before is recorded.
    """
    for pair in pairs:
        if changes := dict(_supplier_changes(context, vendor, pair.supplier)):
            _write_supplier(context, tracked, pair, changes)
    changes = dict(_vendor_changes(context, vendor, [pair.supplier for pair in pairs]))
    if changes:
        vendor = _write_vendor(context, tracked, vendor, changes)
    return _write_reference(context, tracked, vendor, pairs)


def _supplier_changes(
    context: VendorContext, vendor: Party, supplier: Supplier
) -> Iterator[tuple[str, Any]]:
    policy = context.connection.vendors
    name = cut(vendor.name, LONGEST_NAME)
    if policy.name == "airbase_leads" and name and supplier.name != name:
        yield "Name", name
    if policy.email == "airbase_leads" and vendor.email not in {"", supplier.email}:
        yield "Email", vendor.email
    if policy.active == "airbase_leads" and supplier.is_blocked == vendor.is_usable:
        yield "Blocked", not vendor.is_usable


def _vendor_changes(
    context: VendorContext, vendor: Party, suppliers: Sequence[Supplier]
) -> Iterator[tuple[str, Any]]:
    """Yield what the vendor takes over: only what its suppliers in all divisions agree on."""
    policy = context.connection.vendors
    names, emails = {each.name for each in suppliers}, {each.email for each in suppliers}
    usable = [supplier_party(each).is_usable for each in suppliers]
    if policy.name == "exact_leads" and len(names) == 1 and not names <= {"", vendor.name}:
        yield "name", names.pop()
    if policy.email == "exact_leads" and len(emails) == 1 and not emails <= {"", vendor.email}:
        yield "email", emails.pop()
    if policy.active == "exact_leads" and usable and any(usable) != vendor.is_usable:
        yield "is_active", any(usable)


def _write_supplier(
    context: VendorContext, tracked: TrackedVendor, pair: LinkedPair, changes: Mapping[str, Any]
) -> None:
    division = pair.link.division
    if tracked.division_facts(division).written == changes:
        return
    exact_client = context.services.exact(division)
    exact_client.update(division, ACCOUNTS, pair.supplier.id, changes, record=tracked.title)
    fields = {"Name": "name", "Email": "email", "Blocked": "is_blocked"}
    changed = replace(pair.supplier, **{fields[name]: value for name, value in changes.items()})
    context.services.reference_store(division).store("supplier", [changed])
    context.suppliers(division).save(supplier_party(changed))
    facts = replace(tracked.division_facts(division), written=dict(changes))
    tracked.note(_step(changes), division, facts, written=dict(changes), side="exact")


def _write_vendor(
    context: VendorContext, tracked: TrackedVendor, vendor: Party, changes: Mapping[str, Any]
) -> Party:
    if tracked.division_facts(None).written == changes:
        return vendor
    context.services.airbase().change_vendor(tracked.vendor, **changes)
    fields = {"name": "name", "email": "email", "is_active": "is_usable"}
    changed = replace(vendor, **{fields[name]: value for name, value in changes.items()})
    tracked.title = changed.name or tracked.title
    facts = replace(tracked.division_facts(None), written=dict(changes))
    tracked.note(_step(changes), None, facts, written=dict(changes), side="airbase")
    return changed


def _write_reference(
    context: VendorContext, tracked: TrackedVendor, vendor: Party, pairs: Sequence[LinkedPair]
) -> Party:
    """Write the supplier's id to Airbase, which holds one only: not where divisions differ.

    Overwrite an account code of the supplier, but no other reference.
    """
    ids = {pair.supplier.id for pair in pairs}
    if not (context.connection.vendors.write_reference and ids and context.has_all_suppliers):
        return vendor
    if len(ids) > 1:
        if not tracked.division_facts(None).reference:
            why = "several suppliers: not written to Airbase"
            facts = replace(tracked.division_facts(None), reference=why)
            tracked.note("reference_differs", None, facts, reference=why)
        return vendor
    (id,) = ids
    codes = {pair.supplier.code for pair in pairs}
    if vendor.external_id not in {"", *codes} or vendor.external_id == id:
        return vendor
    row = {"airbase_id": vendor.id, "erp_reference_id": id}
    context.services.airbase().upsert_vendor(row, tracked.title)
    facts = replace(tracked.division_facts(None), reference=id)
    before = vendor.external_id
    tracked.note("reference_written", None, facts, reference=id, before=before)
    return replace(vendor, external_id=id)


def _step(changes: Mapping[str, Any]) -> str:
    return "renamed" if {"name", "Name"} & changes.keys() else "aligned"
