"""Tell people about an outage that does not end: what waits for it has no exception of its own."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from ml_connector import clock
from ml_connector.connections.problems import report_connection_problems
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Problem
from ml_connector.domain.words import moment
from ml_connector.infrastructure.ledger import ConnectionRecord, Ledger
from ml_connector.sweep.outages import Away

LONG = timedelta(hours=4)
_OUTAGE = "Outage of "


def report_outages(ledger: Ledger, connection: ConnectionRecord, outages: Iterable[Away]) -> None:
    """Open an exception for each outage that is `LONG`; close that of one that is over."""
    found = [
        _problem(connection, away.name, since)
        for away in outages
        if (since := away.outage.opened_at) and clock.now() - since >= LONG
    ]
    is_known = any(each.record.startswith(_OUTAGE) for each in connection.facts.problems)
    if found or is_known:
        report_connection_problems(ledger, _OUTAGE, "outage", found)


def _problem(connection: ConnectionRecord, name: str, since: datetime) -> Problem:
    return problem(
        "REMOTE_AWAY", f"{_OUTAGE}{name}", "since",
        name=name, since=moment(since), connection=connection.connection,
    )  # fmt: skip
