"""The posting worker: what each kind of message in the purchase order queue asks for."""

from typing import assert_never

from ml_connector.domain.faults import Halt, Later, Review
from ml_connector.domain.ids import Division
from ml_connector.domain.records import EventState
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.queues import PURCHASE_ORDERS
from ml_connector.message_bodies import (
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
    UnknownMessage,
    UnreadableEvent,
    WorkerMessage,
    encode,
    event_record,
)
from ml_connector.message_outcome import finish, keep_unread
from ml_connector.purchase_orders.posting import advance_order, compare_with_exact, refuse_order
from ml_connector.reference_data.notifications import note_stream_change
from ml_connector.reference_data.refresh import is_usable, refresh
from ml_connector.services import Services, StackServices
from ml_connector.sweep.due_records import queue_due, queue_reviews_of_division, sweep
from ml_connector.sweep.missed_approvals import search_listing
from ml_connector.sweep.outage_recovery import recover
from ml_connector.telemetry import logger
from ml_connector.tracked_record import TrackedRecord


def handle(message: WorkerMessage, services: StackServices) -> None:
    """Process one message.

    Raises only what must be redriven: a bug, an AWS fault, a record that another worker changed
    meanwhile, or a message that no connection can show (`UnreadableMessageError`).
    """
    match message:
        case Sweep():
            sweep(services)
        case ForPurchaseOrders():
            _process(message, services)
            finish(services, message)
        case ForVendors() | ReconcileEveryConnection() | UnknownMessage():
            keep_unread(services, message, PURCHASE_ORDERS)
        case _:
            assert_never(message)


def _process(message: PurchaseOrderMessage, services: StackServices) -> None:
    """Process a message; of a removed connection, only what still has to be recorded."""
    if isinstance(message, UnreadableEvent):
        # Imported when there is one: a worker for orders starts without it.
        from ml_connector.purchase_orders import unreadable_events  # noqa: PLC0415

        unreadable_events.take_unreadable(message, services)
    elif isinstance(message, ExactNotification):
        _take_note(message, services)
    elif own := services.of(message.connection):
        _work(message, own)
    elif isinstance(message, ProcessOrder):
        refuse_order(services.ledger_of(message.connection), message.order, message.event)


def _work(
    message: ProcessOrder | CompareOrder | RefreshDivision | SearchListing | Recover,
    services: Services,
) -> None:
    match message:
        case ProcessOrder(_, order, by_hand):
            receives = message.receives
            advance_order(services, order, message.event, by_hand=by_hand, receives=receives)
        case CompareOrder(_, order):
            compare_with_exact(services, order, message.receives)
        case RefreshDivision(_, division, everything):
            refresh_division(services, division, everything=everything)
        case SearchListing():
            search_listing(services)
        case Recover(_, what):
            recover(services, what)
        case _:
            assert_never(message)


def refresh_division(services: Services, division: Division, *, everything: bool = False) -> None:
    """Read the division's reference data that are due, and queue the orders that waited for them.

    The sweep repeats it after a fault.
    """
    was_usable = is_usable(services.reference_store(division))
    if services.connection.division(division) is None:
        return
    try:
        if refresh(services, division, everything=everything):
            queue_reviews_of_division(services, division)
        if not was_usable:
            queue_due(services)
    except Halt as halt:
        Halts(services.ledger).stop(halt.problem, halt.division)
    except (Later, Review) as fault:
        logger().warning(
            "reference data not read",
            extra={
                "connection": services.id,
                "division": division,
                "cause": str(fault),
            },
        )


def _take_note(message: ExactNotification, services: StackServices) -> None:
    """Take note of a change in Exact; one of an unknown kind becomes an exception."""
    key = message.closes or event_record(message.event, encode(message))
    ledger = services.ledger_of(message.connection)
    tracked = TrackedRecord(ledger, ledger.read(key))
    try:
        if own := services.of(message.connection):
            data = own.reference_store(message.division)
            note_stream_change(data, message.division, message.topic, message.key, message.action)
    except Review as review:
        tracked.apply_fault(review, retry_in=None)
    else:
        tracked.close_exceptions(EventState.HANDLED, "handled")
