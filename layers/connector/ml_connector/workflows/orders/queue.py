"""The one door of the posting worker: what each message of the purchase order queue asks for."""

from collections.abc import Mapping
from typing import Any

from ml_connector.codes import problem
from ml_connector.faults import Halt, Later, Review
from ml_connector.ids import ConnectionId, Division, Guid, OrderId, RecordKey
from ml_connector.telemetry import logger
from ml_connector.workflows.case import Case
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.orders.posting import advance, look_at_exact
from ml_connector.workflows.upkeep.airbase_sweep import sweep_listing
from ml_connector.workflows.upkeep.exact_changes import note_change
from ml_connector.workflows.upkeep.outage import recover
from ml_connector.workflows.upkeep.refresh import is_usable, refresh
from ml_connector.workflows.upkeep.sweep import queue_due, queue_reviews, sweep


def handle(message: Mapping[str, Any], doors: Doors) -> None:
    """Do what one message asks for.

    Raises only what must be redriven: a bug, an AWS fault, or a record that another worker
    changed meanwhile.
    """
    kind = message.get("kind")
    if kind == "sweep":
        sweep(doors)
        return
    connection = ConnectionId(message["connection"])
    if kind == "order":
        id, by_hand = OrderId(message["order"]), bool(message.get("by_hand"))
        advance(doors, connection, id, message.get("event"), by_hand=by_hand)
    elif kind == "exact_order":
        look_at_exact(doors, connection, OrderId(message["order"]))
    elif kind == "refresh":
        division, everything = Division(message["division"]), bool(message.get("everything"))
        refresh_division(doors, connection, division, everything=everything)
    elif kind == "listing":
        sweep_listing(doors, connection)
    elif kind == "recover":
        recover(doors, connection, message["what"])
    else:
        _note_event(message, doors, connection)
    if event := message.get("event"):
        doors.inbox.mark_handled(connection, event, message.get("event_version"))


def refresh_division(
    doors: Doors, connection_id: ConnectionId, division: Division, *, everything: bool = False
) -> None:
    """Read what is due of the division; what waited for it is queued. The sweep repeats it."""
    was_usable = is_usable(doors, connection_id, division)
    connection = doors.mappings.connection(connection_id)
    if connection is None or connection.division(division) is None:
        return
    try:
        if refresh(doors, connection, division, everything=everything):
            queue_reviews(doors, connection_id, division)
        if not was_usable:
            queue_due(doors, connection)
    except Halt as halt:
        doors.ledger.halt(connection_id, halt.problem, halt.division)
    except (Later, Review) as fault:
        logger().warning(
            "reference data not read",
            extra={
                "connection": connection_id,
                "division": division,
                "cause": str(fault),
            },
        )


def _note_event(message: Mapping[str, Any], doors: Doors, connection: ConnectionId) -> None:
    """Do what Exact's notification says; one that cannot be read waits for a person, not for us."""
    key = RecordKey(f"event#{message.get('event')}")
    case = Case(doors.ledger, doors.ledger.read(connection, key))
    try:
        if message.get("kind") != "exact":
            raise Review([problem("UNREADABLE_EVENT", str(message.get("event")))])
        note_change(
            doors,
            connection,
            Division(message["division"]),
            message["topic"],
            Guid(message["key"]),
            message["action"],
        )
    except Review as review:
        case.put_aside(review, again_in=None)
    else:
        case.close("handled", "handled")
