"""Form 2: every key and fact of a division names its Exact site.

Workers may run. What is changed already is not found again, so a run that was interrupted starts
from the beginning. The data of a removed connection stay as they are: its site is not known.

A division's reference data are copied, and workers go over to the copy when its row `moved` is
there. What they write to the old partition until then is read from Exact again: the copy goes on
from where Exact's streams stood before the first row was copied. Rows that Exact does not tell
again are copied once more when no worker uses the old partition any longer; then it is removed.
"""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from ml_connector import clock
from ml_connector.domain.ids import ConnectionId, Division, RecordKey, parse_division, site_of
from ml_connector.infrastructure.data_form import DIVISION_KEYS
from ml_connector.infrastructure.dynamodb import Delete, DeleteUnchanged, Item, Put, Table, Write
from ml_connector.infrastructure.ledger import Conflict, Ledger
from ml_connector.infrastructure.match_index import SUPPLIERS
from ml_connector.infrastructure.record_codec import with_site
from ml_connector.infrastructure.site_keys import ASKED_AGAIN_AFTER, FIRST_MOVED, MOVED, SiteKeys
from ml_connector.migrations.step import Change, Step
from ml_connector.services import Services
from ml_connector.stack import Stack

UNUSED_AFTER = timedelta(seconds=300 + ASKED_AGAIN_AFTER + 30)
"""No worker uses the old partition so long after its copy counts: none lives over 300 seconds."""

_NOT_TOLD_AGAIN = ("note#", "order-gone#", "supplied#", "supplier-change#", "text#")
_COPIED_LATE = "supplier-change#"
_AT_A_TIME = 500
_ATTEMPTS = 5
_sleep = time.sleep


def _changes(stack: Stack, connection: ConnectionId, _after: str) -> Iterator[Change]:
    services = stack.services.of(connection)
    if services is None:
        return
    keys = SiteKeys(connection, services.connection.first_site)
    moves = [
        _DivisionMove(stack.tables.reference, keys, each.division)
        for each in services.connection.divisions
        if site_of(each.division) == keys.first_site
    ]
    yield from (Change(f"1 {each.name}", each.copy) for each in moves if each.is_to_be_copied)
    yield from _vendor_rows(stack.tables.mappings, keys)
    yield from _records(services, stack.services.ledger_of(connection))
    yield from (Change(f"4 {each.name}", each.finish) for each in moves if each.has_old_rows)


def _vendor_rows(mappings: Table, keys: SiteKeys) -> Iterator[Change]:
    links = _older(mappings, keys, "link")
    moved_with_it = {_way_to(item) for item in links}
    ways = [item for item in _older(mappings, keys, "linked") if item["sk"] not in moved_with_it]
    others = (item for kind in ("proposal", "rejected") for item in _older(mappings, keys, kind))
    for item in (*links, *ways, *others):
        yield Change(f"2 {item['sk']}", partial(_move_row, mappings, keys, item))


def _older(mappings: Table, keys: SiteKeys, kind: str) -> list[Item]:
    """Return the rows of a kind whose keys name a division alone."""
    rows = mappings.query(keys.id, f"{kind}#")
    return [row for row in rows if _parts(row)[1].isdecimal()]


def _parts(row: Item) -> tuple[str, str, str]:
    """Return the kind, the division and the rest of a row's key."""
    kind, where, rest = str(row["sk"]).split("#", 2)
    return kind, where, rest


def _way_to(link: Item) -> str:
    """Return the key of the row that leads from a link's supplier to its vendor."""
    _, where, vendor = _parts(link)
    return f"linked#{where}#{link['supplier']}#{vendor}"


def _move_row(mappings: Table, keys: SiteKeys, row: Item) -> None:
    """Give a row its new key, unless it was changed or removed meanwhile.

    Raises `Conflict` when others keep using it.
    """
    writes = _moving(mappings, keys, row)
    for _ in range(_ATTEMPTS):
        if mappings.transact(writes) or mappings.get(keys.id, str(row["sk"])) != row:
            return
    raise Conflict(f"{keys.id}#{row['sk']}")


