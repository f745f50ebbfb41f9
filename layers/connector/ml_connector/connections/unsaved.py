"""Connections with answers that were not saved yet."""

from ml_connector.domain.ids import ConnectionId
from ml_connector.domain.words import command
from ml_connector.infrastructure.connection_views import ConnectionViews
from ml_connector.infrastructure.drafts import Drafts
from ml_connector.infrastructure.tables import Tables
from ml_connector.stack import half_made


def unsaved(tables: Tables, id: str | None = None) -> list[str]:
    """Return in words which connections, or this one, have answers that were not saved yet."""
    drafts = Drafts(tables.coordination).known()
    saved = ConnectionViews(tables.mappings)
    return [_draft(saved, each) for each in drafts if id in {None, each}]


def _draft(saved: ConnectionViews, id: ConnectionId) -> str:
    if saved.get(id):
        return f"{id} has a change that was not saved. Go on: {command('connect', id)}."
    return half_made(id)
