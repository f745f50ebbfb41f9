"""One record's audit trail, and whether it is intact."""

import zlib
from dataclasses import dataclass
from typing import Any

from ml_connector.domain.audit_chain import Entry
from ml_connector.infrastructure.ledger import AnyRecord, Ledger
from ml_connector.records import lookup as records
from ml_connector.user_errors import UserError

_UNREADABLE = (KeyError, ValueError, TypeError, AttributeError, zlib.error)
_ATTEMPTS = 3


@dataclass(frozen=True)
class TrailCheck:
    """The check of a trail: how many entries it should have, and the first fault, if any.

    `not_verified`: why it was not checked; None if it was.
    """

    record: str
    title: str
    entries: int
    broken: str | None
    not_verified: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form."""
        return {
            "record": self.record,
            "title": self.title,
            "entries": self.entries,
            "broken": self.broken,
            "not_verified": self.not_verified,
        }


@dataclass(frozen=True)
class CheckedTrail:
    """A record's audit trail, with its check."""

    entries: list[Entry]
    check: TrailCheck


def show(ledger: Ledger, name: str) -> CheckedTrail:
    """Return the audit trail of an order (or another record, by its key)."""
    return of_record(ledger, records.find_record(ledger, name))


def of_record(ledger: Ledger, record: AnyRecord) -> CheckedTrail:
    """Return a record's audit trail; raises `UserError` when it cannot be read."""
    checked = check(ledger, record)
    try:
        entries = ledger.trail(record.key)
    except _UNREADABLE:
        raise UserError(f"the trail of {checked.title} cannot be shown: {checked.broken}") from None
    return CheckedTrail(entries, checked)


def check(ledger: Ledger, record: AnyRecord) -> TrailCheck:
    """Check a trail; check again if the record was changed meanwhile."""
    broken = _break(ledger, record)
    for _ in range(_ATTEMPTS):
        newer = ledger.read(record.key) if broken else record
        if newer.anchor == record.anchor:
            break
        record, broken = newer, _break(ledger, newer)
    return TrailCheck(record.key, records.title(record), record.anchor.seq, broken)


def _break(ledger: Ledger, record: AnyRecord) -> str | None:
    try:
        return ledger.find_break(record)
    except _UNREADABLE:
        return "an entry cannot be read: it was changed"