def _moving(mappings: Table, keys: SiteKeys, row: Item) -> list[Write]:
    kind, where, rest = _parts(row)
    moved = {**row, "sk": f"{kind}#{parse_division(where, keys.first_site)}#{rest}"}
    writes: list[Write] = [DeleteUnchanged(mappings, row), Put(mappings, moved)]
    if kind == "link":
        way: Item = {"pk": keys.id, "sk": _way_to(moved), "vendor": rest}
        writes += [Delete(mappings, keys.id, _way_to(row)), Put(mappings, way)]
    return writes


def _records(services: Services, as_stored: Ledger) -> Iterator[Change]:
    site = services.connection.first_site
    for record in as_stored.records():
        if with_site(record.facts, site) != record.facts:
            yield Change(f"3 {record.key}", partial(_store_again, services.ledger, record.key))


def _store_again(ledger: Ledger, key: RecordKey) -> None:
    """Store the record as it is read; raises `Conflict` when others keep changing it."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            ledger.save_unaudited(ledger.read(key))
        except Conflict:
            if attempt == _ATTEMPTS:
                raise
        else:
            return


class _DivisionMove:
    """Moves one division's reference data to the partition that names its site."""

    def __init__(self, reference: Table, keys: SiteKeys, division: Division) -> None:
        self.name = division
        self._table = reference
        self._old, self._new = keys.old_partition(division), keys.new_partition(division)

    @property
    def has_old_rows(self) -> bool:
        return self._is_any(self._old) or self._is_any(self._old + SUPPLIERS)

    @property
    def is_to_be_copied(self) -> bool:
        """Return whether workers still use the old partition."""
        return self._is_any(self._old, FIRST_MOVED) and not self._table.get(self._new, MOVED)

    def copy(self) -> None:
        """Make the new partition a copy of the old one, and let workers go over to it."""
        cursors = list(self._table.query(self._old, FIRST_MOVED))
        self._table.put_all(_at(self._new, row) for row in cursors)
        self._mirror("", but=(FIRST_MOVED, _COPIED_LATE))
        # A change is noted before its supplier is stored, and processed before it is forgotten:
        # in this order no change is missing from both the copied changes and the copied list.
        self._mirror(_COPIED_LATE)
        self._mirror("", suffix=SUPPLIERS)
        self._table.put(self._moved_now())

    def finish(self) -> None:
        """Remove the old partition, when nobody uses it any longer."""
        self._table.insert(self._moved_now())
        moved = self._table.get(self._new, MOVED)
        if moved:
            _wait_until(datetime.fromisoformat(str(moved["at"])) + UNUSED_AFTER)
        for prefix in _NOT_TOLD_AGAIN:
            for row in self._table.query(self._old, prefix):
                self._keep(_at(self._new, row))
        for pk in (self._old + SUPPLIERS, self._old):
            self._table.delete_all(pk, (str(row["sk"]) for row in self._table.query(pk)))

    def _moved_now(self) -> Item:
        return {"pk": self._new, "sk": MOVED, "at": clock.now().isoformat()}

    def _keep(self, row: Item) -> None:
        """Store a row that is missing, or a note that is later than the one stored."""
        stored = self._table.get(self._new, str(row["sk"]))
        if stored is None:
            self._table.insert(row)
        elif str(row.get("at", "")) > str(stored.get("at", "")):
            self._table.put(row)

    def _mirror(self, prefix: str, *, suffix: str = "", but: tuple[str, ...] = ()) -> None:
        """Make the rows of the new partition equal to those of the old one."""
        old, new = self._old + suffix, self._new + suffix
        found: set[str] = set()
        rows = (row for row in self._table.query(old, prefix) if not _starts(row, but))
        while some := list(islice(rows, _AT_A_TIME)):
            self._table.put_all(_at(new, row) for row in some)
            found.update(str(row["sk"]) for row in some)
        left = (row for row in self._table.query(new, prefix) if not _starts(row, but))
        self._table.delete_all(new, [str(row["sk"]) for row in left if row["sk"] not in found])

    def _is_any(self, pk: str, prefix: str = "") -> bool:
        return next(self._table.query(pk, prefix), None) is not None


def _at(pk: str, row: Item) -> Item:
    return {**row, "pk": pk}


def _starts(row: Item, prefixes: tuple[str, ...]) -> bool:
    return str(row["sk"]).startswith(prefixes) if prefixes else False


def _wait_until(moment: datetime) -> None:
    while clock.now() < moment:
        _sleep(5)


STEP = Step(DIVISION_KEYS, "keys of divisions name their Exact site", _changes)
