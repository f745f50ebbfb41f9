"""Connections, and which Airbase order became which Exact order, in the mappings table."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import sha256

from msgspec import Struct
from pydantic import ValidationError

from ml_connector import clock
from ml_connector.domain.ids import ConnectionId, OrderId
from ml_connector.infrastructure.dynamodb import Item, Put, Table, Write
from ml_connector.infrastructure.mapping_rows import MappingRows
from ml_connector.settings.airbase_profile import STORED
from ml_connector.settings.connection import Connection
from ml_connector.telemetry import logger

_CONNECTIONS = "#connections"  # no connection's own id can be this
_UNVERSIONED = -1
_ATTEMPTS = 5


class ListedOrder(Struct, frozen=True):
    """The digest of an order as last seen in Airbase's listing.

    `is_skipped`: approved before the connection's first day, so the sweep does not post it.
    """

    digest: str
    is_skipped: bool = False


FIRST_READING = OrderId("")
"""Listed once every page of Airbase's listing was read; no order has this id."""


class ConnectionStore:
    """Reads and writes the settings of all connections."""

    NONE = 0
    """The version of a connection that is not stored."""

    def __init__(self, table: Table) -> None:
        """Keep everything in `table`."""
        self._table = table

    def get(self, id: ConnectionId) -> Connection | None:
        """Return the connection, or None when it was removed or never added."""
        item = self._table.get(_CONNECTIONS, id)
        return _parsed(item) if item else None

    def all(self) -> Iterator[Connection]:
        """Yield every connection of the stack.

        One that this release cannot read is logged and left out.
        """
        for item in self._table.query(_CONNECTIONS):
            try:
                yield _parsed(item)
            except ValidationError:
                logger().exception("a connection must be added again", connection=item["sk"])

    def ids(self) -> list[ConnectionId]:
        """Return the id of every connection, readable or not."""
        return [ConnectionId(str(item["sk"])) for item in self._table.query(_CONNECTIONS)]

    def versioned(self, id: ConnectionId) -> tuple[Connection, int] | None:
        """Return the connection and its version, for `save_if_unchanged`."""
        item = self._table.get(_CONNECTIONS, id)
        if item is None:
            return None
        return _parsed(item), _version_of(item)

    def save(self, connection: Connection) -> None:
        """Add the connection, or replace the one with its id.

        Raises `LongMappingError` as `MappingRows.store` does.
        """
        for _ in range(_ATTEMPTS):
            if self._save(connection, self._table.get(_CONNECTIONS, connection.id)):
                return
        raise RuntimeError(f"connection {connection.id} changes faster than it can be saved")

    def save_if_unchanged(self, connection: Connection, version: int) -> bool:
        """Save it unless it has changed since this version; return whether it was saved."""
        stored = self._table.get(_CONNECTIONS, connection.id)
        return _version_of(stored) == version and self._save(connection, stored)

    def is_unchanged(self, id: ConnectionId, version: int) -> bool:
        """Return whether the connection still has this version; `NONE`: is still not stored."""
        return _version_of(self._table.get(_CONNECTIONS, id)) == version

    def whole(self, connection: Connection) -> Connection:
        """Return the connection with all its mappings, read from their rows."""
        return MappingRows(self._table, connection.id).whole(connection)

    def _save(self, connection: Connection, stored: Item | None) -> bool:
        """Store the mappings in rows, then the connection in place of the one read before.

        Return False when that has changed. The condition matters for the rows, too: those of the
        connection before are used again, and may not have been given up meanwhile.
        """
        rows = MappingRows(self._table, connection.id)
        version = _version_of(stored)
        before = _readable(stored) if version > 0 else None
        if not rows.are_of(connection, before):
            return False  # its mappings were changed since it was read
        saved = rows.store(connection, before)
        item = _item(saved, _added_at(stored) or clock.now())
        if stored is None:
            is_saved = self._table.insert(item)
        elif version == _UNVERSIONED:  # an older release has saved it
            self._table.put(item)
            is_saved = True
        else:
            is_saved = self._table.replace(item, expected=version)
        if is_saved:
            rows.forget_unused(saved, before)
        return is_saved

    def added_at(self, id: ConnectionId) -> datetime | None:
        """Return when the connection was first added; None when that is not known."""
        return _added_at(self._table.get(_CONNECTIONS, id))

    def remove(self, id: ConnectionId) -> None:
        """Remove the connection and its vendor links; ledger and audit trail stay."""
        self._table.delete(_CONNECTIONS, id)
        MappingRows(self._table, id).remove_all()
        for item in list(self._table.query(id)):
            self._table.delete(id, str(item["sk"]))


