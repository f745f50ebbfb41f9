"""Exact's reference data per division, in the reference table.

Look-up rows (by code, name, cost account) only point at an entity; the entity itself says whether
it still matches, so an outdated row is skipped and needs no cleaning up.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from difflib import SequenceMatcher
from itertools import islice
from typing import Any, TypeVar

from msgspec import Struct

from ml_connector import clock
from ml_connector.domain.ids import Division, Guid, VendorId
from ml_connector.domain.orders.order import Reference
from ml_connector.domain.orders.reference_data import Code, CodeKind, GLAccount, Item, Supplier
from ml_connector.infrastructure.dynamodb import Item as Row
from ml_connector.infrastructure.dynamodb import Table
from ml_connector.infrastructure.site_keys import SiteKeys
from ml_connector.infrastructure.vendor_links import Link, VendorLinks

Entity = TypeVar("Entity", bound=Supplier | GLAccount | Item | Code)
EntityKey = tuple[str, str]
"""The kind of an entity, and its GUID (or code, for codes)."""
Wanted = Iterable[tuple[EntityKey, type[Any]]]
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MAX_SIMILAR = 50
_CURSOR, _NOTE, _CHANGE = "reading#", "note#", "supplier-change#"


OVERLAP = 1000
"""Row versions that every reading reads again: no more than a page of rows."""
OVERLAP_TIME = timedelta(hours=1)
"""What was read within this time is read again as well, as long as it fits into one page."""


@dataclass(frozen=True)
class StreamCursor:
    """How far a stream was read: its highest `Timestamp`, and when the last run to its end began.

    A listing, which is always read in full, has no `Timestamp`.
    """

    timestamp: int = 1
    read_at: datetime | None = None
    failures: int = 0
    """How often in a row Exact refused to be read here, or gave no usable answer."""
    failing_since: datetime | None = None
    rests_until: datetime | None = None
    """When it is tried again after a failure."""
    again_from: int = 0
    """Row versions from here on are read again: a long transaction may commit below the cursor."""
    marked: int = 0
    marked_at: datetime | None = None
    """What was reached when, at least an hour ago: the next `again_from`."""

    @property
    def start(self) -> int:
        """Return the row version after which the next reading starts."""
        lowest = self.timestamp - OVERLAP
        return max(1, min(lowest, self.again_from) if self.again_from else lowest)

    def reached(self, timestamp: int) -> "StreamCursor":
        """Return the cursor moved to `timestamp`; never backwards."""
        return replace(self, timestamp=max(timestamp, self.timestamp))

    def ended(self, at: datetime, *, is_small: bool = True) -> "StreamCursor":
        """Return the cursor of a stream read to its end, begun at `at`.

        `is_small`: it took one page, so that reading it again costs no call more.
        """
        after = replace(self, read_at=at, failures=0, failing_since=None, rests_until=None)
        if not is_small:
            return replace(after, again_from=0, marked=self.timestamp, marked_at=at)
        if self.marked_at and at - self.marked_at < OVERLAP_TIME:
            return after
        return replace(after, again_from=self.marked, marked=self.timestamp, marked_at=at)

    def failed(self, at: datetime, until: datetime) -> "StreamCursor":
        """Return the cursor of a stream that could not be read at `at`, and rests until then."""
        since = self.failing_since or at
        more = self.failures + 1
        return replace(self, failures=more, failing_since=since, rests_until=until)


class SupplierChange(Struct, frozen=True):
    """A supplier was changed or deleted in Exact; `key` identifies the change."""

    supplier: Guid
    key: str


class ReferenceStore:
    """One division's suppliers, GL accounts, items and codes."""

    def __init__(self, table: Table, keys: SiteKeys, division: Division) -> None:
        """Store the data of a division of the site in `table`."""
        self._table = table
        self._keys = keys
        self._division = division

    @property
    def _pk(self) -> str:
        return self._keys.partition(self._table, self._division)

    def remove_all(self) -> None:
        """Remove everything that was read of the division: the next reading starts anew."""
        self._table.delete_all(self._pk, [str(row["sk"]) for row in self._table.query(self._pk)])

    def cursors(self) -> dict[str, StreamCursor]:
        """Return the cursors of everything that was ever read, by path."""
        rows = self._table.query(self._pk, _CURSOR)
        return {str(row["sk"]).removeprefix(_CURSOR): _cursor(row) for row in rows}

    def cursor(self, path: str) -> StreamCursor:
        """Return a stream's cursor."""
        row = self._table.get(self._pk, f"{_CURSOR}{path}")
        return _cursor(row) if row else StreamCursor()

    def save_cursor(self, path: str, cursor: StreamCursor) -> None:
        """Store a stream's cursor."""
        row: Row = {"pk": self._pk, "sk": f"{_CURSOR}{path}", "cursor": cursor.timestamp}
        row["read_at"] = cursor.read_at.isoformat() if cursor.read_at else ""
        if cursor.failing_since:
            row["failures"] = cursor.failures
            row["failing_since"] = cursor.failing_since.isoformat()
        if cursor.rests_until:
            row["rests_until"] = cursor.rests_until.isoformat()
        if cursor.marked_at:
            row["again_from"], row["marked"] = cursor.again_from, cursor.marked
            row["marked_at"] = cursor.marked_at.isoformat()
        self._table.put(row)

    def text(self, what: str) -> str | None:
        """Return a text stored about the division, or None."""
        row = self._table.get(self._pk, f"text#{what}")
        return str(row["text"]) if row else None

    def set_text(self, what: str, text: str) -> None:
        """Store a text about the division."""
        self._table.put({"pk": self._pk, "sk": f"text#{what}", "text": text})

    def note(self, what: str) -> None:
        """Store that something was found out about the division, now."""
        at = clock.now().isoformat()
        self._table.put({"pk": self._pk, "sk": f"{_NOTE}{what}", "at": at})

    def forget_note(self, what: str) -> None:
        """Remove a note."""
        self._table.delete(self._pk, f"{_NOTE}{what}")

    def noted_at(self, what: str) -> datetime | None:
        """Return when that was last noted, or None."""
        row = self._table.get(self._pk, f"{_NOTE}{what}")
        return datetime.fromisoformat(str(row["at"])) if row else None

    def notes(self, prefix: str) -> dict[str, datetime]:
        """Return the notes whose names start with `prefix`, and when each was noted."""
        rows = self._table.query(self._pk, f"{_NOTE}{prefix}")
        return {
            str(row["sk"]).removeprefix(_NOTE): datetime.fromisoformat(str(row["at"]))
            for row in rows
        }

    def store(self, kind: str, entities: Iterable[Supplier | GLAccount | Item | Code]) -> None:
        """Add or overwrite entities of a kind, with their look-up rows."""
        rows: dict[str, Row] = {}
        for entity in entities:
            for row in self._rows(kind, entity):
                rows[str(row["sk"])] = row
        self._table.put_all(rows.values())

    def replace_all(self, kind: CodeKind, codes: Sequence[Code]) -> bool:
        """Make these the only codes of a kind; return whether anything changed."""
        stored = {
            str(row["sk"]): str(row["body"]) for row in self._table.query(self._pk, f"{kind}#")
        }
        rows = {str(row["sk"]): row for code in codes for row in self._rows(kind, code)}
        if stored == {sk: str(row["body"]) for sk, row in rows.items()}:
            return False
        self._table.put_all(rows.values())
        for sk in stored.keys() - rows.keys():
            self._table.delete(self._pk, sk)
        return True

    def note_supplier_change(self, id: Guid, timestamp: int) -> None:
        """Store that a supplier changed; `timestamp` is the row version of the change."""
        self._table.put({"pk": self._pk, "sk": f"{_CHANGE}{id}#{timestamp}", "supplier": id})

    def supplier_changes(self) -> Iterator[SupplierChange]:
        """Yield the changes that are not yet processed."""
        for row in self._table.query(self._pk, _CHANGE):
            yield SupplierChange(Guid(str(row["supplier"])), str(row["sk"]))

    def forget_change(self, change: SupplierChange) -> None:
        """Remove a processed change; a later one of the same supplier stays."""
        self._table.delete(self._pk, change.key)

    def remove(self, kind: str, id: Guid) -> None:
        """Remove an entity that Exact no longer has."""
        self._table.delete(self._pk, f"{kind}#{id}")

    def store_supplier_items(self, links: Iterable[tuple[Guid, Guid]]) -> None:
        """Store which supplier delivers which item."""
        self._table.put_all(
            {"pk": self._pk, "sk": f"supplied#{item}#{supplier}"} for item, supplier in links
        )

    def is_linked(self, item: Guid, supplier: Guid) -> bool:
        """Return whether the supplier is known to deliver the item."""
        return self._table.get(self._pk, f"supplied#{item}#{supplier}") is not None

    def get(self, kind: str, key: str, shape: type[Entity]) -> Entity | None:
        """Return the entity with this GUID (or code, for codes)."""
        row = self._table.get(self._pk, f"{kind}#{key}")
        return _load(row, shape) if row else None

    def get_all(self, wanted: Mapping[EntityKey, type[Any]]) -> dict[EntityKey, Any]:
        """Return the entities with these keys, None for what is not there. One read."""
        keys = {f"{kind}#{key}": (kind, key) for kind, key in wanted}
        rows = {keys[str(row["sk"])]: row for row in self._table.get_many(self._pk, keys)}
        return {
            each: _load(rows[each], shape) if each in rows else None
            for each, shape in wanted.items()
        }

    def all(self, kind: str, shape: type[Entity]) -> Iterator[Entity]:
        """Yield all entities of a kind."""
        return (_load(row, shape) for row in self._table.query(self._pk, f"{kind}#"))

    def targets(self, prefix: str) -> Iterator[str]:
        """Yield the keys that the look-up rows with `prefix` point at."""
        for row in self._table.query(self._pk, prefix):
            yield str(row["points_at"])

    def _rows(self, kind: str, entity: Supplier | GLAccount | Item | Code) -> Iterator[Row]:
        key = entity.code if isinstance(entity, Code) else entity.id
        fields = asdict(entity)
        if not entity.unreadable:  # older versions do not know it
            del fields["unreadable"]
        body = json.dumps(fields, default=date.isoformat, ensure_ascii=False)
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


