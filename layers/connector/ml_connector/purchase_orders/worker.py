"""The posting worker: what each kind of message in the purchase order queue asks for."""

from collections.abc import Mapping
from typing import Any

from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Halt, Later, Review
from ml_connector.domain.ids import ConnectionId, Division, Guid, OrderId, RecordKey
from ml_connector.purchase_orders.posting import advance_order, compare_with_exact
from ml_connector.reference_data.notifications import note_stream_change
from ml_connector.reference_data.refresh import is_usable, refresh
from ml_connector.services import Services
from ml_connector.sweep.due_records import queue_due, queue_reviews_of_division, sweep
from ml_connector.sweep.missed_approvals import search_listing
from ml_connector.sweep.outage_recovery import recover
from ml_connector.telemetry import logger
from ml_connector.tracked_record import TrackedRecord


def handle(message: Mapping[str, Any], services: Services) -> None:
    """Process one message.

    Raises only what must be redriven: a bug, an AWS fault, or a record that another worker
    changed meanwhile.
    """
    kind = message.get("kind")
    if kind == "sweep":
        sweep(services)
        return
    connection = ConnectionId(message["connection"])
    if kind == "order":
        id, by_hand = OrderId(message["order"]), bool(message.get("by_hand"))
        advance_order(services, connection, id, message.get("event"), by_hand=by_hand)
    elif kind == "exact_order":
        compare_with_exact(services, connection, OrderId(message["order"]))
    elif kind == "refresh":
        division, everything = Division(message["division"]), bool(message.get("everything"))
        refresh_division(services, connection, division, everything=everything)
    elif kind == "listing":
        search_listing(services, connection)
    elif kind == "recover":
        recover(services, connection, message["what"])
    else:
        _handle_exact_event(message, services, connection)
    if event := message.get("event"):
        services.inbox.mark_handled(connection, event, message.get("event_version"))


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


def _handle_exact_event(
    message: Mapping[str, Any], services: Services, connection: ConnectionId
) -> None:
    """Take note of Exact's notification; one that cannot be read becomes an exception."""
    key = RecordKey(f"event#{message.get('event')}")
    tracked = TrackedRecord(services.ledger, services.ledger.read(connection, key))
    try:
        if message.get("kind") != "exact":
            raise Review([problem("UNREADABLE_EVENT", str(message.get("event")))])
        note_stream_change(
            services,
            connection,
            Division(message["division"]),
            message["topic"],
            Guid(message["key"]),
            message["action"],
        )
    except Review as review:
        tracked.apply_fault(review, retry_in=None)
    else:
        tracked.close_exceptions("handled", "handled")
