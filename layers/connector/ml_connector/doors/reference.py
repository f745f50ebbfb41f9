"""Exact's reference data per division, as kept in the reference table.

Look-up rows (by code, name, cost account) only point at a record; the record itself says
whether it still matches, so an outdated row is passed over and needs no cleaning up.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from difflib import SequenceMatcher
from itertools import islice
from typing import Any, TypeVar

from ml_connector import clock
from ml_connector.doors.links import Link, Links
from ml_connector.doors.table import Item as Row
from ml_connector.doors.table import Table
from ml_connector.ids import ConnectionId, Division, Guid, VendorId
from ml_connector.purchase_orders.books import (
    Code,
    CodeKind,
    GLAccount,
    Item,
    Supplier,
)
from ml_connector.purchase_orders.model import Reference

Entity = TypeVar("Entity", Supplier, GLAccount, Item, Code)
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOST_RESEMBLING = 50
_CHANGE = "supplier-change#"


@dataclass(frozen=True)
class Freshness:
    """How far a division's data have been read: stream path to highest `Timestamp` seen."""

    cursors: Mapping[str, int] = field(default_factory=dict)
    streams_at: datetime | None = None
    listings_at: datetime | None = None

    def reached(self, path: str, timestamp: int) -> "Freshness":
        """Return it with a stream read up to `timestamp`; never backwards."""
        highest = max(timestamp, self.cursors.get(path, 1))
        return replace(self, cursors={**self.cursors, path: highest})

    def read(self, at: datetime, *, listings: bool) -> "Freshness":
        """Return it with all streams, and if said so all listings, read at `at`."""
        return replace(self, streams_at=at, listings_at=at if listings else self.listings_at)


@dataclass(frozen=True)
class SupplierChange:
    """A supplier was changed or deleted in Exact; `key` tells this change from later ones."""

    supplier: Guid
    key: str


class ReferenceData:
    """One division's records of suppliers, GL accounts, items and codes."""

    def __init__(self, table: Table, connection: ConnectionId, division: Division) -> None:
        """Keep the division's records in `table`."""
        self._table = table
        self._pk = f"{connection}#{division}"

    def freshness(self) -> Freshness:
        """Return how far the data have been read."""
        item = self._table.get(self._pk, "freshness")
        if item is None:
            return Freshness()
        body = json.loads(str(item["body"]))
        return Freshness(body["cursors"], _moment(body["streams_at"]), _moment(body["listings_at"]))

    def save_freshness(self, freshness: Freshness) -> None:
        """Remember how far the data have been read."""
        body = json.dumps(asdict(freshness), default=datetime.isoformat)
        self._table.put({"pk": self._pk, "sk": "freshness", "body": body})

    def note(self, what: str) -> None:
        """Remember something learned about the division."""
        at = clock.now().isoformat()
        self._table.put({"pk": self._pk, "sk": f"note#{what}", "at": at})

    def noted_at(self, what: str) -> datetime | None:
        """Return when that was last learned; None when it never was."""
        item = self._table.get(self._pk, f"note#{what}")
        return datetime.fromisoformat(str(item["at"])) if item else None

    def store(self, kind: str, entities: Iterable[Supplier | GLAccount | Item | Code]) -> None:
        """Add or overwrite records of a kind, with their look-up rows."""
        rows: dict[str, Row] = {}
        for entity in entities:
            for row in self._rows(kind, entity):
                rows[str(row["sk"])] = row
        self._table.put_all(rows.values())

    def replace_all(self, kind: CodeKind, codes: Sequence[Code]) -> bool:
        """Make these the only records of a kind; return whether anything changed."""
        held = {str(row["sk"]): str(row["body"]) for row in self._table.query(self._pk, f"{kind}#")}
        rows = {str(row["sk"]): row for code in codes for row in self._rows(kind, code)}
        if held == {sk: str(row["body"]) for sk, row in rows.items()}:
            return False
        self._table.put_all(rows.values())
        for sk in held.keys() - rows.keys():
            self._table.delete(self._pk, sk)
        return True

    def note_supplier_change(self, id: Guid, timestamp: int) -> None:
        """Remember that a supplier changed; `timestamp` is the row version of the change."""
        self._table.put({"pk": self._pk, "sk": f"{_CHANGE}{id}#{timestamp}", "supplier": id})

    def supplier_changes(self) -> Iterator[SupplierChange]:
        """Yield the changes that nobody has followed yet."""
        for row in self._table.query(self._pk, _CHANGE):
            yield SupplierChange(Guid(str(row["supplier"])), str(row["sk"]))

    def forget_change(self, change: SupplierChange) -> None:
        """Forget one change that was followed; a later one of the same supplier stays."""
        self._table.delete(self._pk, change.key)

    def remove(self, kind: str, id: Guid) -> None:
        """Forget a record that Exact no longer has."""
        self._table.delete(self._pk, f"{kind}#{id}")

    def store_supplier_items(self, links: Iterable[tuple[Guid, Guid]]) -> None:
        """Remember which supplier delivers which item."""
        self._table.put_all(
            {"pk": self._pk, "sk": f"supplied#{item}#{supplier}"} for item, supplier in links
        )

    def is_linked(self, item: Guid, supplier: Guid) -> bool:
        """Return whether the supplier is known to deliver the item."""
        return self._table.get(self._pk, f"supplied#{item}#{supplier}") is not None

    def get(self, kind: str, key: str, shape: type[Entity]) -> Entity | None:
        """Return the record with this GUID (or code, for codes)."""
        row = self._table.get(self._pk, f"{kind}#{key}")
        return _load(row, shape) if row else None

    def all(self, kind: str, shape: type[Entity]) -> Iterator[Entity]:
        """Yield every record of a kind."""
        return (_load(row, shape) for row in self._table.query(self._pk, f"{kind}#"))

    def pointed(self, prefix: str) -> Iterator[str]:
        """Yield what the look-up rows that start with `prefix` point at."""
        for row in self._table.query(self._pk, prefix):
            yield str(row["points_at"])

    def _rows(self, kind: str, entity: Supplier | GLAccount | Item | Code) -> Iterator[Row]:
        key = entity.code if isinstance(entity, Code) else entity.id
        body = json.dumps(asdict(entity), default=date.isoformat, ensure_ascii=False)
        yield {"pk": self._pk, "sk": f"{kind}#{key}", "body": body}
        for pointer in _pointers(kind, entity):
            yield {"pk": self._pk, "sk": f"{pointer}#{key}", "points_at": key}


