"""How audit entries are stored: an item each, and further rows for a detail longer than an item."""

import json
from collections.abc import Iterator

from ml_connector.domain.audit_chain import Entry
from ml_connector.infrastructure.compression import number_of_parts, pack, part_row, unpack
from ml_connector.infrastructure.dynamodb import Insert, Item, Table, Write


def entry_writes(audit: Table, entry: Entry) -> list[Write]:
    """Return what appends an entry to its trail; each is refused if it is there already."""
    packed = pack(json.dumps(entry.detail, ensure_ascii=False, separators=(",", ":")))
    item = _item(entry, packed.value)
    pk, key = entry.record, str(item["sk"])
    rows = [part_row(pk, key, index, text) for index, text in enumerate(packed.parts)]
    return [Insert(audit, each) for each in (item, *rows)]


def read_entries(audit: Table, trail: str) -> Iterator[Entry]:
    """Yield the entries of a trail, oldest first."""
    found = audit.query(trail)
    for item in found:
        parts = [next(found, None) for _ in range(number_of_parts(str(item["detail"])))]
        yield _entry(item, unpack(str(item["detail"]), parts.__getitem__))


def _item(entry: Entry, detail: str) -> Item:
    return {
        "pk": entry.record,
        "sk": f"{entry.seq:08d}",
        "at": entry.at,
        "actor": entry.actor,
        "step": entry.step,
        "detail": detail,
        "previous": entry.previous,
        "hash": entry.hash,
    }


def _entry(item: Item, detail: str) -> Entry:
    return Entry(
        record=str(item["pk"]),
        seq=int(item["sk"]),
        at=str(item["at"]),
        actor=str(item["actor"]),
        step=str(item["step"]),
        detail=json.loads(detail),
        previous=str(item["previous"]),
        hash=str(item["hash"]),
    )
