"""The posting worker: what each kind of message in the purchase order queue asks for."""

from typing import assert_never

from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Halt, Later, Review
from ml_connector.domain.ids import ConnectionId, Division
from ml_connector.domain.records import EventState
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
    encode,
    event_record,
    parse,
)
from ml_connector.message_outcome import finish, keep_unread
from ml_connector.purchase_orders.posting import advance_order, compare_with_exact
from ml_connector.reference_data.notifications import note_stream_change
from ml_connector.reference_data.refresh import is_usable, refresh
from ml_connector.services import Services
from ml_connector.sweep.due_records import queue_due, queue_reviews_of_division, sweep
from ml_connector.sweep.missed_approvals import search_listing
from ml_connector.sweep.outage_recovery import recover
from ml_connector.telemetry import logger
from ml_connector.tracked_record import TrackedRecord


def handle(body: object, services: Services) -> None:
    """Process one message.

    Raises only what must be redriven: a bug, an AWS fault, a record that another worker changed
    meanwhile, or a message that no connection can show (`UnreadableMessageError`).
    """
    message = parse(body)
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


def _process(message: PurchaseOrderMessage, services: Services) -> None:
    match message:
        case ProcessOrder(connection, order, by_hand):
            advance_order(services, connection, order, message.event, by_hand=by_hand)
        case CompareOrder(connection, order):
            compare_with_exact(services, connection, order)
        case RefreshDivision(connection, division, everything):
            refresh_division(services, connection, division, everything=everything)
        case SearchListing(connection):
            search_listing(services, connection)
        case Recover(connection, what):
            recover(services, connection, what)
        case ExactNotification() | UnreadableEvent():
            _take_note(message, services)
        case _:
            assert_never(message)


def refresh_division(
    services: Services, connection_id: ConnectionId, division: Division, *, everything: bool = False
) -> None:
    """Read the division's reference data that are due, and queue the orders that waited for them.

    The sweep repeats it after a fault.
    """
    was_usable = is_usable(services, connection_id, division)
    connection = services.connections.get(connection_id)
    if connection is None or connection.division(division) is None:
        return
    try:
        if refresh(services, connection, division, everything=everything):
            queue_reviews_of_division(services, connection_id, division)
        if not was_usable:
            queue_due(services, connection)
    except Halt as halt:
        services.ledger.halt(connection_id, halt.problem, halt.division)
    except (Later, Review) as fault:
        logger().warning(
            "reference data not read",
            extra={
                "connection": connection_id,
                "division": division,
                "cause": str(fault),
            },
        )


def _take_note(message: ExactNotification | UnreadableEvent, services: Services) -> None:
    """Take note of a webhook's event; one that cannot be read becomes an exception."""
    key = message.closes or event_record(message.event, encode(message))
    tracked = TrackedRecord(services.ledger, services.ledger.read(message.connection, key))
    try:
        if isinstance(message, UnreadableEvent):
            raise Review([problem("UNREADABLE_EVENT", tracked.title, "no_record")])
        note_stream_change(
            services,
            message.connection,
            message.division,
            message.topic,
            message.key,
            message.action,
        )
    except Review as review:
        tracked.apply_fault(review, retry_in=None)
    else:
        tracked.close_exceptions(EventState.HANDLED, "handled")