def _parsed(item: Item) -> Connection:
    return _connection(str(item["body"]))


@lru_cache(maxsize=256)
def _connection(body: str) -> Connection:
    """Read it once: every message of a worker begins with the connection, which seldom changes."""
    return Connection.model_validate_json(body, context=STORED)


class ConnectionNotes:
    """What one connection has learned: posted orders, listed orders, how Exact behaves."""

    def __init__(self, table: Table, id: ConnectionId) -> None:
        """Keep those of the connection `id` in the mappings table."""
        self._table = table
        self._id = id

    def added_at(self) -> datetime | None:
        """Return when the connection was first added; None when that is not known."""
        return ConnectionStore(self._table).added_at(self._id)

    def note_posted(self, exact_order: str, order: OrderId) -> None:
        """Store which Airbase order a purchase order in Exact came from."""
        self._table.put(_posted_item(self._id, exact_order, order))

    def noting_posted(self, exact_order: str, order: OrderId) -> Write:
        """Return what `note_posted` writes, for a transaction with the step that found it out."""
        return Put(self._table, _posted_item(self._id, exact_order, order))

    def claim_posted(self, exact_order: str, order: OrderId) -> bool:
        """Do as `note_posted`; return False when it came from another order."""
        item = _posted_item(self._id, exact_order, order)
        return self._table.insert(item) or self.order_of(exact_order) == order

    def order_of(self, exact_order: str) -> OrderId | None:
        """Return the Airbase order that a purchase order in Exact came from."""
        item = self._table.get(self._id, f"posted#{exact_order}")
        return OrderId(str(item["order"])) if item else None

    def note_behaviour(self, what: str, answer: str) -> None:
        """Store how Exact was found to behave for this connection."""
        self._table.put({"pk": self._id, "sk": f"learned#{what}", "answer": answer})

    def behaviour(self, what: str) -> str:
        """Return how Exact was found to behave; empty when not known."""
        item = self._table.get(self._id, f"learned#{what}")
        return str(item["answer"]) if item else ""

    def listed_orders(self) -> dict[OrderId, ListedOrder]:
        """Return every order seen in Airbase's listing, by id. One query."""
        found = self._table.query(self._id, "listed#")
        return {
            OrderId(str(item["sk"]).partition("#")[2]): ListedOrder(
                str(item["digest"]), bool(item["left"])
            )
            for item in found
        }

    def save_listed_orders(self, orders: Mapping[OrderId, ListedOrder]) -> None:
        """Store how these orders were listed."""
        self._table.put_all(_listed_items(self._id, orders))


def _posted_item(id: ConnectionId, exact_order: str, order: OrderId) -> Item:
    return {"pk": id, "sk": f"posted#{exact_order}", "order": order}


def _listed_items(id: ConnectionId, orders: Mapping[OrderId, ListedOrder]) -> Iterable[Item]:
    for order, listed in orders.items():
        item: Item = {"pk": id, "sk": f"listed#{order}"}
        yield item | {"digest": listed.digest, "left": listed.is_skipped}


def _version_of(item: Item | None) -> int:
    """Return the version; one saved by an older release has none until it is saved again."""
    return int(item.get("version", _UNVERSIONED)) if item else ConnectionStore.NONE


def _added_at(item: Item | None) -> datetime | None:
    text = item.get("added_at") if item else None
    return datetime.fromisoformat(str(text)) if text else None


def _readable(item: Item | None) -> Connection | None:
    try:
        return _parsed(item) if item else None
    except ValidationError:
        return None


def _item(connection: Connection, added_at: datetime) -> Item:
    """The version is a hash of the settings: saving the same ones twice is no change."""
    body = connection.model_dump_json()
    version = int(sha256(body.encode()).hexdigest()[:12], 16)
    item: Item = {"pk": _CONNECTIONS, "sk": connection.id, "body": body, "version": version}
    return item | {"added_at": added_at.isoformat()}
