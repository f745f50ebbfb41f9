"""The rows of an audit export that anybody can verify, yielded one by one.

docs/audit-export.md describes the format; docs/verify_audit.py verifies it.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ml_connector import clock
from ml_connector import record_lookup as records
from ml_connector.audit.trails import orphaned_trails
from ml_connector.domain.audit_chain import START, Anchor, Entry
from ml_connector.domain.ids import Actor, RecordKey
from ml_connector.infrastructure.ledger import AnyRecord, Ledger, UnreadableRecord
from ml_connector.stack import Stack
from ml_connector.user_errors import UserError

FORMAT = 1
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


def read_period(start: str | None, end: str | None) -> ExportPeriod:
    """Read two dates or times, by default in UTC; raise `UserError` if invalid."""
    asked = ExportPeriod(_moment("--from", start), _moment("--to", end))
    if asked.start and asked.end and asked.start >= asked.end:
        raise UserError("--from must be before --to, which is not part of the period")
    return asked


def rows(
    stack: Stack, actor: Actor, id: str, order: str | None, asked: ExportPeriod
) -> Iterator[ExportRow]:
    """Yield the rows: one with the scope of the export, then those of each record.

    Each record's entries are followed by its anchor: the end of the trail as in the ledger. The
    scope names the records that are left out, because this version cannot read them.
    """
    ledger = stack.known_ledger(id)
    only = None if order is None else records.find_record(ledger, order)
    left_out = [] if only else sorted(_unreadable(ledger))
    scope = {
        "order": only.key if only else None,
        "from": _text(asked.start),
        "to": _text(asked.end),
        **({"left_out": left_out} if left_out else {}),
    }
    yield _row("export", ledger.id, FORMAT, clock.now().isoformat(), actor, detail=scope)
    for record in ledger.readable_or_not() if only is None else [only]:
        if not isinstance(record, UnreadableRecord):
            yield from _of_record(ledger, record, asked)
    if only is None:
        for key in orphaned_trails(stack, ledger.id):
            yield from map(_entry_row, _entries(ledger, RecordKey(key), asked))


def _unreadable(ledger: Ledger) -> Iterator[str]:
    found = ledger.readable_or_not()
    return (each.key for each in found if isinstance(each, UnreadableRecord))


def _of_record(ledger: Ledger, record: AnyRecord, asked: ExportPeriod) -> Iterator[ExportRow]:
    """Yield a record's rows; if it changes meanwhile, read its anchor again."""
    anchor, first, last = record.anchor, None, Anchor()
    for entry in _entries(ledger, record.key, asked):
        first = first or entry
        last = Anchor(entry.seq, entry.hash)
        if entry.seq > anchor.seq:
            anchor = ledger.read(record.key).anchor
        yield _entry_row(entry)
    if first is None and not asked.is_all:
        return
    before = Anchor(first.seq - 1, first.previous) if first and not asked.is_all else Anchor()
    until = anchor.seq if asked.is_all else last.seq
    yield _row(
        "anchor",
        f"{record.connection}#{record.key}",
        anchor.seq,
        detail={"after": before.seq, "until": until},
        previous=before.hash,
        hash=anchor.hash,
    )


def _entries(ledger: Ledger, key: RecordKey, asked: ExportPeriod) -> Iterator[Entry]:
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
        raise UserError(f"an entry of {key} cannot be read: see `connector audit verify`") from None


def _entry_row(entry: Entry) -> ExportRow:
    return {"kind": "entry", **entry.as_dict()}


def _row(
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
    values = (kind, record, seq, at, actor, "", detail, previous, hash)
    return dict(zip(FIELDS, values, strict=True))


def end_row(connection: str, entries: int, anchors: int, digest: str) -> ExportRow:
    """Return the last row: the counts, and the SHA-256 of every line before it."""
    counted = {"entries": entries, "anchors": anchors}
    return _row("end", connection, entries + anchors, detail=counted, hash=digest)


def _moment(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UserError(f"{option} {text!r} is not a date: write it like 2026-10-01") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
