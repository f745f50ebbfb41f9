"""Show a record's audit trail, and verify trails."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ml_connector import record_lookup as records
from ml_connector.domain.audit_chain import Entry
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.dynamodb import DynamoTable, Table
from ml_connector.infrastructure.ledger import AnyRecord, Ledger
from ml_connector.stack import Stack
from ml_connector.user_errors import UserError

_UNREADABLE = (KeyError, ValueError, TypeError, AttributeError, zlib.error)
_ATTEMPTS = 3


@dataclass(frozen=True)
class TrailCheck:
    """The check of a trail: how many entries it should have, and the first fault, if any."""

    record: str
    title: str
    entries: int
    broken: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form."""
        return {
            "record": self.record,
            "title": self.title,
            "entries": self.entries,
            "broken": self.broken,
        }


@dataclass(frozen=True)
class CheckedTrail:
    """A record's audit trail, with its check."""

    entries: list[Entry]
    check: TrailCheck


def show(ledger: Ledger, name: str) -> CheckedTrail:
    """Return the audit trail of an order (or another record, by its key)."""
    record = records.find_record(ledger, name)
    check = _check(ledger, record)
    try:
        entries = ledger.trail(record.key)
    except _UNREADABLE:
        raise UserError(f"the trail of {check.title} cannot be shown: {check.broken}") from None
    return CheckedTrail(entries, check)


def verify(stack: Stack, id: str, name: str | None = None) -> list[TrailCheck]:
    """Check the trail of one record, or of every record of the connection.

    The latter includes trails whose record is gone from the ledger, so the full audit table is
    read.
    """
    ledger = stack.known_ledger(id)
    if name is not None:
        return [_check(ledger, records.find_record(ledger, name))]
    checks = [_check(ledger, each) for each in ledger.records()]
    return checks + [
        TrailCheck(key, key, 0, "the ledger does not know the record of this trail")
        for key in orphaned_trails(stack, ledger.id)
    ]


def orphaned_trails(stack: Stack, id: ConnectionId) -> list[str]:
    """Return the keys of trails whose record is gone from the ledger; reads the full table."""
    kept = {str(record.key) for record in stack.services.ledger_of(id).records()}
    return sorted(_trails(stack.tables.audit, id) - kept)


def _check(ledger: Ledger, record: AnyRecord) -> TrailCheck:
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


def _trails(audit: Table, id: ConnectionId) -> set[str]:
    return {pk.removeprefix(f"{id}#") for pk in _keys(audit, id)}


def _keys(audit: Table, id: ConnectionId) -> Iterator[str]:
    if not isinstance(audit, DynamoTable):
        raise TypeError("only a DynamoDB table can be scanned")
    pages = audit.client.get_paginator("scan").paginate(
        TableName=audit.name,
        ProjectionExpression="pk",
        FilterExpression="begins_with(pk, :prefix)",
        ExpressionAttributeValues={":prefix": {"S": f"{id}#"}},
        ConsistentRead=True,
    )
    for page in pages:
        yield from (item["pk"]["S"] for item in page["Items"])
