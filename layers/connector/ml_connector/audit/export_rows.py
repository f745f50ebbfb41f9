"""The rows of an audit export that anybody can verify, yielded one by one.

docs/audit-export.md describes the format; docs/verify_audit.py verifies it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from ml_connector import clock
from ml_connector.audit.record_rows import (
    FORMAT,
    ExportPeriod,
    ExportRow,
    entries_of,
    entry_row,
    of_record,
    row,
)
from ml_connector.audit.trails import orphaned_trails
from ml_connector.domain.ids import Actor, RecordKey
from ml_connector.infrastructure.ledger import Ledger, UnreadableRecord
from ml_connector.records import lookup as records
from ml_connector.stack import Stack
from ml_connector.user_errors import UserError


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
    yield row("export", ledger.id, FORMAT, clock.now().isoformat(), actor, detail=scope)
    for record in ledger.readable_or_not() if only is None else [only]:
        if not isinstance(record, UnreadableRecord):
            yield from of_record(ledger, record, asked)
    if only is None:
        for key in orphaned_trails(stack, ledger.id):
            yield from map(entry_row, entries_of(ledger, RecordKey(key), asked))


def _unreadable(ledger: Ledger) -> Iterator[str]:
    found = ledger.readable_or_not()
    return (each.key for each in found if isinstance(each, UnreadableRecord))


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
