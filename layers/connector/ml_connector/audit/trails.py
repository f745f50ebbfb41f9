"""Verify the audit trails of a connection."""

from collections.abc import Iterator

from ml_connector.audit.trail_checks import TrailCheck, check
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.dynamodb import DynamoTable, Table
from ml_connector.infrastructure.ledger import AnyRecord, Ledger, UnreadableRecord
from ml_connector.infrastructure.record_codec import NewerDataError
from ml_connector.records import lookup as records
from ml_connector.stack import Stack


def verify(stack: Stack, id: str, name: str | None = None) -> list[TrailCheck]:
    """Check the trail of one record, or of every record of the connection.

    The latter includes trails whose record is gone from the ledger, so the full audit table is
    read. A record that this version cannot read stops no other.
    """
    ledger = stack.known_ledger(id)
    if name is not None:
        return [check(ledger, records.find_record(ledger, name))]
    checks = [_checked(ledger, each) for each in ledger.readable_or_not()]
    return checks + [
        TrailCheck(key, key, 0, "the ledger does not know the record of this trail")
        for key in orphaned_trails(stack, ledger.id)
    ]


def _checked(ledger: Ledger, record: AnyRecord | UnreadableRecord) -> TrailCheck:
    if isinstance(record, UnreadableRecord):
        return TrailCheck(record.key, record.key, 0, None, record.why)
    try:
        return check(ledger, record)
    except NewerDataError as error:  # a newer version has changed it meanwhile
        return TrailCheck(record.key, records.title(record), 0, None, str(error))


def orphaned_trails(stack: Stack, id: ConnectionId) -> list[str]:
    """Return the keys of trails whose record is gone from the ledger; reads the full table."""
    kept = {str(record.key) for record in stack.services.ledger_of(id).readable_or_not()}
    return sorted(_trails(stack.tables.audit, id) - kept)


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
