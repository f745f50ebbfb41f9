"""Connections and the origin of Exact's orders, as kept in the mappings table."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from pydantic import ValidationError

from ml_connector import clock
from ml_connector.connection import Connection
from ml_connector.doors.table import Item, Table
from ml_connector.ids import ConnectionId, OrderId
from ml_connector.telemetry import logger

_CONNECTIONS = "#connections"  # no connection's own id can be this


@dataclass(frozen=True)
class Listed:
    """An order as Airbase's listing had it last, by digest.

    `is_left`: approved before the connection's first day, so not posted by the sweep.
    """

    digest: str
    is_left: bool = False


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

    def versioned(self, id: ConnectionId) -> tuple[Connection, int] | None:
        """Return the connection and the version under which it is kept, for `save_over`."""
        item = self._table.get(_CONNECTIONS, id)
        if item is None:
            return None
        # One that an older release saved has no version: it has to be saved as a whole once.
        version = int(item.get("version", -1))
        return Connection.model_validate_json(str(item["body"])), version

    def save(self, connection: Connection) -> None:
        """Add the connection, or put it in the place of the one with its id."""
        added_at = self.added_at(connection.id) or clock.now()
        self._table.put(_item(connection, added_at))

    def save_over(self, connection: Connection, version: int) -> bool:
        """Save it unless it was changed since it was read in this version; say whether it was."""
        added_at = self.added_at(connection.id) or clock.now()
        return self._table.replace(_item(connection, added_at), expected=version)

    def added_at(self, id: ConnectionId) -> datetime | None:
        """Return when the connection was first added; None when that was not noted yet."""
        item = self._table.get(_CONNECTIONS, id)
        text = item.get("added_at") if item else None
        return datetime.fromisoformat(str(text)) if text else None

    def remove(self, id: ConnectionId) -> None:
        """Forget the connection and its vendor links; ledger and audit trail stay."""
        self._table.delete(_CONNECTIONS, id)
        for item in list(self._table.query(id)):
            self._table.delete(id, str(item["sk"]))

    def note_posted(self, id: ConnectionId, exact_order: str, order: OrderId) -> None:
        """Remember which Airbase order a purchase order in Exact came from."""
        self._table.put({"pk": id, "sk": f"posted#{exact_order}", "order": order})

    def claim_posted(self, id: ConnectionId, exact_order: str, order: OrderId) -> bool:
        """Remember it as `note_posted` does, unless it is already known of another order."""
        item: Item = {"pk": id, "sk": f"posted#{exact_order}", "order": order}
        return self._table.insert(item) or self.order_of(id, exact_order) == order

    def order_of(self, id: ConnectionId, exact_order: str) -> OrderId | None:
        """Return the Airbase order that a purchase order in Exact came from."""
        item = self._table.get(id, f"posted#{exact_order}")
        return OrderId(str(item["order"])) if item else None

    def learn(self, id: ConnectionId, what: str, answer: str) -> None:
        """Remember what Exact has shown about itself to this connection."""
        self._table.put({"pk": id, "sk": f"learned#{what}", "answer": answer})

    def learned(self, id: ConnectionId, what: str) -> str:
        """Return what Exact has shown about itself; empty when it has not yet."""
        item = self._table.get(id, f"learned#{what}")
        return str(item["answer"]) if item else ""

    def listed(self, id: ConnectionId) -> dict[OrderId, Listed]:
        """Return every order that Airbase's listing had, by its id. One query."""
        found = self._table.query(id, "listed#")
        return {
            OrderId(str(item["sk"]).partition("#")[2]): Listed(
                str(item["digest"]), bool(item["left"])
            )
            for item in found
        }

    def keep_listed(self, id: ConnectionId, orders: Mapping[OrderId, Listed]) -> None:
        """Remember how the listing had these orders."""
        self._table.put_all(_listed_items(id, orders))


def _listed_items(id: ConnectionId, orders: Mapping[OrderId, Listed]) -> Iterable[Item]:
    for order, listed in orders.items():
        row: Item = {"pk": id, "sk": f"listed#{order}"}
        yield row | {"digest": listed.digest, "left": listed.is_left}


def _item(connection: Connection, added_at: datetime) -> Item:
    """The version says what is saved: the same settings twice are no change."""
    body = connection.model_dump_json()
    version = int(sha256(body.encode()).hexdigest()[:12], 16)
    item: Item = {"pk": _CONNECTIONS, "sk": connection.id, "body": body, "version": version}
    return item | {"added_at": added_at.isoformat()}
