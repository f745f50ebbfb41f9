"""Form 3: mappings are in rows of their own, which the connection names.

One conditional write stores the connection with its rows in place of the one without. A connection
that is saved meanwhile by this version has them already; by an older one, it is read again.
"""

from collections.abc import Iterator
from functools import partial

from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.connection_store import ConnectionStore
from ml_connector.infrastructure.data_form import MAPPING_ROWS
from ml_connector.infrastructure.ledger import Conflict
from ml_connector.migrations.step import Change, Step
from ml_connector.settings.connection import Connection
from ml_connector.stack import Stack

_ATTEMPTS = 5


def _changes(stack: Stack, connection: ConnectionId, _after: str) -> Iterator[Change]:
    services = stack.services.of(connection)
    if services and _has_inline(services.connection):
        store = ConnectionStore(stack.tables.mappings)
        yield Change("1", partial(_into_rows, store, connection))


def _into_rows(store: ConnectionStore, id: ConnectionId) -> None:
    """Save the connection again as it is; raises `Conflict` when others keep changing it."""
    for _ in range(_ATTEMPTS):
        read = store.versioned(id)
        if read is None or not _has_inline(read[0]) or store.save_if_unchanged(*read):
            return
    raise Conflict(f"connection {id}")


def _has_inline(connection: Connection) -> bool:
    tables = (each.mappings.tables() for each in connection.divisions)
    return any(table for kinds in tables for _, table in kinds)


STEP = Step(MAPPING_ROWS, "mappings are stored in rows, however many there are", _changes)
