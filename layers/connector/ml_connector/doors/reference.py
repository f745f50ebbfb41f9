"""Exact's reference data per division, as kept in the reference table.

Look-up rows (by code, name, cost account) only point at a record; the record itself says
whether it still matches, so an outdated row is passed over and needs no cleaning up.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
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
_READING, _NOTE = "reading#", "note#"
_CHANGE = "supplier-change#"


@dataclass(frozen=True)
class Reading:
    """How far a stream has been read: its highest `Timestamp` seen, and when its end was reached.

    A listing, which is read whole, has no cursor.
    """

    cursor: int = 1
    read_at: datetime | None = None

    def reached(self, timestamp: int) -> "Reading":
        """Return it read up to `timestamp`; never backwards."""
        return replace(self, cursor=max(timestamp, self.cursor))

    def ended(self, at: datetime) -> "Reading":
        """Return it read to its end, begun at `at`."""
        return replace(self, read_at=at)


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

    def readings(self) -> dict[str, Reading]:
        """Return how far everything that was ever read has been read, by path."""
        rows = self._table.query(self._pk, _READING)
        return {str(row["sk"]).removeprefix(_READING): _reading(row) for row in rows}

    def reading(self, path: str) -> Reading:
        """Return how far a stream has been read."""
        row = self._table.get(self._pk, f"{_READING}{path}")
        return _reading(row) if row else Reading()

    def save_reading(self, path: str, reading: Reading) -> None:
        """Remember how far a stream has been read."""
        at = reading.read_at.isoformat() if reading.read_at else ""
        sk = f"{_READING}{path}"
        self._table.put({"pk": self._pk, "sk": sk, "cursor": reading.cursor, "read_at": at})

    def text(self, what: str) -> str | None:
        """Return a text that was kept about the division; None when none was."""
        row = self._table.get(self._pk, f"text#{what}")
        return str(row["text"]) if row else None

    def set_text(self, what: str, text: str) -> None:
        """Keep a text about the division."""
        self._table.put({"pk": self._pk, "sk": f"text#{what}", "text": text})

    def note(self, what: str) -> None:
        """Remember something learned about the division."""
        at = clock.now().isoformat()
        self._table.put({"pk": self._pk, "sk": f"{_NOTE}{what}", "at": at})

    def noted_at(self, what: str) -> datetime | None:
        """Return when that was last learned; None when it never was."""
        row = self._table.get(self._pk, f"{_NOTE}{what}")
        return datetime.fromisoformat(str(row["at"])) if row else None

    def notes(self, prefix: str) -> dict[str, datetime]:
        """Return what was learned under names that start with `prefix`, and when."""
        rows = self._table.query(self._pk, f"{_NOTE}{prefix}")
        return {
            str(row["sk"]).removeprefix(_NOTE): datetime.fromisoformat(str(row["at"]))
            for row in rows
        }

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

    def every(self, kind: str, shape: type[Entity]) -> Iterator[Entity]:
        """Yield all records of a kind."""
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


def _reading(row: Row) -> Reading:
    at = str(row["read_at"])
    return Reading(int(row["cursor"]), datetime.fromisoformat(at) if at else None)
