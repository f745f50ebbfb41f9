"""Vendors and suppliers as last looked at by reconciliation, in the reference table.

A connection's vendors are one list, the suppliers of each of its divisions another. A list is found
by keys through a fixed number of rows, each of which holds a share of all keys: a change touches a
few rows, and nobody reads the list to find a neighbour. What a row says is only a hint: a party may
have changed since, or be gone.
"""

import base64
import json
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from hashlib import sha256

from ml_connector.doors.table import Item, Table
from ml_connector.ids import ConnectionId, Division
from ml_connector.vendors.party import Party

Keys = Callable[[Party], set[str]]
Posted = dict[str, list[str]]

_PARTY, _ROW, _SIZE = "party#", "keys#", "size"
_PARTIES_A_ROW, _MOST_ROWS = 25, 4096


class Parties:
    """One list of parties, by id and by keys."""

    def __init__(self, table: Table, pk: str, keys: Keys, most: Mapping[str, int]) -> None:
        """Keep the list under `pk` of the reference table.

        `keys` says under which keys a party is found, `most` how many are kept under a key by what
        stands before its colon.
        """
        self._table = table
        self._pk = pk
        self._keys = keys
        self._most = most
        self._size: int | None = None

    def get(self, id: str) -> Party | None:
        """Return the party as last looked at, or None."""
        item = self._table.get(self._pk, _PARTY + id)
        return _read(item) if item else None

    def all(self) -> Iterator[Party]:
        """Yield the whole list, in the order of the ids."""
        return (_read(item) for item in self._table.query(self._pk, _PARTY))

    @property
    def is_indexed(self) -> bool:
        """Return whether the list is complete and can be asked by keys."""
        return self._rows() > 0

    def find(self, keys: Iterable[str]) -> list[Party]:
        """Return the parties posted under any of the keys, each once, as they are now."""
        by_row: defaultdict[str, list[str]] = defaultdict(list)
        for key in keys:
            by_row[self._row_of(key)].append(key)
        ids: dict[str, None] = {}
        for row, asked in sorted(by_row.items()):
            _, posted = self._read_row(row)
            ids.update(dict.fromkeys(id for key in asked for id in posted.get(key, ())))
        return [party for id in ids if (party := self.get(id))]

    def save(self, party: Party) -> None:
        """Put the party in the place of the one with its id; repeating it changes nothing."""
        self.post(party)
        self.keep(party)

    def keep(self, *parties: Party) -> None:
        """Remember the parties themselves, whatever their keys."""
        self._table.put_all(
            {"pk": self._pk, "sk": _PARTY + party.id, "body": _text(party)} for party in parties
        )

    def post(self, party: Party) -> None:
        """Let the party be found by its keys, before it is kept as it is now."""
        before = self.get(party.id)
        if self.is_indexed and before != party:
            self._repost(party.id, self._keys(before) if before else set(), self._keys(party))

    def withdraw(self, id: str) -> None:
        """Let nobody find it by keys any more; what is known of it is kept."""
        before = self.get(id)
        if before and self.is_indexed:
            self._repost(id, self._keys(before), set())

    def remove(self, id: str) -> None:
        """Forget one; absent is fine."""
        self.withdraw(id)
        self._table.delete(self._pk, _PARTY + id)

    def index(self, parties: Iterable[Party]) -> None:
        """Let exactly these be found by keys; they are kept already."""
        posted: defaultdict[str, list[str]] = defaultdict(list)
        count = 0
        for party in parties:
            count += 1
            for key in self._keys(party):
                if len(posted[key]) < self._limit(key):
                    posted[key].append(party.id)
        size = _rows_for(count)
        rows: defaultdict[str, Posted] = defaultdict(dict)
        for key, ids in posted.items():
            rows[_row(key, size)][key] = ids
        names = (f"{_ROW}{at:04}" for at in range(size))
        self._table.put_all(self._item(name, rows.get(name, {}), 1) for name in names)
        self._table.put({"pk": self._pk, "sk": _SIZE, "rows": size})
        self._size = size

    def _repost(self, id: str, before: set[str], after: set[str]) -> None:
        by_row: defaultdict[str, list[str]] = defaultdict(list)
        for key in before | after:  # one that was withdrawn is posted again under all its keys
            by_row[self._row_of(key)].append(key)
        for row, keys in sorted(by_row.items()):
            while not self._change(row, id, {key: key in after for key in keys}):
                pass  # another worker changed the row: it is read again

    def _change(self, row: str, id: str, wanted: Mapping[str, bool]) -> bool:
        version, held = self._read_row(row)
        posted = dict(held)
        for key, is_wanted in wanted.items():
            ids = posted.get(key, [])
            if is_wanted and id not in ids and len(ids) < self._limit(key):
                posted[key] = [*ids, id]
            elif not is_wanted and id in ids:
                posted[key] = [each for each in ids if each != id]
        posted = {key: ids for key, ids in posted.items() if ids}
        return posted == held or self._table.replace(self._item(row, posted, version + 1), version)

    def _read_row(self, row: str) -> tuple[int, Posted]:
        item = self._table.get(self._pk, row)
        if item is None:
            return 0, {}
        posted: Posted = json.loads(zlib.decompress(base64.b64decode(str(item["body"]))))
        return int(item["version"]), posted

    def _item(self, row: str, posted: Posted, version: int) -> Item:
        text = json.dumps(posted, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        body = base64.b64encode(zlib.compress(text.encode(), 1)).decode()
        return {"pk": self._pk, "sk": row, "version": version, "body": body}

    def _limit(self, key: str) -> int:
        return self._most.get(key.partition(":")[0], 1_000_000)

    def _row_of(self, key: str) -> str:
        return _row(key, self._rows() or 1)

    def _rows(self) -> int:
        if self._size is None:
            item = self._table.get(self._pk, _SIZE)
            self._size = int(item["rows"]) if item else 0
        return self._size


def _row(key: str, size: int) -> str:
    return f"{_ROW}{int(sha256(key.encode()).hexdigest()[:8], 16) % size:04}"


def _rows_for(count: int) -> int:
    rows = 1
    while rows < _MOST_ROWS and rows * _PARTIES_A_ROW < count:
        rows *= 2
    return rows


def vendors_key(connection: ConnectionId) -> str:
    """Return where a connection's vendors are kept; a usable one is active."""
    return f"{connection}#vendors"


def suppliers_key(connection: ConnectionId, division: Division) -> str:
    """Return where the suppliers of a division are kept."""
    return f"{connection}#{division}#suppliers"


def kept_vendor(table: Table, connection: ConnectionId, id: str) -> Party | None:
    """Return a vendor as last looked at, without what finding by keys needs."""
    return Parties(table, vendors_key(connection), lambda _: set(), {}).get(id)


def _text(party: Party) -> str:
    known = {name: value for name, value in asdict(party).items() if value != ""}
    return json.dumps(known, ensure_ascii=False, separators=(",", ":"))


def _read(item: Item) -> Party:
    return Party(**{"name": "", **json.loads(str(item["body"]))})
