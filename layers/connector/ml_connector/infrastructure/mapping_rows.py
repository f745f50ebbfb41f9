"""Mappings in rows of their own: a connection may have hundreds of thousands.

A row holds some hundred mappings of one division, is never changed, and is found by the hash of a
mapping's key. The connection's item names its rows, so one conditional write of that item makes a
new version of all mappings visible. Rows that did not change are shared by both versions; the
others are kept for a day, for readers of the version before, and then expire.
"""

import json
import secrets
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from ml_connector import clock
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.compression import decompress, pack
from ml_connector.infrastructure.dynamodb import Item, Table
from ml_connector.settings.connection import Connection, DivisionMappings, ExactDivision

KEPT_FOR = timedelta(days=1)
"""How long a reader may still use the version before."""

LONGEST = 2_000
"""Characters of a mapping's Airbase value or Exact code."""

_PER_ROW = 400
_IN_MEMORY = 64  # rows
_STARTING = timedelta(hours=1)  # no import takes so long from its first row to its last write

Content = dict[str, dict[str, str]]
"""What a row holds: kind of mapping to Airbase value to Exact code."""


class LongMappingError(ValueError):
    """A mapping has more than `LONGEST` characters."""


class MappingRows:
    """The rows of one connection, in the mappings table."""

    def __init__(self, table: Table, id: ConnectionId) -> None:
        """Keep those of the connection `id`; what was read stays in memory."""
        self._table = table
        self._pk = f"{id}#mappings"
        self._read: dict[str, Content] = {}

    def find(self, mappings: DivisionMappings, kind: str, keys: Iterable[str]) -> str | None:
        """Return what the first of the keys that is mapped stands for; None when none is.

        Reads a row for each key at most, and none again.
        """
        table: Mapping[str, str] = getattr(mappings, kind)
        names = mappings.rows_of(kind)
        for key in keys:
            if key in table:
                return table[key]
            if names:
                (content,) = self._contents([names[_place(kind, key, len(names))]])
                if key in content.get(kind, ()):
                    return content[kind][key]
        return None

    def whole(self, connection: Connection) -> Connection:
        """Return the connection with all its mappings in itself, as in a connection file."""
        return connection.with_divisions(
            lambda each: each.model_copy(update={"mappings": self._whole(each.mappings)})
        )

    def store(self, connection: Connection, before: Connection | None) -> Connection:
        """Write the rows of mappings that have none yet; return the connection that names them.

        Nobody sees them until it is stored in place of `before`, whose rows are used where they
        hold the same. Raises `LongMappingError`.
        """
        known = {each.division: each.mappings for each in before.divisions} if before else {}

        def stored(each: ExactDivision) -> ExactDivision:
            mappings = self._stored(each.mappings, known.get(each.division, DivisionMappings()))
            return each.model_copy(update={"mappings": mappings})

        return connection.with_divisions(stored)

    def are_of(self, connection: Connection, before: Connection | None) -> bool:
        """Return whether the rows that a connection names are all in use by the one before."""
        return set(_names(connection)) <= (set(_names(before)) if before else set())

    def forget_unused(self, current: Connection, before: Connection | None) -> None:
        """Let rows expire that the connection no longer names, and those of interrupted changes."""
        used, superseded = set(_names(current)), set(_names(before)) if before else set[str]()
        now = clock.now()
        newest = _stamp((now - _STARTING).timestamp())
        expires_at = int((now + KEPT_FOR).timestamp())
        self._table.put_all(
            {**row, "expires_at": expires_at}
            for row in list(self._table.query(self._pk))
            if row["sk"] not in used
            and "expires_at" not in row
            and (row["sk"] in superseded or str(row["sk"]) < newest)
        )

    def remove_all(self) -> None:
        """Remove every row."""
        self._table.delete_all(self._pk, [str(row["sk"]) for row in self._table.query(self._pk)])

    def _whole(self, mappings: DivisionMappings) -> DivisionMappings:
        tables: Content = {kind: dict(table) for kind, table in mappings.tables()}
        for content in self._contents(mappings.supplier_rows + mappings.other_rows):
            for kind, table in content.items():
                tables[kind] |= table
        return DivisionMappings.model_validate(tables)

    def _stored(self, mappings: DivisionMappings, before: DivisionMappings) -> DivisionMappings:
        """Return the mappings as named rows; those in rows already stay where they are."""
        if not any(table for _, table in mappings.tables()):
            return mappings
        mappings = self._whole(mappings)
        _refuse_long(mappings)
        tables = dict(mappings.tables())
        suppliers = {"suppliers": tables.pop("suppliers")}
        return DivisionMappings(
            supplier_rows=self._store(suppliers, before.supplier_rows),
            other_rows=self._store(tables, before.other_rows),
        )

    def _store(
        self, tables: Mapping[str, Mapping[str, str]], before: Sequence[str]
    ) -> tuple[str, ...]:
        total = sum(map(len, tables.values()))
        number = 1 if total else 0
        while number * _PER_ROW < total:
            number *= 2
        while number and any(pack(_text(each)).parts for each in _spread(tables, number)):
            number *= 2  # long ones
        contents = _spread(tables, number)
        known = list(self._contents(before)) if len(before) == number else [{}] * number
        names = [
            before[place] if content == known[place] else _new_name(place)
            for place, content in enumerate(contents)
        ]
        self._table.put_all(
            {"pk": self._pk, "sk": name, "body": pack(_text(content)).value}
            for name, content in zip(names, contents, strict=True)
            if name not in before
        )
        return tuple(names)

    def _contents(self, names: Sequence[str]) -> Iterator[Content]:
        """Yield what the rows hold; raises `KeyError` for one that is gone."""
        known = dict(self._read)
        missing = [name for name in names if name not in known]
        known |= {str(row["sk"]): _content(row) for row in self._rows(missing)}
        self._read = dict(list(known.items())[-_IN_MEMORY:])
        return (known[name] for name in names)

    def _rows(self, names: Sequence[str]) -> Iterable[Item]:
        if len(names) > 1:
            return self._table.get_many(self._pk, names)
        rows = (self._table.get(self._pk, name) for name in names)
        return (row for row in rows if row)


def _names(connection: Connection) -> Iterator[str]:
    for division in connection.divisions:
        yield from division.mappings.supplier_rows
        yield from division.mappings.other_rows


def _spread(tables: Mapping[str, Mapping[str, str]], number: int) -> list[Content]:
    """Return what each of so many rows holds."""
    contents: list[Content] = [{} for _ in range(number)]
    for kind, table in tables.items():
        for key, exact in table.items():
            contents[_place(kind, key, number)].setdefault(kind, {})[key] = exact
    return contents


def _place(kind: str, key: str, number: int) -> int:
    return zlib.crc32(f"{kind}\0{key}".encode()) % number


def _new_name(place: int) -> str:
    return f"{_stamp(clock.epoch())}-{secrets.token_hex(4)}-{place}"


def _stamp(epoch: float) -> str:
    return f"{int(epoch * 1000):015d}"


def _text(content: Content) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _content(row: Item) -> Content:
    content: Content = json.loads(decompress(str(row["body"])))
    return content


def _refuse_long(mappings: DivisionMappings) -> None:
    for kind, table in mappings.tables():
        for texts in table.items():
            if any(len(text) > LONGEST for text in texts):
                what = f"{kind}: {texts[0][:40]!r}"
                raise LongMappingError(f"{what} is mapped with more than {LONGEST} characters")
