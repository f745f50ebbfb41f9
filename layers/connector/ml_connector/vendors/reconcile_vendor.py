"""Reconcile one vendor: match it in divisions where it is not linked; check and align its links.

Vendors that this affects are queued, to be reconciled in turn. The vendor itself is stored last, so
that an interrupted run starts over.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from ml_connector import clock
from ml_connector.domain.faults import Fault
from ml_connector.domain.ids import Division, Guid, VendorId
from ml_connector.domain.matching.blocking import (
    affected_supplier_keys,
    affected_vendor_keys,
    similar_vendor_keys,
)
from ml_connector.domain.matching.party import Party
from ml_connector.domain.records import VendorDivision
from ml_connector.infrastructure.aws_faults import is_of_aws
from ml_connector.infrastructure.ledger import Conflict
from ml_connector.infrastructure.vendor_links import Link
from ml_connector.messages.sending import LONGEST_CHAIN, unique_id, vendor_message
from ml_connector.settings.connection import ExactDivision
from ml_connector.telemetry import logger
from ml_connector.vendors.alignment import LinkedPair, align
from ml_connector.vendors.context import VendorContext, agreed_names, open_vendor
from ml_connector.vendors.creation import create_supplier
from ml_connector.vendors.link_checks import CONFIGURED, check_link, configured_link
from ml_connector.vendors.linking import apply_decision, decide_vendor
from ml_connector.vendors.parties import supplier_party
from ml_connector.vendors.tracked_vendor import TrackedVendor
from ml_connector.vendors.waiting_orders import divisions_needing_supplier, release_orders


def reconcile_vendor(context: VendorContext, vendor: Party) -> None:
    """Reconcile a vendor as it is now in Airbase."""
    before = context.vendors.get(vendor.id)
    context.vendors.add_keys(vendor)
    tracked = open_vendor(context.services, context.services.ledger, vendor)
    sharing = _sharing_supplier(context, tracked)
    try:
        for division in _matched_divisions(context):
            _reconcile_division(context, tracked, division, vendor)
        vendor = _align(context, tracked, vendor)
        tracked.resume()
    except Fault as fault:
        tracked.apply_fault(fault)
    affected = sharing ^ _sharing_supplier(context, tracked)
    if before != vendor:
        affected |= sharing | _affected_by(context, vendor)
        affected |= _affected_by(context, before) if before else set()
    queue_vendors(context, affected - {vendor.id})
    release_orders(context.services, tracked.vendor)
    context.vendors.store(vendor)


def reconcile_missing_vendor(context: VendorContext, id: VendorId) -> None:
    """Reconcile a vendor that is no longer in Airbase."""
    known = context.vendors.get(id) or Party(id, "")
    tracked = open_vendor(context.services, context.services.ledger, known)
    affected = _sharing_supplier(context, tracked) | _affected_by(context, known)
    context.vendors.remove_keys(id)
    for division in context.connection.divisions:
        link = context.services.vendor_links.get(division.division, id)
        if link:
            check_link(context, tracked, division, link, None)
        elif tracked.division_facts(division.division) != VendorDivision():
            tracked.report(division.division, None, None)
    tracked.resume()
    queue_vendors(context, affected - {id})
    context.vendors.remove(id)


def queue_vendors(context: VendorContext, vendors: Iterable[str]) -> None:
    """Queue vendors to be reconciled as last read.

    At the end of a long chain they are made due instead, and the sweep begins a new one: Lambda
    stops a chain of about 16 messages to its own queue.
    """
    ledger, chain = context.services.ledger, context.chain + 1
    for id in sorted(vendors):
        record = ledger.vendor(VendorId(id)) if chain > LONGEST_CHAIN else None
        if record and record.version:
            with suppress(Conflict):  # another worker has it
                ledger.postpone(record, clock.now())
            continue
        message = vendor_message(context.id, VendorId(id), kept=True, chain=chain)
        context.services.queues.send(message, unique_id())


def affected_vendors(context: VendorContext, division: Division, supplier: Party) -> set[str]:
    """Return the vendors that this state of a supplier can affect."""
    keys = affected_vendor_keys(supplier) | similar_vendor_keys(supplier)
    found = {each.id for each in context.vendors.find(keys)}
    return found | set(context.services.vendor_links.vendors_of(division, Guid(supplier.id)))


def reconcile_or_requeue(context: VendorContext, vendor: Party) -> None:
    """Reconcile one of many vendors; queue it by itself if that fails.

    Another worker is changing it, or the connector crashes over it: that does not stop the others.
    """
    try:
        reconcile_vendor(context, vendor)
    except Conflict:
        queue_vendors(context, [vendor.id])
    except Fault:
        raise
    except Exception as error:
        if is_of_aws(error):
            raise
        logger().exception("vendor not reconciled", connection=context.id, vendor=vendor.id)
        queue_vendors(context, [vendor.id])


def _matched_divisions(context: VendorContext) -> Iterator[ExactDivision]:
    """Yield the divisions that were matched before; a full reconciliation matches the others."""
    if context.vendors.is_indexed:
        for division in context.connection.divisions:
            if context.suppliers(division.division).is_indexed:
                yield division


def _reconcile_division(
    context: VendorContext, tracked: TrackedVendor, division: ExactDivision, vendor: Party
) -> None:
    code = division.division
    link = context.services.vendor_links.get(code, tracked.vendor)
    configured = context.configured_supplier(division, vendor)
    if configured and supplier_party(configured).is_usable and _may_replace(link, configured.id):
        link = configured_link(division, tracked, configured)
        party = supplier_party(configured)
        tracked.link(link, party, agreed_names(vendor, party))
    if link:
        check_link(context, tracked, division, link, vendor)
        return
    decision = decide_vendor(context, code, vendor)
    rejections = context.services.vendor_links.rejections(code, tracked.vendor)
    is_missing = decision.outcome == "none" and vendor.is_usable
    is_wanted = is_missing and _may_create_supplier(context, tracked, code)
    if is_wanted and not decision.is_unlike_all and not tracked.division_facts(code).intent:
        # One of these may be it: a second supplier would be created, so a person looks first.
        decision = replace(decision, outcome="review", rule="similar_name")
    apply_decision(context, tracked, code, vendor, decision, rejections)
    if is_wanted and not tracked.division_facts(code).proposed:
        create_supplier(context, tracked, division, vendor)


def _may_create_supplier(
    context: VendorContext, tracked: TrackedVendor, division: Division
) -> bool:
    """Tell whether a supplier may be created: only for an order, not for a reimbursed employee."""
    if not context.connection.vendors.create_suppliers:
        return False
    has_begun = bool(tracked.division_facts(division).intent)
    return has_begun or division in divisions_needing_supplier(
        context.services.ledger, tracked.vendor
    )


def _may_replace(link: Link | None, supplier: Guid) -> bool:
    """Tell whether the connection file replaces the link: not one that a person decided."""
    if link is None:
        return True
    return link.supplier != supplier and link.decided_by in {"", CONFIGURED}


def _align(context: VendorContext, tracked: TrackedVendor, vendor: Party) -> Party:
    """Write what the policy requires, then record what both sides agree on."""
    pairs = list(_pairs_without_doubt(context, tracked))
    aligned = align(context, tracked, vendor, pairs)
    for pair in _pairs_without_doubt(context, tracked):
        if aligned != vendor or pair not in pairs:
            division = context.connection.division(pair.link.division)
            if division:
                check_link(context, tracked, division, pair.link, aligned)
    return aligned


def _pairs_without_doubt(context: VendorContext, tracked: TrackedVendor) -> Iterator[LinkedPair]:
    for division in _matched_divisions(context):
        link = context.services.vendor_links.get(division.division, tracked.vendor)
        supplier = context.supplier(division.division, link.supplier) if link else None
        if link and supplier and not link.doubt:
            yield LinkedPair(link, supplier)


def _sharing_supplier(context: VendorContext, tracked: TrackedVendor) -> set[str]:
    """Return the vendors that share a supplier with this one."""
    found: set[str] = set()
    for division in context.connection.divisions:
        link = context.services.vendor_links.get(division.division, tracked.vendor)
        if link:
            found.update(context.services.vendor_links.vendors_of(link.division, link.supplier))
    return found


def _affected_by(context: VendorContext, vendor: Party) -> set[str]:
    """Return the unlinked vendors that compete with this one for a supplier."""
    found: set[str] = set()
    for division in _matched_divisions(context):
        for supplier in context.suppliers(division.division).find(affected_supplier_keys(vendor)):
            keys = affected_vendor_keys(supplier)
            ids = {each.id for each in context.vendors.find(keys)}
            found |= {
                each
                for each in ids
                if not context.services.vendor_links.get(division.division, VendorId(each))
            }
    return found
