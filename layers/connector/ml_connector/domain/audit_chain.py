"""The hash chain of the audit trail: each entry's hash covers the entry before it.

The ledger also keeps the number and hash of a record's newest entry, written in the same
transaction, so that a trail cut off at its end is detected too.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

START = "0" * 64
"""The previous hash of a record's first entry."""


@dataclass(frozen=True)
class Anchor:
    """The newest entry of a record according to the ledger; `seq` 0: none yet."""

    seq: int = 0
    hash: str = START


@dataclass(frozen=True)
class Entry:
    """One audited step: who did what to which record, when, with which facts."""

    record: str
    seq: int
    at: str
    actor: str
    step: str
    detail: Mapping[str, Any]
    previous: str
    hash: str

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form."""
        return asdict(self)


def seal(
    record: str,
    anchor: Anchor,
    at: datetime,
    actor: str,
    step: str,
    detail: Mapping[str, Any],
) -> Entry:
    """Return the entry that follows `anchor`."""
    content = _content(record, anchor.seq + 1, at.astimezone(UTC).isoformat(), actor, step, detail)
    return Entry(**content, previous=anchor.hash, hash=_digest(content, anchor.hash))


def find_break(record: str, entries: Iterable[Entry], anchor: Anchor) -> str | None:
    """Return a sentence that names the first thing wrong with the trail, or None.

    `entries` in their stored order; finds a changed, removed, reordered or cut-off entry.
    """
    last = Anchor()
    for entry in entries:
        if entry.seq != last.seq + 1:
            return f"entry {last.seq + 1} is missing or out of place"
        if entry.record != record:
            return f"entry {entry.seq} belongs to another record"
        content = _content(record, entry.seq, entry.at, entry.actor, entry.step, entry.detail)
        if entry.previous != last.hash or entry.hash != _digest(content, last.hash):
            return f"entry {entry.seq} was changed"
        last = Anchor(entry.seq, entry.hash)
    if last.seq < anchor.seq:
        return f"the trail ends at entry {last.seq}, the ledger knows {anchor.seq}"
    if last != anchor:
        return f"the trail's entry {last.seq} is not the one the ledger knows"
    return None


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
