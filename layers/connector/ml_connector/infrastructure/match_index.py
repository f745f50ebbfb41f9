"""Vendors and suppliers as last read by reconciliation, in the reference table.

A connection's vendors are one list, the suppliers of each of its divisions another. Keys lead to
parties through a fixed number of buckets, each an item with a share of all keys: a change touches a
few buckets, and the list is never read in full to find candidates. A bucket is only a hint: the
party may have changed since, or be gone.
"""

import base64
import json
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from hashlib import sha256

from ml_connector.domain.ids import Division
from ml_connector.domain.matching.party import Party
from ml_connector.infrastructure.dynamodb import Item, Table
from ml_connector.infrastructure.site_keys import SiteKeys

Keys = Callable[[Party], set[str]]
IdsByKey = dict[str, list[str]]

SUPPLIERS = "#suppliers"
"""What follows the partition of a division in that of its suppliers."""
_PARTY, _BUCKET, _SIZE = "party#", "keys#", "size"
_PARTIES_PER_BUCKET, _MAX_BUCKETS = 25, 4096


class MatchIndex:
    """One list of parties, by id and by keys."""

    def __init__(
        self, table: Table, pk: Callable[[], str], keys: Keys, limits: Mapping[str, int]
    ) -> None:
        """Keep the list in the partition of the reference table that `pk` names at each call.

        `keys` returns the keys of a party; `limits` caps the parties per key, by the key's prefix
        before the colon.
        """
        self._table = table
        self._named = pk
        self._keys = keys
        self._limits = limits
        self._bucket_count: int | None = None

    @property
    def _pk(self) -> str:
        return self._named()

    def get(self, id: str) -> Party | None:
        """Return the party as last stored, or None."""
        item = self._table.get(self._pk, _PARTY + id)
        return _read(item) if item else None

    def all(self) -> Iterator[Party]:
        """Yield all parties, in the order of their ids."""
        return (_read(item) for item in self._table.query(self._pk, _PARTY))

    @property
    def is_indexed(self) -> bool:
        """Return whether the list is complete and can be searched by keys."""
        return self._buckets() > 0

    def find(self, keys: Iterable[str]) -> list[Party]:
        """Return the parties indexed under any of the keys, each once, as stored now."""
        by_bucket = self._by_bucket(keys)
        ids: dict[str, None] = {}
        for bucket, wanted in sorted(by_bucket.items()):
            _, indexed = self._read_bucket(bucket)
            ids.update(dict.fromkeys(id for key in wanted for id in indexed.get(key, ())))
        return [party for id in ids if (party := self.get(id))]

    def save(self, party: Party) -> None:
        """Store and index the party, replacing the one with its id; repeating is harmless."""
        self.add_keys(party)
        self.store(party)

    def store(self, *parties: Party) -> None:
        """Store the parties themselves; the index does not change."""
        self._table.put_all(
            {"pk": self._pk, "sk": _PARTY + party.id, "body": _text(party)} for party in parties
        )

    def add_keys(self, party: Party) -> None:
        """Index the party by its keys, before it is stored."""
        before = self.get(party.id)
        if self.is_indexed and before != party:
            self._change_keys(party.id, self._keys(before) if before else set(), self._keys(party))

    def remove_keys(self, id: str) -> None:
        """Remove the party from the index; the party itself stays stored."""
        before = self.get(id)
        if before and self.is_indexed:
            self._change_keys(id, self._keys(before), set())

    def remove(self, id: str) -> None:
        """Remove the party and its keys; absent is fine."""
        self.remove_keys(id)
        self._table.delete(self._pk, _PARTY + id)

    def rebuild_index(self, parties: Iterable[Party]) -> None:
        """Index exactly these parties, which are stored already."""
        indexed: defaultdict[str, list[str]] = defaultdict(list)
        count = 0
        for party in parties:
            count += 1
            for key in self._keys(party):
                if len(indexed[key]) < self._limit(key):
                    indexed[key].append(party.id)
        size = _buckets_for(count)
        buckets: defaultdict[str, IdsByKey] = defaultdict(dict)
        for key, ids in indexed.items():
            buckets[_bucket(key, size)][key] = ids
        names = (f"{_BUCKET}{number:04}" for number in range(size))
        self._table.put_all(self._item(name, buckets.get(name, {}), 1) for name in names)
        self._table.put({"pk": self._pk, "sk": _SIZE, "rows": size})
        self._bucket_count = size

    def _change_keys(self, id: str, before: set[str], after: set[str]) -> None:
        # All keys of `after`, not only new ones: the party may have been removed before.
        for bucket, keys in sorted(self._by_bucket(before | after).items()):
            while not self._change(bucket, id, {key: key in after for key in keys}):
                pass  # another worker changed the bucket: read it again

    def _change(self, bucket: str, id: str, wanted: Mapping[str, bool]) -> bool:
        version, stored = self._read_bucket(bucket)
        indexed = dict(stored)
        for key, is_wanted in wanted.items():
            ids = indexed.get(key, [])
            if is_wanted and id not in ids and len(ids) < self._limit(key):
                indexed[key] = [*ids, id]
            elif not is_wanted and id in ids:
                indexed[key] = [each for each in ids if each != id]
        indexed = {key: ids for key, ids in indexed.items() if ids}
        if indexed == stored:
            return True
        return self._table.replace(self._item(bucket, indexed, version + 1), version)

    def _read_bucket(self, bucket: str) -> tuple[int, IdsByKey]:
        item = self._table.get(self._pk, bucket)
        if item is None:
            return 0, {}
        indexed: IdsByKey = json.loads(zlib.decompress(base64.b64decode(str(item["body"]))))
        return int(item["version"]), indexed

    def _item(self, bucket: str, indexed: IdsByKey, version: int) -> Item:
        text = json.dumps(indexed, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        body = base64.b64encode(zlib.compress(text.encode(), 1)).decode()
        return {"pk": self._pk, "sk": bucket, "version": version, "body": body}

    def _limit(self, key: str) -> int:
        return self._limits.get(key.partition(":")[0], 1_000_000)

    def _by_bucket(self, keys: Iterable[str]) -> dict[str, list[str]]:
        grouped: defaultdict[str, list[str]] = defaultdict(list)
        for key in keys:
            grouped[_bucket(key, self._buckets() or 1)].append(key)
        return grouped

    def _buckets(self) -> int:
        if self._bucket_count is None:
            item = self._table.get(self._pk, _SIZE)
            self._bucket_count = int(item["rows"]) if item else 0
        return self._bucket_count


def _bucket(key: str, count: int) -> str:
    return f"{_BUCKET}{int(sha256(key.encode()).hexdigest()[:8], 16) % count:04}"


def _buckets_for(parties: int) -> int:
    buckets = 1
    while buckets < _MAX_BUCKETS and buckets * _PARTIES_PER_BUCKET < parties:
        buckets *= 2
    return buckets


class MatchIndexes:
    """The lists of one connection: its vendors, and the suppliers of each division of a site."""

    def __init__(self, table: Table, site: SiteKeys) -> None:
        """Keep them in the reference table."""
        self._table = table
        self._site = site

    def vendors(self, keys: Keys, limits: Mapping[str, int]) -> MatchIndex:
        """Return the list of vendors; a usable vendor is active."""
        return MatchIndex(self._table, lambda: f"{self._site.id}#vendors", keys, limits)

    def suppliers(self, division: Division, keys: Keys, limits: Mapping[str, int]) -> MatchIndex:
        """Return the list of a division's suppliers."""

        def pk() -> str:
            return f"{self._site.partition(self._table, division)}{SUPPLIERS}"

        return MatchIndex(self._table, pk, keys, limits)

    def remove_all(self, divisions: Iterable[Division]) -> None:
        """Remove the lists of vendors, and of the suppliers of these divisions."""
        suppliers = [f"{self._site.partition(self._table, each)}{SUPPLIERS}" for each in divisions]
        for pk in (f"{self._site.id}#vendors", *suppliers):
            self._table.delete_all(pk, [str(row["sk"]) for row in self._table.query(pk)])

    def stored_vendor(self, id: str) -> Party | None:
        """Return a vendor as last stored, without opening the index."""
        return self.vendors(lambda _: set(), {}).get(id)


def _text(party: Party) -> str:
    known = {name: value for name, value in asdict(party).items() if value != ""}
    return json.dumps(known, ensure_ascii=False, separators=(",", ":"))


def _read(item: Item) -> Party:
    return Party(**{"name": "", **json.loads(str(item["body"]))})
