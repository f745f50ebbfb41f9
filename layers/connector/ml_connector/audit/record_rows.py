"""The rows of one record in an audit export, which anybody can verify.

docs/audit-export.md describes the format; docs/verify_audit.py verifies it.
"""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from ml_connector import clock
from ml_connector.domain.audit_chain import START, Anchor, Entry
from ml_connector.domain.ids import Actor, RecordKey
from ml_connector.domain.words import command
from ml_connector.infrastructure.ledger import AnyRecord, Ledger
from ml_connector.user_errors import UserError

FORMAT = 2
FIELDS = ("kind", "record", "seq", "at", "actor", "step", "detail", "previous", "hash")

_UNREADABLE = (KeyError, ValueError, TypeError, AttributeError, zlib.error)

ExportRow = dict[str, Any]
"""One line of the file: all of `FIELDS`, `detail` an object."""


@dataclass(frozen=True)
class ExportPeriod:
    """From `start` up to but excluding `end` (UTC); None is open."""

    start: datetime | None = None
    end: datetime | None = None

    @property
    def is_all(self) -> bool:
        """Return whether the period has no limits."""
        return self.start is None and self.end is None

    def includes(self, entry: Entry) -> bool:
        """Return whether the entry was made in the period."""
        at = datetime.fromisoformat(entry.at)
        return (self.start is None or at >= self.start) and (self.end is None or at < self.end)


def exported(ledger: Ledger, record: AnyRecord, actor: Actor) -> str:
    """Return the export of one record as JSON Lines, as `connector audit export` writes it."""
    scope = {"order": record.key, "from": None, "to": None}
    begin = row("export", ledger.id, FORMAT, clock.now().isoformat(), actor, detail=scope)
    rows = [begin, *of_record(ledger, record, ExportPeriod())]
    text = "".join(map(json_line, rows))
    entries = sum(each["kind"] == "entry" for each in rows)
    digest = sha256(text.encode()).hexdigest()
    return text + json_line(end_row(ledger.id, entries, 1, digest))


def json_line(row: ExportRow) -> str:
    """Return a row as a line of JSON."""
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"


def of_record(ledger: Ledger, record: AnyRecord, asked: ExportPeriod) -> Iterator[ExportRow]:
    """Yield a record's rows; if it changes meanwhile, read its anchor again."""
    anchor, first, last = record.anchor, None, Anchor()
    for entry in entries_of(ledger, record.key, asked):
        first = first or entry
        last = Anchor(entry.seq, entry.hash)
        if entry.seq > anchor.seq:
            anchor = ledger.read(record.key).anchor
        yield entry_row(entry)
    if first is None and not asked.is_all:
        return
    before = Anchor(first.seq - 1, first.previous) if first and not asked.is_all else Anchor()
    until = anchor.seq if asked.is_all else last.seq
    yield row(
        "anchor",
        f"{record.connection}#{record.key}",
        anchor.seq,
        detail={"after": before.seq, "until": until},
        previous=before.hash,
        hash=anchor.hash,
    )


def entries_of(ledger: Ledger, key: RecordKey, asked: ExportPeriod) -> Iterator[Entry]:
    """Yield the entries of the period, and those between them: clocks may differ."""
    between: list[Entry] = []
    has_begun = False
    try:
        for entry in ledger.entries(key):
            if asked.is_all or asked.includes(entry):
                yield from between
                yield entry
                between, has_begun = [], True
            elif has_begun:
                between.append(entry)
    except _UNREADABLE:
        see = command("audit", "verify", ledger.id)
        raise UserError(f"an entry of {key} cannot be read: see {see}") from None


def entry_row(entry: Entry) -> ExportRow:
    """Return the row of an entry."""
    return {"kind": "entry", **entry.as_dict()}


def row(
    kind: str,
    record: str,
    seq: int,
    at: str = "",
    actor: str = "",
    *,
    detail: dict[str, Any],
    previous: str = START,
    hash: str = START,
) -> ExportRow:
    """Return a row of an export; one that is no entry has no step."""
    values = (kind, record, seq, at, actor, "", detail, previous, hash)
    return dict(zip(FIELDS, values, strict=True))


def end_row(connection: str, entries: int, anchors: int, digest: str) -> ExportRow:
    """Return the last row: the counts, and the SHA-256 of every line before it."""
    counted = {"entries": entries, "anchors": anchors}
    return row("end", connection, entries + anchors, detail=counted, hash=digest)
