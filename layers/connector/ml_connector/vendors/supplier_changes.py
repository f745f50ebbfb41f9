"""Process the changes of a division's suppliers: queue the vendors that they can affect.

The refresh of Exact's suppliers leaves a row for every supplier that changed. A row is deleted only
after messages for all affected vendors are queued.
"""

from dataclasses import replace

from ml_connector.domain.ids import Division, Guid
from ml_connector.domain.matching.blocking import affected_vendor_keys, similar_vendor_keys
from ml_connector.domain.matching.party import Party
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.messages.sending import reconcile_message, unique_id
from ml_connector.services import Services
from ml_connector.vendors.context import VendorContext, open_context
from ml_connector.vendors.creation import create_vendor
from ml_connector.vendors.parties import supplier_party
from ml_connector.vendors.reconcile_vendor import affected_vendors, queue_vendors


def process_supplier_changes(services: Services, division: Division) -> None:
    """Process every change; if nothing is matched yet, queue a full reconciliation instead.

    Raise the faults of Airbase where vendors are created.
    """
    context = open_context(services)
    if not context.suppliers(division).is_indexed:
        services.queues.send(reconcile_message(services.id), unique_id())
        return
    data = services.reference_store(division)
    for row in list(data.supplier_changes()):
        supplier = context.supplier(division, row.supplier)
        apply_supplier_change(
            context, division, row.supplier, supplier_party(supplier) if supplier else None
        )
        if supplier:
            _create_missing_vendor(context, division, supplier)
        data.forget_change(row)


def apply_supplier_change(
    context: VendorContext, division: Division, id: Guid, now: Party | None
) -> None:
    """Store a supplier as it is now, None if it is gone; an unchanged one is ignored.

    One that is gone can no longer be found by keys, and is kept to find its successor.
    """
    suppliers = context.suppliers(division)
    before = suppliers.get(id)
    if before == now or (before is None and now is None):
        return
    affected = set()
    for each in (before, now):
        if each:
            affected |= affected_vendors(context, division, each)
    if now:
        suppliers.add_keys(now)
    else:
        suppliers.remove_keys(id)
    queue_vendors(context, affected)
    if now:
        suppliers.store(now)
    elif before:
        suppliers.store(replace(before, is_usable=False))


def _create_missing_vendor(context: VendorContext, division: Division, supplier: Supplier) -> None:
    """Create the vendor of a supplier that no vendor in Airbase resembles."""
    party = supplier_party(supplier)
    if not context.connection.vendors.create_vendors or not party.is_usable or not party.name:
        return
    keys = affected_vendor_keys(party) | similar_vendor_keys(party)
    if not context.vendors.find(keys):
        create_vendor(context, division, supplier)
