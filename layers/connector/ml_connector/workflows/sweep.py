"""The sweep: whatever waits in the ledger or was forgotten by a queue is queued again.

The queue only says "look": a message that is lost, sent twice or late changes nothing.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta

from ml_connector import clock
from ml_connector.connection import Connection
from ml_connector.doors.ledger import Conflict, Record
from ml_connector.ids import ConnectionId, Division, OrderId
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.messages import (
    order_message,
    reconcile_message,
    refresh_message,
    vendor_message,
)
from ml_connector.workflows.refresh import is_due

_FORGOTTEN = timedelta(minutes=2)
_LOOK_AGAIN = timedelta(minutes=10)  # longer than the queue's visibility timeout
_MOST_AT_ONCE = 500
_FAR = datetime(9999, 1, 1, tzinfo=UTC)


def sweep(doors: Doors) -> None:
    """Queue what is due, of every connection; one that fails does not keep the next waiting."""
    failures = []
    for connection in doors.mappings.connections():
        try:
            _sweep_connection(doors, connection)
        except Exception as error:  # noqa: BLE001  tenants apart: raised again below
            failures.append(error)
    if failures:
        raise ExceptionGroup("sweep", failures)


def queue_reviews(doors: Doors, connection: ConnectionId, division: Division) -> int:
    """Queue the orders whose open exceptions a change in the division may have mended."""
    return _queue_where(doors, connection, "division", division)


def queue_vendor_orders(doors: Doors, connection: ConnectionId, vendor: str) -> int:
    """Queue the orders that wait for this vendor's supplier."""
    return _queue_where(doors, connection, "vendor_id", vendor)


def _queue_where(doors: Doors, connection: ConnectionId, fact: str, value: object) -> int:
    waiting = [
        record
        for record in doors.ledger.due(connection, _FAR)
        if record.state == "review" and record.facts.get(fact) == value
    ]
    for record in waiting:
        _queue(doors, record)
    return len(waiting)


def _sweep_connection(doors: Doors, connection: Connection) -> None:
    _queue_forgotten_events(doors, connection.id)
    if doors.ledger.halted(connection.id):
        return
    for division in connection.divisions:
        if is_due(doors, connection, division.division):
            once = f"refresh {clock.epoch() // 60}"
            message = refresh_message(connection.id, division.division)
            doors.queues.send(message, f"{message.group} {once}")
    _queue_due(doors, connection)


def _queue_forgotten_events(doors: Doors, connection: ConnectionId) -> None:
    for event in doors.inbox.open_events(connection, clock.now() - _FORGOTTEN):
        doors.queues.send(event.message, f"{event.once} {clock.epoch() // 600}")


def _queue_due(doors: Doors, connection: Connection) -> None:
    """Queue due orders, oldest first, no more of a division than it has calls for."""
    budget = doors.budget(connection)
    room: Counter[int] = Counter(
        {d.division: budget.room(d.division) for d in connection.divisions}
    )
    queued = 0
    for record in doors.ledger.due(connection.id, clock.now()):
        division = int(record.facts.get("division") or 0)
        if queued >= _MOST_AT_ONCE:
            return
        if division in room and room[division] <= 0:
            continue
        room[division] -= 1
        queued += _claim(doors, record)


def _claim(doors: Doors, record: Record) -> int:
    """Queue the order and look again in a while, should its message be lost."""
    try:
        doors.ledger.postpone(record, clock.now() + _LOOK_AGAIN)
    except Conflict:
        return 0  # a worker has it
    _queue(doors, record)
    return 1


def _queue(doors: Doors, record: Record) -> None:
    kind, _, id = record.key.partition("#")
    if kind == "order":
        message = order_message(record.connection, OrderId(id))
        doors.queues.send(message, f"{message.group} {record.version}")
    elif kind in {"vendor", "vendors"}:
        connection = record.connection
        message = vendor_message(connection, id) if id else reconcile_message(connection)
        doors.queues.send(message, f"{message.group} {record.key} {record.version}")
