"""The posting worker: what each kind of message in the purchase order queue asks for."""

from datetime import datetime
from typing import assert_never

from ml_connector import clock
from ml_connector.domain.faults import Review
from ml_connector.domain.records import EventState
from ml_connector.exact.turns import kept
from ml_connector.infrastructure.inbox import is_of_webhook
from ml_connector.infrastructure.queues import PURCHASE_ORDERS
from ml_connector.messages.kinds import (
    CompareOrder,
    ExactNotification,
    ForPurchaseOrders,
    ForVendors,
    ProcessOrder,
    PurchaseOrderMessage,
    ReconcileEveryConnection,
    Recover,
    RefreshDivision,
    SearchListing,
    Sweep,
    SweepConnection,
    UnknownMessage,
    UnreadableEvent,
    WorkerMessage,
    encode,
    event_record,
)
from ml_connector.messages.outcome import finish
from ml_connector.messages.worker import MOST_TIMES, DeliverAgain
from ml_connector.purchase_orders.division_run import go_on, run_division
from ml_connector.purchase_orders.posting import advance_order, compare_with_exact, refuse_order
from ml_connector.records.tracked_record import TrackedRecord
from ml_connector.reference_data.notifications import note_stream_change
from ml_connector.services import Services, StackServices
from ml_connector.sweep.backlog import in_its_place, keep_in_its_place
from ml_connector.sweep.dispatch import queue_sweeps
from ml_connector.sweep.missed_approvals import search_listing
from ml_connector.sweep.one_connection import sweep_one
from ml_connector.sweep.outage_recovery import recover


def handle(message: WorkerMessage, services: StackServices) -> None:
    """Process one message.

    Raises only what must be redriven: a bug, an AWS fault, a record that another worker changed
    meanwhile, or a message that no connection can show (`UnreadableMessageError`). `DeliverAgain`
    for a division in which there is more to do.
    """
    match message:
        case Sweep():
            queue_sweeps(services)
        case SweepConnection(connection, swept=swept):
            sweep_one(services, connection, swept)
        case ForPurchaseOrders():
            with in_its_place(services, message):
                again_at = _process(message, services)
                finish(services, message)
            if again_at and not _is_last(message):
                raise DeliverAgain(again_at - clock.now())
        case ForVendors() | ReconcileEveryConnection() | UnknownMessage():
            keep_in_its_place(services, message, PURCHASE_ORDERS)
        case _:
            assert_never(message)


def _is_last(message: ForPurchaseOrders) -> bool:
    """Return whether the message cannot be delivered again without a failure."""
    return (message.receives or 1) > MOST_TIMES


def _process(message: PurchaseOrderMessage, services: StackServices) -> datetime | None:
    """Process a message; of a removed connection, only what still has to be recorded.

    Return when there is more to do for it, if there is.
    """
    if isinstance(message, UnreadableEvent):
        # Imported when there is one: a worker for orders starts without it.
        from ml_connector.purchase_orders import unreadable_events  # noqa: PLC0415

        unreadable_events.take_unreadable(message, services)
    elif isinstance(message, ExactNotification):
        _take_note(message, services)
    elif own := services.of(message.connection):
        if isinstance(message, RefreshDivision):
            return run_division(
                own,
                own.division_of(message.division, message.site),
                everything=message.everything,
                is_last=_is_last(message),
                chain=message.chain or 0,
            )
        with kept():
            _work(message, own)
            go_on(own)
    elif isinstance(message, ProcessOrder):
        refuse_order(services.ledger_of(message.connection), message.order, message.event)
    return None


def _work(message: ProcessOrder | CompareOrder | SearchListing | Recover, own: Services) -> None:
    match message:
        case ProcessOrder(_, order, by_hand):
            receives = message.receives
            event = message.event if is_of_webhook(message.event) else None
            advance_order(own, order, event, by_hand=by_hand, receives=receives)
        case CompareOrder(_, order):
            compare_with_exact(own, order, message.receives)
        case SearchListing():
            search_listing(own)
        case Recover(_, what, site):
            recover(own, what, site)
        case _:
            assert_never(message)


def _take_note(message: ExactNotification, services: StackServices) -> None:
    """Take note of a change in Exact; one of an unknown kind becomes an exception."""
    key = message.closes or event_record(message.event, encode(message))
    ledger = services.ledger_of(message.connection)
    tracked = TrackedRecord(ledger, ledger.read(key))
    try:
        if own := services.of(message.connection):
            division = own.division_of(message.division, message.site)
            data = own.reference_store(division)
            note_stream_change(data, division, message.topic, message.key, message.action)
    except Review as review:
        tracked.apply_fault(review, retry_in=None)
    else:
        tracked.close_exceptions(EventState.HANDLED, "handled")
