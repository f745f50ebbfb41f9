"""Read a record's audit trail, and find out whether trails are whole."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from connector_cli.actions import records
from connector_cli.complaints import Complaint
from connector_cli.stack import Stack
from ml_connector.audit_chain import Entry
from ml_connector.doors.ledger import Record
from ml_connector.doors.table import DynamoTable, Table
from ml_connector.ids import ConnectionId

_UNREADABLE = (KeyError, ValueError, TypeError, AttributeError, zlib.error)
_LOOKS = 3


@dataclass(frozen=True)
class Verdict:
    """A record's trail: how many entries it should have, and the first thing wrong with it."""

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
class Trail:
    """A record's story, with the verdict on it."""

    entries: list[Entry]
    verdict: Verdict


def show(stack: Stack, id: str, name: str) -> Trail:
    """Return the audit trail of an order (or another record, by its key)."""
    record = records.find_record(stack, stack.known_id(id), name)
    verdict = _judge(stack, record)
    try:
        entries = stack.doors.ledger.trail(record.connection, record.key)
    except _UNREADABLE:
        raise Complaint(f"the trail of {verdict.title} cannot be shown: {verdict.broken}") from None
    return Trail(entries, verdict)


def verify(stack: Stack, id: str, name: str | None = None) -> list[Verdict]:
    """Return a verdict on one record, or on every record of the connection.

    All of a connection includes trails whose record is gone from the ledger, so the audit table
    is read from end to end.
    """
    known = stack.known_id(id)
    if name is not None:
        return [_judge(stack, records.find_record(stack, known, name))]
    verdicts = [_judge(stack, each) for each in stack.doors.ledger.records(known)]
    return verdicts + [
        Verdict(key, key, 0, "the ledger does not know the record of this trail")
        for key in orphans(stack, known)
    ]


def orphans(stack: Stack, id: ConnectionId) -> list[str]:
    """Return the keys of trails whose record is gone from the ledger; reads all of the table."""
    kept = {str(record.key) for record in stack.doors.ledger.records(id)}
    return sorted(_trails(stack.tables.audit, id) - kept)


def _judge(stack: Stack, record: Record) -> Verdict:
    """A step may be taken while we look: what seems broken is read again, if it has moved."""
    broken = _break(stack, record)
    for _ in range(_LOOKS):
        newer = stack.doors.ledger.read(record.connection, record.key) if broken else record
        if newer.anchor == record.anchor:
            break
        record, broken = newer, _break(stack, newer)
    return Verdict(record.key, records.title(record), record.anchor.seq, broken)


def _break(stack: Stack, record: Record) -> str | None:
    try:
        return stack.doors.ledger.find_break(record)
    except _UNREADABLE:
        return "an entry cannot be read: it was changed"


def _trails(audit: Table, id: ConnectionId) -> set[str]:
    return {pk.removeprefix(f"{id}#") for pk in _keys(audit, id)}


def _keys(audit: Table, id: ConnectionId) -> Iterator[str]:
    if not isinstance(audit, DynamoTable):
        raise TypeError("only a DynamoDB table can be read from end to end")
    pages = audit.client.get_paginator("scan").paginate(
        TableName=audit.name,
        ProjectionExpression="pk",
        FilterExpression="begins_with(pk, :prefix)",
        ExpressionAttributeValues={":prefix": {"S": f"{id}#"}},
        ConsistentRead=True,
    )
    for page in pages:
        yield from (item["pk"]["S"] for item in page["Items"])