def _pointers(kind: str, entity: Supplier | GLAccount | Item | Code) -> Iterator[str]:
    if not isinstance(entity, Code):
        yield f"{kind}-code#{entity.code}"
    if isinstance(entity, Supplier) and (name := plain_name(entity.name)):
        yield f"supplier-name#{name}"
    if isinstance(entity, Item) and entity.gl_costs:
        yield f"carrier#{entity.gl_costs}"


class DivisionBooks:
    """`Books` over one division's reference data; remembers what it has looked up.

    Made for one order and thrown away, so it never answers from an earlier state.
    """

    def __init__(
        self,
        data: ReferenceData,
        links: Links,
        connection: ConnectionId,
        division: Division,
    ) -> None:
        """Answer for one division of one connection."""
        self._data = data
        self._links = links
        self._connection = connection
        self._division = division
        self._seen: dict[tuple[str, str], Any] = {}

    def linked_supplier(self, vendor: Reference) -> str | None:
        """See `Books.linked_supplier`; an ERP reference counts only where no id can be linked."""
        if not vendor.id:
            return vendor.code or None
        link = self._link(vendor)
        return link.supplier if link else None

    def doubt(self, vendor: Reference, supplier: Guid) -> str:
        """See `Books.doubt`."""
        link = self._link(vendor)
        return link.doubt if link and link.supplier == supplier else ""

    def _link(self, vendor: Reference) -> Link | None:
        if not vendor.id:
            return None
        key = ("link", vendor.id)
        if key not in self._seen:
            id = VendorId(vendor.id)
            self._seen[key] = self._links.get(self._connection, self._division, id)
        found: Link | None = self._seen[key]
        return found

    def supplier(self, id_or_code: str) -> Supplier | None:
        """See `Books.supplier`."""
        return self._by_id_or_code("supplier", id_or_code, Supplier)

    def suppliers_like(self, name: str) -> Sequence[Supplier]:
        """See `Books.suppliers_like`: those that begin with the same word."""
        wanted = plain_name(name)
        first = wanted.partition(" ")[0]
        if not first:
            return []
        # those that begin with the whole name first: a common word has more than are read
        prefixes = (f"supplier-name#{wanted}", f"supplier-name#{first}")
        ids = [id for p in prefixes for id in islice(self._data.pointed(p), _MOST_RESEMBLING)]
        found = [s for id in dict.fromkeys(ids) if (s := self.supplier(id))]
        return sorted(
            (s for s in found if s.is_supplier and plain_name(s.name).startswith(first)),
            key=lambda s: -SequenceMatcher(None, wanted, plain_name(s.name)).ratio(),
        )

    def gl_account(self, id_or_code: str) -> GLAccount | None:
        """See `Books.gl_account`."""
        return self._by_id_or_code("gl_account", id_or_code, GLAccount)

    def item(self, id: Guid) -> Item | None:
        """See `Books.item`."""
        return self._once("item", id, Item)

    def carriers(self, gl_account: Guid) -> Sequence[Item]:
        """See `Books.carriers`."""
        key = ("carriers", gl_account)
        if key not in self._seen:
            ids = self._data.pointed(f"carrier#{gl_account}#")
            items = [item for id in ids if (item := self.item(Guid(id)))]
            self._seen[key] = [item for item in items if item.gl_costs == gl_account]
        carriers: list[Item] = self._seen[key]
        return carriers

    def code(self, kind: CodeKind, code: str) -> Code | None:
        """See `Books.code`."""
        return self._once(kind, code, Code)

    def is_linked(self, item: Guid, supplier: Guid) -> bool:
        """See `Books.is_linked`."""
        return self._data.is_linked(item, supplier)

    def _by_id_or_code(self, kind: str, key: str, shape: type[Entity]) -> Entity | None:
        if _GUID.fullmatch(key.lower()):
            return self._once(kind, key.lower(), shape)
        for id in self._data.pointed(f"{kind}-code#{key.strip()}#"):
            found = self._once(kind, id, shape)
            if found and found.code == key.strip():
                return found
        return None

    def _once(self, kind: str, key: str, shape: type[Entity]) -> Entity | None:
        if (kind, key) not in self._seen:
            self._seen[kind, key] = self._data.get(kind, key, shape)
        found: Entity | None = self._seen[kind, key]
        return found


def plain_name(name: str) -> str:
    """Return the name in lower case, without accents and punctuation, for look-ups."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    kept = "".join(c if c.isalnum() else " " for c in decomposed if not unicodedata.combining(c))
    return " ".join(kept.split())


def _load(row: Row, shape: type[Entity]) -> Entity:
    body = json.loads(str(row["body"]))
    for name in ("start", "end"):
        if body.get(name):
            body[name] = date.fromisoformat(body[name])
    return shape(**body)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
