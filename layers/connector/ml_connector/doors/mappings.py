"""Connections and the origin of Exact's orders, as kept in the mappings table."""

from collections.abc import Iterator

from pydantic import ValidationError

from ml_connector.connection import Connection
from ml_connector.doors.table import Table
from ml_connector.ids import ConnectionId, OrderId
from ml_connector.telemetry import logger

_CONNECTIONS = "#connections"  # no connection's own id can be this


class Mappings:
    """Reads and writes what admins configured, and which order became which in Exact."""

    def __init__(self, table: Table) -> None:
        """Keep everything in `table`."""
        self._table = table

    def connection(self, id: ConnectionId) -> Connection | None:
        """Return the connection, or None when it was removed or never added."""
        item = self._table.get(_CONNECTIONS, id)
        return Connection.model_validate_json(str(item["body"])) if item else None

    def connections(self) -> Iterator[Connection]:
        """Yield every connection of the stack.

        One that an upgrade can no longer read is logged and left out: the others go on.
        """
        for item in self._table.query(_CONNECTIONS):
            try:
                yield Connection.model_validate_json(str(item["body"]))
            except ValidationError:
                logger().exception("a connection must be added again", connection=item["sk"])

    def save(self, connection: Connection) -> None:
        """Add the connection, or put it in the place of the one with its id."""
        self._table.put(
            {
                "pk": _CONNECTIONS,
                "sk": connection.id,
                "body": connection.model_dump_json(),
            }
        )

    def remove(self, id: ConnectionId) -> None:
        """Forget the connection and its vendor links; ledger and audit trail stay."""
        self._table.delete(_CONNECTIONS, id)
        for item in list(self._table.query(id)):
            self._table.delete(id, str(item["sk"]))

    def note_posted(self, id: ConnectionId, exact_order: str, order: OrderId) -> None:
        """Remember which Airbase order a purchase order in Exact came from."""
        self._table.put({"pk": id, "sk": f"posted#{exact_order}", "order": order})

    def order_of(self, id: ConnectionId, exact_order: str) -> OrderId | None:
        """Return the Airbase order that a purchase order in Exact came from."""
        item = self._table.get(id, f"posted#{exact_order}")
        return OrderId(str(item["order"])) if item else None
