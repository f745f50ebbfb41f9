"""Tell people about an outage that does not end: what waits for it has no exception of its own."""

from collections.abc import Iterable
from datetime import timedelta

from ml_connector import clock
from ml_connector.connections.problems import report_connection_problems
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Problem
from ml_connector.infrastructure.ledger import ConnectionRecord, Ledger
from ml_connector.sweep.outages import Away

LONG = timedelta(hours=4)
_OUTAGE = "Outage of "


def report_outages(ledger: Ledger, connection: ConnectionRecord, outages: Iterable[Away]) -> None:
    """Open an exception for each outage that is `LONG`; close that of one that is over."""
    found = [
        _problem(connection, away)
        for away in outages
        if away.outage.opened_at and clock.now() - away.outage.opened_at >= LONG
    ]
    is_known = any(each.record.startswith(_OUTAGE) for each in connection.facts.problems)
    if found or is_known:
        report_connection_problems(ledger, _OUTAGE, "outage", found)


def _problem(connection: ConnectionRecord, away: Away) -> Problem:
    since = f"{away.outage.opened_at:%Y-%m-%d %H:%M} UTC"
    return problem(
        "REMOTE_AWAY", f"{_OUTAGE}{away.name}", "since",
        name=away.name, since=since, connection=connection.connection,
    )  # fmt: skip