class StoredDivisionData:
    """`DivisionData` over one division's stored reference data; caches what it has looked up.

    Made for one order, so that the cache is never outdated.
    """

    def __init__(
        self,
        data: ReferenceStore,
        links: VendorLinks,
        division: Division,
        mapped: Callable[[str, Sequence[str]], str | None] = lambda _kind, _keys: None,
    ) -> None:
        """Read one division of the connection that `data` and `links` belong to.

        `mapped` answers `DivisionData.mapped`.
        """
        self._mapped = mapped
        self._data = data
        self._links = links
        self._division = division
        self._cached: dict[tuple[str, str], Any] = {}
        self._pointed: dict[str, list[str]] = {}

    def read_ahead(self, lookups: Iterable[tuple[str, Sequence[Any]]]) -> None:
        """Read at once what these questions are about: methods of `DivisionData`, arguments."""
        self._read_together(
            each for what, arguments in lookups for each in self._entities_of(what, arguments)
        )

    def _entities_of(self, what: str, arguments: Sequence[Any]) -> Wanted:
        match what, arguments:
            case "supplier", (id_or_code,):
                return self._named("supplier", id_or_code, Supplier)
            case "gl_account", (id_or_code,):
                return self._named("gl_account", id_or_code, GLAccount)
            case "carriers", (gl_account,):
                return self._carrier_keys(gl_account)
            case "item", (id,):
                return [(("item", id), Item)]
            case "code", (kind, code):
                return [((kind, code), Code)]
            case _:
                return ()

    def _read_together(self, wanted: Wanted) -> None:
        unread = {key: shape for key, shape in wanted if key not in self._cached}
        if unread:
            self._cached |= self._data.get_all(unread)

    def _ids(self, prefix: str) -> list[str]:
        """Return the keys that the look-up rows with `prefix` point at."""
        if prefix not in self._pointed:
            self._pointed[prefix] = list(self._data.targets(prefix))
        return self._pointed[prefix]

    def mapped(self, kind: str, keys: Sequence[str]) -> str | None:
        """See `DivisionData.mapped`."""
        return self._mapped(kind, keys)

    def linked_supplier(self, vendor: Reference) -> str | None:
        """See `DivisionData.linked_supplier`; the ERP code counts only without an id."""
        if not vendor.id:
            return vendor.code or None
        link = self._link(vendor)
        return link.supplier if link else None

    def doubt(self, vendor: Reference, supplier: Guid) -> str:
        """See `DivisionData.doubt`."""
        link = self._link(vendor)
        return link.doubt if link and link.supplier == supplier else ""

    def _link(self, vendor: Reference) -> Link | None:
        if not vendor.id:
            return None
        key = ("link", vendor.id)
        if key not in self._cached:
            id = VendorId(vendor.id)
            self._cached[key] = self._links.get(self._division, id)
        found: Link | None = self._cached[key]
        return found

    def supplier(self, id_or_code: str) -> Supplier | None:
        """See `DivisionData.supplier`."""
        return self._by_id_or_code("supplier", id_or_code, Supplier)

    def suppliers_like(self, name: str) -> Sequence[Supplier]:
        """See `DivisionData.suppliers_like`: those that begin with the same word."""
        wanted = plain_name(name)
        first = wanted.partition(" ")[0]
        if not first:
            return []
        # Full matches first: a common first word has more suppliers than are read.
        prefixes = (f"supplier-name#{wanted}", f"supplier-name#{first}")
        ids = [id for p in prefixes for id in islice(self._data.targets(p), _MAX_SIMILAR)]
        self._read_together((("supplier", id), Supplier) for id in ids)
        found = [s for id in dict.fromkeys(ids) if (s := self.supplier(id))]
        return sorted(
            (s for s in found if s.is_supplier and plain_name(s.name).startswith(first)),
            key=lambda s: -SequenceMatcher(None, wanted, plain_name(s.name)).ratio(),
        )

    def gl_account(self, id_or_code: str) -> GLAccount | None:
        """See `DivisionData.gl_account`."""
        return self._by_id_or_code("gl_account", id_or_code, GLAccount)

    def item(self, id: Guid) -> Item | None:
        """See `DivisionData.item`."""
        return self._once("item", id, Item)

    def carriers(self, gl_account: Guid) -> Sequence[Item]:
        """See `DivisionData.carriers`."""
        wanted = self._carrier_keys(gl_account)
        self._read_together(wanted)
        items = [item for (_, id), _ in wanted if (item := self.item(Guid(id)))]
        return [item for item in items if item.gl_costs == gl_account]

    def _carrier_keys(self, gl_account: Guid) -> list[tuple[EntityKey, type[Any]]]:
        return [(("item", id), Item) for id in self._ids(f"carrier#{gl_account}#")]

    def code(self, kind: CodeKind, code: str) -> Code | None:
        """See `DivisionData.code`."""
        return self._once(kind, code, Code)

    def is_linked(self, item: Guid, supplier: Guid) -> bool:
        """See `DivisionData.is_linked`."""
        return self._data.is_linked(item, supplier)

    def _by_id_or_code(self, kind: str, key: str, shape: type[Entity]) -> Entity | None:
        if _GUID.fullmatch(key.lower()):
            return self._once(kind, key.lower(), shape)
        for id in self._ids(_by_code(kind, key)):
            found = self._once(kind, id, shape)
            if found and found.code == key.strip():
                return found
        return None

    def _named(self, kind: str, key: str, shape: type[Any]) -> Wanted:
        is_id = _GUID.fullmatch(key.lower())
        ids = [key.lower()] if is_id else self._ids(_by_code(kind, key))
        return [((kind, id), shape) for id in ids]

    def _once(self, kind: str, key: str, shape: type[Entity]) -> Entity | None:
        if (kind, key) not in self._cached:
            self._cached[kind, key] = self._data.get(kind, key, shape)
        found: Entity | None = self._cached[kind, key]
        return found


def _by_code(kind: str, code: str) -> str:
    return f"{kind}-code#{code.strip()}#"


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


def _cursor(row: Row) -> StreamCursor:
    return StreamCursor(
        int(row["cursor"]),
        _moment(row, "read_at"),
        int(row.get("failures", 0)),
        _moment(row, "failing_since"),
        _moment(row, "rests_until"),
        int(row.get("again_from", 0)),
        int(row.get("marked", 0)),
        _moment(row, "marked_at"),
    )


def _moment(row: Row, name: str) -> datetime | None:
    text = str(row.get(name, ""))
    return datetime.fromisoformat(text) if text else None
