"""What a person has seen of a connection: their change never undoes one that came meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from ml_connector.domain.audit_chain import Entry
from ml_connector.domain.ids import ConnectionId
from ml_connector.domain.words import command, moment
from ml_connector.infrastructure.connection_store import ConnectionStore
from ml_connector.infrastructure.ledger import CONNECTION, Conflict, Ledger
from ml_connector.settings.connection import Connection
from ml_connector.stack import RecordStack
from ml_connector.user_errors import UserError

_NOT_SAVED = {
    "connection_not_changed": ("connection_added", "connection_changed"),
    "mappings_not_changed": ("mappings_changed",),
}
"""The steps that say of such a step before them that it was not saved."""
_SAVED = {
    "connection_added": "added",
    "connection_changed": "changed",
    "connection_removed": "removed",
    "mappings_changed": "changed (mappings)",
    "slack_webhook_stored": "changed (Slack)",
    "slack_webhook_removed": "changed (Slack)",
}
"""The steps of the audit trail that save a connection, or remove it."""
_MOST_NAMED = 5


class ChangedMeanwhileError(UserError):
    """Somebody else has changed the connection since it was read."""


class Seen(NamedTuple):
    """A connection as somebody has read it, with all its mappings; None if there was none."""

    connection: Connection | None
    version: int


def look(store: ConnectionStore, id: ConnectionId) -> Seen:
    """Return the connection as it is now, for `save_if_unchanged`."""
    read = store.versioned(id)
    return Seen(store.whole(read[0]), read[1]) if read else Seen(None, store.NONE)


def changed_meanwhile(ledger: Ledger) -> ChangedMeanwhileError:
    """Return what to tell the person whose change was not saved: who was faster, and with what."""
    id, last = ledger.id, _last_change(ledger)
    look = command("connection", "show", id)
    remedy = f"yours was not saved. See it: {look}, then run this again"
    if last is None:
        return ChangedMeanwhileError(f"{id} was changed by somebody else meanwhile; {remedy}")
    return ChangedMeanwhileError(
        f"{id} was {_SAVED[last.step]} by {last.actor} at {moment(last.at)}, after you had "
        f"read it; {remedy}",
        *last.detail.get("changed", ())[:_MOST_NAMED],
    )


@contextmanager
def naming_who_was_faster(stack: RecordStack, id: str) -> Iterator[None]:
    """Raise a `Conflict` about the connection as `ChangedMeanwhileError`."""
    try:
        yield
    except Conflict:
        raise changed_meanwhile(stack.services.ledger_of(stack.known_id(id))) from None


def _last_change(ledger: Ledger) -> Entry | None:
    """Return the last step that has changed the connection.

    A change is recorded before it is saved: one that was not saved is followed by its refusal.
    """
    refused: list[tuple[str, str]] = []
    for entry in reversed(ledger.trail(CONNECTION)):
        refused += [(step, entry.actor) for step in _NOT_SAVED.get(entry.step, ())]
        if entry.step in _SAVED and (entry.step, entry.actor) not in refused:
            return entry
        refused = [each for each in refused if each != (entry.step, entry.actor)]
    return None
