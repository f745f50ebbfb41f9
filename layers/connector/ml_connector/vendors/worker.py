"""Handle the messages of the vendor queue: one vendor, a division's suppliers, or both lists."""

from collections.abc import Mapping
from typing import Any

from ml_connector.airbase.vendors import read_vendor
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Fault, Review
from ml_connector.domain.ids import ConnectionId, Division, VendorId
from ml_connector.domain.matching.party import Party
from ml_connector.exact.reference_data import ACCOUNTS_PATH
from ml_connector.infrastructure.ledger import VENDORS
from ml_connector.messages import reconcile_message, unique_id
from ml_connector.reference_data.refresh import note_stale
from ml_connector.services import Services
from ml_connector.settings.connection import Connection
from ml_connector.tracked_record import TrackedRecord
from ml_connector.vendors.context import VendorContext, open_context, open_vendor
from ml_connector.vendors.parties import vendor_party
from ml_connector.vendors.reconcile_all import reconcile_all
from ml_connector.vendors.reconcile_vendor import reconcile_missing_vendor, reconcile_vendor
from ml_connector.vendors.supplier_changes import process_supplier_changes


def handle(message: Mapping[str, Any], services: Services) -> None:
    """Handle one message; raise only what must be redriven."""
    if message.get("kind") == "reconcile" and "connection" not in message:
        for each in services.connections.all():
            services.queues.send(reconcile_message(each.id), unique_id())
        return
    connection_id = ConnectionId(message["connection"])
    connection = services.connections.get(connection_id)
    if connection:
        _handle(message, services, connection)
    if event := message.get("event"):
        services.inbox.mark_handled(connection_id, event, message.get("event_version"))


def _handle(message: Mapping[str, Any], services: Services, connection: Connection) -> None:
    kind = message.get("kind")
    if kind == "vendor":
        _reconcile_one(open_context(services, connection), message)
    elif kind == "account":  # read with the next refresh, however many there are
        note_stale(
            services.reference_store(connection.id, Division(message["division"])), ACCOUNTS_PATH
        )
    elif kind == "suppliers":
        _process_suppliers(services, connection, Division(message["division"]))
    elif kind == "reconcile":
        reconcile_all(services, connection)


def _reconcile_one(context: VendorContext, message: Mapping[str, Any]) -> None:
    id = VendorId(message["vendor"])
    known = context.vendors.get(id)
    try:
        vendor = known if message.get("kept") else _read(context, id, message)
    except Fault as fault:
        _apply_fault(context, known or Party(id, id), fault)
        return
    if vendor:
        reconcile_vendor(context, vendor)


def _read(context: VendorContext, id: VendorId, message: Mapping[str, Any]) -> Party | None:
    """Return the vendor as it is in Airbase; if it is gone, reconcile that and return None."""
    try:
        raw = context.services.airbase(context.connection).vendor(id)
    except Review as review:
        if any(found.code != "NOT_IN_AIRBASE" for found in review.problems):
            raise
        reconcile_missing_vendor(context, id)
        return None
    if raw is None:  # the tenant has no vendor call: only the order's data are known
        fields = {"name": message.get("name", ""), "external_id": message.get("code", "")}
        return context.vendors.get(id) or Party(id, **fields)
    vendor = vendor_party(read_vendor(raw, context.connection.profile))
    if vendor.id != id:
        raise Review([problem("NOT_THE_VENDOR", id, f"It was {vendor.id}.")])
    return vendor


def _process_suppliers(services: Services, connection: Connection, division: Division) -> None:
    try:
        process_supplier_changes(services, connection, division)
    except Fault as fault:  # the daily reconciliation finds the rest
        TrackedRecord(services.ledger, services.ledger.read(connection.id, VENDORS)).apply_fault(
            fault
        )


def _apply_fault(context: VendorContext, vendor: Party, fault: Fault) -> None:
    open_vendor(context.services, context.services.ledger, context.id, vendor).apply_fault(fault)
