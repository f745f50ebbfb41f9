"""Resume after the ledger and audit trail were restored to an earlier moment."""

from datetime import datetime, timedelta
from typing import Any

from ml_connector import clock
from ml_connector.domain.ids import Actor
from ml_connector.infrastructure.inbox import KEPT_FOR
from ml_connector.settings.connection import Connection
from ml_connector.stack import Stack
from ml_connector.user_errors import UserError


def resume_after_restore(
    stack: Stack, actor: Actor, id: str | None, to: datetime
) -> list[dict[str, Any]]:
    """Resume connections whose ledger and audit trail were restored to the moment `to` (aware).

    For as long as the inbox keeps events, each order is first searched for in Exact before it is
    posted; events received since `to` are queued again. Returns what was done by connection.
    """
    now = clock.now()
    if not now - KEPT_FOR < to < now:
        raise UserError("the moment must be within the last 30 days: earlier events are deleted")
    connections = [stack.connection(id)] if id else list(stack.services.connections.all())
    return [_resume(stack, actor, connection, to) for connection in connections]


def _resume(stack: Stack, actor: Actor, connection: Connection, to: datetime) -> dict[str, Any]:
    until = clock.now() + KEPT_FOR
    stack.ledger_of(actor, connection.id).restored(to, until)
    # An event stored just before that moment may have been handled just after it.
    events = list(stack.services.inbox_of(connection.id).received_since(to - timedelta(hours=1)))
    for event in events:
        stack.send(event.message, f"restored {event.once} {clock.epoch()}")
    return {
        "connection": connection.id,
        "events_queued": len(events),
        "looks_first_until": until.isoformat(timespec="seconds"),
    }
