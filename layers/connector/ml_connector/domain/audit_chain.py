"""The hash chain of the audit trail: each entry's hash covers the entry before it.

The ledger also keeps the number and hash of a record's newest entry, written in the same
transaction, so that a trail cut off at its end is detected too.

What may name a person is hashed as a commitment (`domain/personal_values`), so it can be removed
and the chain still be verified. An entry from before that is removed as a whole: only its hash
stays, and a later entry of the same trail says so.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from msgspec import Struct

from ml_connector.domain.personal_values import new_salts, removed_paths, sealed

START = "0" * 64
"""The previous hash of a record's first entry."""

REMOVED = "$removed"
"""The only key in the detail of an entry that was removed as a whole."""
REMOVAL = "personal_data_removed"
"""The step of the entry that tells of a removal: `entries` has `seq` and `hash` of each that was
removed as a whole, `values` has `seq` and `path` of each value of another."""
SALTS = "$salts"
"""Under this key of their detail, exported entries have their salts."""


class Anchor(Struct, frozen=True):
    """The newest entry of a record according to the ledger; `seq` 0: none yet."""

    seq: int = 0
    hash: str = START


@dataclass(frozen=True)
class Entry:
    """One audited step: who did what to which record, when, with which facts.

    `salts` are those of the values that may name a person, by path; none of a value that was
    removed, nor in entries from before they were sealed so.
    """

    record: str
    seq: int
    at: str
    actor: str
    step: str
    detail: Mapping[str, Any]
    previous: str
    hash: str
    salts: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_removed(self) -> bool:
        """Return whether the entry was removed as a whole, so that its hash alone is left."""
        return REMOVED in self.detail

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form, with the salts in the detail."""
        values = asdict(self)
        salts = values.pop("salts")
        return {**values, "detail": {**self.detail, SALTS: salts}} if salts else values


def seal(
    record: str,
    anchor: Anchor,
    at: datetime,
    actor: str,
    step: str,
    detail: Mapping[str, Any],
) -> Entry:
    """Return the entry that follows `anchor`."""
    salts = new_salts(actor, detail)
    moment = at.astimezone(UTC).isoformat()
    content = _content(record, anchor.seq + 1, moment, actor, step, detail)
    digest = _digest(sealed(content, salts), anchor.hash)
    return Entry(**content, previous=anchor.hash, hash=digest, salts=salts)


def find_break(record: str, entries: Iterable[Entry], anchor: Anchor) -> str | None:
    """Return a sentence that names the first thing wrong with the trail, or None.

    `entries` in their stored order; finds a changed, removed, reordered or cut-off entry.
    """
    last, gone, told = Anchor(), list[_Gone](), set[_Gone]()
    for entry in entries:
        if entry.seq != last.seq + 1:
            return f"entry {last.seq + 1} is missing or out of place"
        if entry.record != record:
            return f"entry {entry.seq} belongs to another record"
        if entry.previous != last.hash or not (entry.is_removed or _is_own(entry)):
            return f"entry {entry.seq} was changed"
        last = Anchor(entry.seq, entry.hash)
        gone += _gone_from(entry)
        told |= _told_of(entry)
    if last.seq < anchor.seq:
        return f"the trail ends at entry {last.seq}, the ledger knows {anchor.seq}"
    if last != anchor:
        return f"the trail's entry {last.seq} is not the one the ledger knows"
    if unknown := [seq for seq, what in gone if (seq, what) not in told]:
        return f"of entry {unknown[0]} something was removed, and no entry tells of it"
    return None


def _is_own(entry: Entry) -> bool:
    """Return whether the hash is that of the entry's own content."""
    content = _content(entry.record, entry.seq, entry.at, entry.actor, entry.step, entry.detail)
    return entry.hash == _digest(sealed(content, entry.salts), entry.previous)


_Gone = tuple[int, str]
"""What was removed of the entry with this number: its hash for all of it, or a path."""


def _gone_from(entry: Entry) -> list[_Gone]:
    if entry.is_removed:
        return [(entry.seq, entry.hash)]
    return [(entry.seq, each) for each in removed_paths(entry.actor, entry.detail, entry.salts)]


def _told_of(entry: Entry) -> set[_Gone]:
    if entry.is_removed or entry.step != REMOVAL:
        return set()
    whole = {(int(each["seq"]), str(each["hash"])) for each in entry.detail["entries"]}
    return whole | {(int(each["seq"]), str(each["path"])) for each in entry.detail["values"]}


def _content(
    record: str, seq: int, at: str, actor: str, step: str, detail: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "record": record,
        "seq": seq,
        "at": at,
        "actor": actor,
        "step": step,
        "detail": dict(detail),
    }


def _digest(content: Mapping[str, Any], previous: str) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(f"{previous}\n{text}".encode()).hexdigest()
