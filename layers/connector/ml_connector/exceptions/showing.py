"""Show the exceptions of one record with their evidence."""

from dataclasses import replace
from typing import Any

from ml_connector.exceptions.open_rows import open_rows
from ml_connector.infrastructure.ledger import AnyRecord, Ledger
from ml_connector.records import lookup as records

_LAST_STEPS = 5


def show(ledger: Ledger, name: str) -> dict[str, Any]:
    """Return a record's exceptions with their evidence, and the last steps of its trail."""
    record = records.find_record(ledger, name)
    order = records.order_facts(record)
    evidence = {each.digest: dict(each.evidence) for each in record.facts.all_problems}
    exceptions = [row | {"evidence": evidence[row["id"]]} for row in open_rows(record)]
    trail = ledger.trail(record.key)
    return {
        "connection": record.connection,
        "key": record.key,
        "title": records.title(record),
        "state": record.state,
        "division": order.division,
        "vendor": order.vendor or None,
        "total": order.total or None,
        "assignee": record.facts.assignee,
        "exceptions": exceptions,
        "dismissed": _dismissed(record),
        "trail": [replace(entry, salts={}).as_dict() for entry in trail[-_LAST_STEPS:]],
    }


def _dismissed(record: AnyRecord) -> list[dict[str, Any]]:
    notes = record.facts.dismissed
    return [
        {"id": each.digest, "code": each.code, "cause": each.cause, **notes[each.digest].as_dict()}
        for each in record.facts.problems
        if each.digest in notes
    ]
