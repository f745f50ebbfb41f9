"""How audit entries are stored: an item each, and further rows for a detail longer than an item."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ml_connector.domain.audit_chain import SALTS, Entry
from ml_connector.domain.personal_values import texts_in
from ml_connector.infrastructure.compression import (
    Packed,
    compress,
    number_of_parts,
    pack,
    packed_in,
    part_row,
    unpack,
)
from ml_connector.infrastructure.dynamodb import Insert, Item, Table, Write


def entry_writes(audit: Table, entry: Entry) -> list[Write]:
    """Return what appends an entry to its trail; each is refused if it is there already."""
    return [Insert(audit, each) for each in _rows(entry, pack(_text(entry)))]


def rewrite(audit: Table, entry: Entry) -> None:
    """Store an entry in place of itself, without what it said of a person.

    The only way in which an entry is ever changed; `audit/removal` tells of it in the trail first.
    It keeps its number of rows, so none is left with what it said.
    """
    item = next(iter(audit.query(entry.record, _key(entry))), None)
    number = number_of_parts(str(item["detail"])) if item else 0
    packed = packed_in(compress(_text(entry)), number)
    for each in reversed(_rows(entry, packed)):
        audit.put(each)


def read_entries(audit: Table, trail: str) -> Iterator[Entry]:
    """Yield the entries of a trail, oldest first."""
    found = audit.query(trail)
    for item in found:
        parts = [next(found, None) for _ in range(number_of_parts(str(item["detail"])))]
        yield _entry(item, unpack(str(item["detail"]), parts.__getitem__))


def read_latest(audit: Table, trail: str) -> Iterator[Entry]:
    """Yield the entries of a trail, newest first, without those with a detail in several rows."""
    for item in audit.query(trail, backwards=True):
        if "detail" in item and not number_of_parts(str(item["detail"])):
            yield _entry(item, unpack(str(item["detail"]), lambda _: None))


def _rows(entry: Entry, packed: Packed) -> Sequence[Item]:
    texts = enumerate(packed.parts)
    rows = [part_row(entry.record, _key(entry), index, text) for index, text in texts]
    return [_item(entry, packed.value), *rows]


def _text(entry: Entry) -> str:
    """Return the detail as JSON, with the salts: there may be as many as texts.

    A salt stands under the position of its text: as a path it would make many items a unit larger.
    """
    detail = dict(entry.detail)
    if entry.salts:
        at = {path: str(position) for position, path in enumerate(_paths(entry.actor, detail))}
        detail[SALTS] = {at.get(path, path): salt for path, salt in entry.salts.items()}
    return json.dumps(detail, ensure_ascii=False, separators=(",", ":"))


def _salts(actor: str, detail: Mapping[str, Any], stored: Mapping[str, str]) -> dict[str, str]:
    """Undo what `_text` does with salts; one of no text stays, and is found as a change."""
    if not stored:
        return {}
    paths = dict(enumerate(_paths(actor, detail)))
    return {paths.get(int(at), at) if at.isdecimal() else at: salt for at, salt in stored.items()}


def _paths(actor: str, detail: Mapping[str, Any]) -> list[str]:
    return [path for path, _, _ in texts_in(actor, detail)]


def _key(entry: Entry) -> str:
    return f"{entry.seq:08d}"


def _item(entry: Entry, detail: str) -> Item:
    return {
        "pk": entry.record,
        "sk": _key(entry),
        "at": entry.at,
        "actor": entry.actor,
        "step": entry.step,
        "detail": detail,
        "previous": entry.previous,
        "hash": entry.hash,
    }


def _entry(item: Item, text: str) -> Entry:
    detail = json.loads(text)
    stored = detail.pop(SALTS, {})
    return Entry(
        record=str(item["pk"]),
        seq=int(item["sk"]),
        at=str(item["at"]),
        actor=str(item["actor"]),
        step=str(item["step"]),
        detail=detail,
        previous=str(item["previous"]),
        hash=str(item["hash"]),
        salts=_salts(str(item["actor"]), detail, stored),
    )
