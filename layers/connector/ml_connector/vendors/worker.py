"""Handle the messages of the vendor queue: one vendor, a division's suppliers, or both lists."""

from datetime import timedelta
from typing import assert_never

from ml_connector.airbase.vendors import read_vendor
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Fault, Review
from ml_connector.domain.ids import Division
from ml_connector.domain.matching.party import Party
from ml_connector.exact.reference_data import ACCOUNTS_PATH
from ml_connector.exact.turns import kept
from ml_connector.infrastructure.inbox import is_of_webhook
from ml_connector.infrastructure.ledger import VENDORS
from ml_connector.infrastructure.queues import VENDORS as VENDOR_QUEUE
from ml_connector.messages.kinds import (
    AccountNotification,
    ForPurchaseOrders,
    ForVendors,
    ProcessSuppliers,
    ProcessVendor,
    ReconcileEveryConnection,
    ReconcileVendors,
    Sweep,
    UnknownMessage,
    VendorMessage,
)
from ml_connector.messages.outcome import finish
from ml_connector.messages.parsing import parse
from ml_connector.messages.sending import reconcile_message, unique_id
from ml_connector.messages.worker import MOST_TIMES, DeliverAgain
from ml_connector.records.tracked_record import TrackedRecord
from ml_connector.reference_data.refresh import note_stale
from ml_connector.services import Services, StackServices
from ml_connector.sweep.backlog import chain_of, in_its_place, keep_in_its_place
from ml_connector.sweep.dispatch import COMPARED_AT_ONCE
from ml_connector.vendors.context import VendorContext, open_context, open_vendor
from ml_connector.vendors.counted_vendor import WORKER_LIVES, CountedVendor
from ml_connector.vendors.parties import vendor_party
from ml_connector.vendors.reconcile_all import reconcile_all
from ml_connector.vendors.reconcile_vendor import reconcile_missing_vendor, reconcile_vendor
from ml_connector.vendors.supplier_changes import process_supplier_changes

_ANOTHERS_TURN = timedelta(seconds=15)
"""Shorter than the pause that a run of orders then leaves."""


def handle(body: object, services: StackServices) -> None:
    """Handle one message; raise only what must be redriven (see the posting worker).

    `DeliverAgain` for a vendor that found another calling its division.
    """
    message = parse(body)
    match message:
        case ReconcileEveryConnection():
            ids = services.connections.ids()
            for id in ids if len(ids) <= COMPARED_AT_ONCE else ():
                services.queues.send(reconcile_message(id), unique_id())
        case ForVendors():
            with in_its_place(services, message):
                own = services.of(message.connection)
                found_taken = own and _process(message, own)
                finish(services, message)
            if found_taken and (message.receives or 1) <= MOST_TIMES:
                raise DeliverAgain(_ANOTHERS_TURN)
        case ForPurchaseOrders() | Sweep() | UnknownMessage():
            keep_in_its_place(services, message, VENDOR_QUEUE)
        case _:
            assert_never(message)


def _process(message: VendorMessage, services: Services) -> bool:
    """Process a message; return whether a vendor found another calling its division."""
    match message:
        case ProcessVendor():
            with kept() as run:
                _reconcile_safely(services, message)
            return run.was_refused
        case AccountNotification():  # read with the next refresh, however many there are
            division = services.division_of(message.division, message.site)
            note_stale(services.reference_store(division), ACCOUNTS_PATH)
        case ProcessSuppliers():
            division = services.division_of(message.division, message.site)
            _process_suppliers(services, division)
        case ReconcileVendors():
            reconcile_all(services, message.receives)
        case _:
            assert_never(message)
    return False


def _reconcile_safely(services: Services, message: ProcessVendor) -> None:
    """Reconcile a vendor; one over which workers crash too often is left as an exception."""
    counted = CountedVendor(services, message.vendor)
    with counted.taken(
        message.receives, anew=is_of_webhook(message.event), lives=WORKER_LIVES
    ) as may_work:
        if may_work:
            context = open_context(services)
            context.chain = chain_of(message)
            _reconcile_one(context, message)


def _reconcile_one(context: VendorContext, message: ProcessVendor) -> None:
    known = context.vendors.get(message.vendor)
    try:
        vendor = known if message.kept else _read(context, message)
    except Fault as fault:
        _apply_fault(context, known or Party(message.vendor, message.vendor), fault)
        return
    if vendor:
        reconcile_vendor(context, vendor)


def _read(context: VendorContext, message: ProcessVendor) -> Party | None:
    """Return the vendor as it is in Airbase; if it is gone, reconcile that and return None."""
    id = message.vendor
    try:
        raw = context.services.airbase().vendor(id)
    except Review as review:
        if any(found.code != "NOT_IN_AIRBASE" for found in review.problems):
            raise
        reconcile_missing_vendor(context, id)
        return None
    if raw is None:  # the tenant has no vendor call: only the order's data are known
        known = context.vendors.get(id)
        return known or Party(id, message.name or "", external_id=message.code or "")
    vendor = vendor_party(read_vendor(raw, context.connection.profile))
    if vendor.id != id:
        raise Review([problem("NOT_THE_VENDOR", id, "vendor", found=vendor.id)])
    return vendor


def _process_suppliers(services: Services, division: Division) -> None:
    try:
        process_supplier_changes(services, division)
    except Fault as fault:  # the daily reconciliation finds the rest
        TrackedRecord(services.ledger, services.ledger.read(VENDORS)).apply_fault(fault)


def _apply_fault(context: VendorContext, vendor: Party, fault: Fault) -> None:
    open_vendor(context.services, context.services.ledger, vendor).apply_fault(fault)
