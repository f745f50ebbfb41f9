"""Show a record's audit trail, and verify trails."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ml_connector import record_lookup as records
from ml_connector.domain.audit_chain import Entry
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.dynamodb import DynamoTable, Table
from ml_connector.infrastructure.ledger import AnyRecord
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


def show(stack: Stack, id: str, name: str) -> CheckedTrail:
    """Return the audit trail of an order (or another record, by its key)."""
    record = records.find_record(stack, stack.known_id(id), name)
    check = _check(stack, record)
    try:
        entries = stack.services.ledger.trail(record.connection, record.key)
    except _UNREADABLE:
        raise UserError(f"the trail of {check.title} cannot be shown: {check.broken}") from None
    return CheckedTrail(entries, check)


def verify(stack: Stack, id: str, name: str | None = None) -> list[TrailCheck]:
    """Check the trail of one record, or of every record of the connection.

    The latter includes trails whose record is gone from the ledger, so the full audit table is
    read.
    """
    known = stack.known_id(id)
    if name is not None:
        return [_check(stack, records.find_record(stack, known, name))]
    checks = [_check(stack, each) for each in stack.services.ledger.records(known)]
    return checks + [
        TrailCheck(key, key, 0, "the ledger does not know the record of this trail")
        for key in orphaned_trails(stack, known)
    ]


def orphaned_trails(stack: Stack, id: ConnectionId) -> list[str]:
    """Return the keys of trails whose record is gone from the ledger; reads the full table."""
    kept = {str(record.key) for record in stack.services.ledger.records(id)}
    return sorted(_trails(stack.tables.audit, id) - kept)


def _check(stack: Stack, record: AnyRecord) -> TrailCheck:
    """Check a trail; check again if the record was changed meanwhile."""
    broken = _break(stack, record)
    for _ in range(_ATTEMPTS):
        newer = stack.services.ledger.read(record.connection, record.key) if broken else record
        if newer.anchor == record.anchor:
            break
        record, broken = newer, _break(stack, newer)
    return TrailCheck(record.key, records.title(record), record.anchor.seq, broken)


def _break(stack: Stack, record: AnyRecord) -> str | None:
    try:
        return stack.services.ledger.find_break(record)
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
