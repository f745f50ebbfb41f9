"""The open exceptions of a connection's records, a row each."""

from collections.abc import Iterator
from typing import Any

from ml_connector.domain.faults import Problem
from ml_connector.domain.ids import named_scope
from ml_connector.domain.open_exceptions import brief
from ml_connector.domain.records import ConnectionFacts
from ml_connector.infrastructure.data_form import OPEN_INDEXED
from ml_connector.infrastructure.ledger import AnyRecord, Ledger, UnreadableRecord
from ml_connector.records import lookup as records


def with_exceptions(ledger: Ledger) -> Iterator[AnyRecord | UnreadableRecord]:
    """Yield the records of a connection that have open exceptions, perhaps with others."""
    if ledger.has_form(OPEN_INDEXED):
        return ledger.with_exceptions()
    return ledger.readable_or_not()  # records of an earlier version may not be in the index


def open_rows(record: AnyRecord | UnreadableRecord) -> Iterator[dict[str, Any]]:
    """Yield the open exceptions of a record; `stops` names what a halt stops.

    Of a record that this version cannot read, yield only that.
    """
    if isinstance(record, UnreadableRecord):
        yield _unreadable_row(record)
        return
    halts = record.facts.halts if isinstance(record.facts, ConnectionFacts) else {}
    for where, halt in sorted(halts.items()):
        yield _row(record, halt) | {"stops": named_scope(where) or "all"}
    for each in record.problems:
        yield _row(record, each)


def _row(record: AnyRecord, found: Problem) -> dict[str, Any]:
    facts, order = record.facts, records.order_facts(record)
    opened_at = facts.opened_at.get(found.digest)
    return {
        "connection": record.connection,
        "key": record.key,
        "id": found.digest,
        **brief(found),
        "stops": None,
        "opened_at": opened_at.isoformat() if opened_at else record.received_at,
        "assignee": facts.assignee,
        "title": records.title(record),
        "division": order.division,
        "total": order.total or None,
    }


def _unreadable_row(record: UnreadableRecord) -> dict[str, Any]:
    key, found = record.key, record.problem
    return {
        "connection": record.connection,
        "key": key,
        "id": found.digest,
        **brief(found),
        "stops": None,
        "opened_at": record.received_at,
        "assignee": None,
        "title": records.airbase_id(record),
        "division": None,
        "total": None,
    }
