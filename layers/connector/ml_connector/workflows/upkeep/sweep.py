"""The sweep: whatever waits in the ledger or was forgotten by a queue is queued again.

The queue only says "look": a message that is lost, sent twice or late changes nothing.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta

from ml_connector import clock
from ml_connector.connection import Connection
from ml_connector.doors.circuit import AIRBASE, EXACT, REMOTES, Remote
from ml_connector.doors.ledger import Conflict, Record
from ml_connector.ids import ConnectionId, Division, OrderId
from ml_connector.workflows.case import PARKING
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.messages import (
    order_message,
    reconcile_message,
    recover_message,
    refresh_message,
    vendor_message,
)
from ml_connector.workflows.upkeep.airbase_sweep import queue_listing
from ml_connector.workflows.upkeep.refresh import is_due
from ml_connector.workflows.upkeep.room import Room

_FORGOTTEN = timedelta(minutes=2)
_LOOK_AGAIN = timedelta(minutes=10)  # longer than the queue's visibility timeout
_MOST_AT_ONCE = 500
_FAR = datetime(9999, 1, 1, tzinfo=UTC)


def sweep(doors: Doors) -> None:
    """Queue what is due, of every connection; one that fails does not keep the next waiting."""
    failures = []
    for connection in doors.mappings.connections():
        try:
            _queue_forgotten_events(doors, connection.id)
            sweep_connection(doors, connection)
        except Exception as error:  # noqa: BLE001  tenants apart: raised again below
            failures.append(error)
    measure_and_tell(doors)
    if failures:
        raise ExceptionGroup("sweep", failures)


def measure_and_tell(doors: Doors) -> None:
    """Take the figures and tell people what is new; never raises."""
    # Loaded by the first sweep of a process: an order's worker starts without them.
    from ml_connector.workflows.news import figures, telling  # noqa: PLC0415

    figures.measure_all(doors)
    telling.tell_all(doors)


def queue_reviews(doors: Doors, connection: ConnectionId, division: Division) -> int:
    """Queue the orders whose open exceptions a change in the division may have mended."""
    return _queue_where(doors, connection, "division", division)


def queue_unplaced(doors: Doors, connection: ConnectionId) -> int:
    """Queue the orders whose subsidiary no division served."""
    return _queue_where(doors, connection, "division", None)


def queue_vendor_orders(doors: Doors, connection: ConnectionId, vendor: str) -> int:
    """Queue the orders that wait for this vendor's supplier."""
    return _queue_where(doors, connection, "vendor_id", vendor)


def _queue_where(doors: Doors, connection: ConnectionId, fact: str, value: object) -> int:
    waiting = [
        record
        for record in doors.ledger.due(connection, _FAR)
        if record.problems and record.facts.get(fact) == value
    ]
    for record in waiting:
        _queue(doors, record)
    return len(waiting)


def sweep_connection(doors: Doors, connection: Connection) -> None:
    """Queue what is due of one connection, and what may end an outage or a halt."""
    halts = doors.ledger.halts(connection.id)
    away = _away(doors, connection)
    for what in [*(remote.name for remote in away), *(["halts"] if halts else [])]:
        message = recover_message(connection.id, what)
        doors.queues.send(message, f"{message.group} {clock.epoch() // 60}")
    if "" in halts:
        return
    if EXACT not in away:
        _queue_refreshes(doors, connection, halts.keys())
    if AIRBASE not in away:
        queue_listing(doors, connection)
    _queue_due(doors, connection, halts.keys(), away)


def _queue_refreshes(doors: Doors, connection: Connection, halted: Collection[str]) -> None:
    for division in connection.divisions:
        if str(division.division) not in halted and is_due(doors, connection, division.division):
            once = f"refresh {clock.epoch() // 60}"
            message = refresh_message(connection.id, division.division)
            doors.queues.send(message, f"{message.group} {once}")


def _queue_forgotten_events(doors: Doors, connection: ConnectionId) -> None:
    for event in doors.inbox.open_events(connection, clock.now() - _FORGOTTEN):
        doors.queues.send(event.message, f"{event.once} {clock.epoch() // 600}")


def queue_due(doors: Doors, connection: Connection) -> None:
    """Queue due orders, oldest first, no more of a division than it has calls for."""
    halted = doors.ledger.halts(connection.id).keys()
    if "" not in halted:
        _queue_due(doors, connection, halted, _away(doors, connection))


def _queue_due(
    doors: Doors, connection: Connection, halted: Collection[str], away: Collection[Remote]
) -> None:
    room = Room(doors, connection, halted)
    queued = 0
    for record in _due(doors, connection.id, {remote.away for remote in away}):
        if queued >= _MOST_AT_ONCE or room.is_used_up:
            return
        if room.take(record):
            queued += _claim(doors, record)


def _due(doors: Doors, connection: ConnectionId, away: Collection[str]) -> Iterator[Record]:
    """Yield what is due by its time, then what was parked for a reason that is over."""
    yield from doors.ledger.due(connection, clock.now())
    for reason in PARKING:
        if reason not in away:
            yield from doors.ledger.due(connection, clock.now(), reason)


def _away(doors: Doors, connection: Connection) -> list[Remote]:
    return [r for r in REMOTES if doors.circuit(connection.id, r).outage().is_open]


def _claim(doors: Doors, record: Record) -> int:
    """Queue the record and look again in a while, should its message be lost."""
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
