"""What `connect` has kept of a connection that was never saved, when nobody wants it any more."""

from ml_connector.connections import secrets, setup
from ml_connector.connections.manage import record_step
from ml_connector.domain.ids import Actor, ConnectionId
from ml_connector.infrastructure.drafts import Drafts
from ml_connector.stack import Stack


def is_unsaved(stack: Stack, id: str) -> bool:
    """Return whether there are answers about a connection of this name, and no connection."""
    connection = ConnectionId(id)
    is_saved = stack.services.connections.get(connection) is not None
    return not is_saved and connection in Drafts(stack.tables.coordination).known()


def discard(stack: Stack, actor: Actor, id: str) -> None:
    """Remove the answers about a connection that is not saved, and the secrets kept for it."""
    connection, drafts = ConnectionId(id), Drafts(stack.tables.coordination)
    settings = drafts.get(connection)
    if settings is None:
        return
    record_step(stack.ledger_of(actor, connection), "connection_discarded")
    secrets.forget_all(stack, setup.provisional(settings))
    drafts.forget(connection)
