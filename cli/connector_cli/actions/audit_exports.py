"""The audit trail as a file that anybody can verify: rows, one after the other, never all at once.

docs/audit-export.md describes the format; docs/verify_audit.py verifies it.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connector_cli.actions import records
from connector_cli.actions.audits import orphans
from connector_cli.complaints import Complaint
from connector_cli.stack import Stack
from ml_connector import clock
from ml_connector.audit_chain import START, Anchor, Entry
from ml_connector.doors.ledger import Record
from ml_connector.ids import ConnectionId, RecordKey

FORMAT = 1
FIELDS = ("kind", "record", "seq", "at", "actor", "step", "detail", "previous", "hash")

_UNREADABLE = (KeyError, ValueError, TypeError, AttributeError, zlib.error)

Row = dict[str, Any]
"""One line of the file: all of `FIELDS`, `detail` an object."""


@dataclass(frozen=True)
class Period:
    """Times of entry from `start` up to, and without, `end` (UTC); None is open."""

    start: datetime | None = None
    end: datetime | None = None

    @property
    def is_all(self) -> bool:
        """Return whether nothing is left out."""
        return self.start is None and self.end is None

    def holds(self, entry: Entry) -> bool:
        """Return whether the entry was made in the period."""
        at = datetime.fromisoformat(entry.at)
        return (self.start is None or at >= self.start) and (self.end is None or at < self.end)


def period(start: str | None, end: str | None) -> Period:
    """Read two dates or times, UTC unless they say otherwise; raises `Complaint`."""
    asked = Period(_moment("--from", start), _moment("--to", end))
    if asked.start and asked.end and asked.start >= asked.end:
        raise Complaint("--from must be before --to, which is not part of the period itself")
    return asked


def rows(stack: Stack, id: str, order: str | None, asked: Period) -> Iterator[Row]:
    """Yield what is to be written: a first row that says what was asked, then record by record.

    Each record's entries are followed by its anchor: what the ledger knows of the trail's end.
    """
    known = stack.known_id(id)
    only = None if order is None else records.find_record(stack, known, order)
    scope = {
        "order": only.key if only else None,
        "from": _text(asked.start),
        "to": _text(asked.end),
    }
    yield _row("export", known, FORMAT, clock.now().isoformat(), stack.actor, detail=scope)
    for record in stack.doors.ledger.records(known) if only is None else [only]:
        yield from _of_record(stack, record, asked)
    if only is None:
        for key in orphans(stack, known):
            yield from map(_entry_row, _entries(stack, known, RecordKey(key), asked))


def _of_record(stack: Stack, record: Record, asked: Period) -> Iterator[Row]:
    """A step may be taken while we read: then the ledger is asked again what the end is."""
    anchor, first, last = record.anchor, None, Anchor()
    for entry in _entries(stack, record.connection, record.key, asked):
        first = first or entry
        last = Anchor(entry.seq, entry.hash)
        if entry.seq > anchor.seq:
            anchor = stack.doors.ledger.read(record.connection, record.key).anchor
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


def _entries(
    stack: Stack, connection: ConnectionId, key: RecordKey, asked: Period
) -> Iterator[Entry]:
    """Yield the entries of the period, unbroken: clocks differ, so one between two belongs."""
    between: list[Entry] = []
    has_begun = False
    try:
        for entry in stack.doors.ledger.entries(connection, key):
            if asked.is_all or asked.holds(entry):
                yield from between
                yield entry
                between, has_begun = [], True
            elif has_begun:
                between.append(entry)
    except _UNREADABLE:
        raise Complaint(f"an entry of {key} cannot be read: see `connector audit verify`") from None


def _entry_row(entry: Entry) -> Row:
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
) -> Row:
    values = (kind, record, seq, at, actor, "", detail, previous, hash)
    return dict(zip(FIELDS, values, strict=True))


def end_row(connection: str, entries: int, anchors: int, digest: str) -> Row:
    """Return the last row: how much there is, and the SHA-256 of every line before it."""
    counted = {"entries": entries, "anchors": anchors}
    return _row("end", connection, entries + anchors, detail=counted, hash=digest)


def _moment(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise Complaint(f"{option} {text!r} is no date: write it like 2026-10-01") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
