"""The figures of the dashboard: how much waits, for how long, and what of Exact's limits is used.

Taken every five minutes by a sweep, from a small index of what is not at rest: a few reads a
connection, however many orders there are. docs/operations.md says what each figure means.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from ml_connector import clock, telemetry
from ml_connector.connection import Connection
from ml_connector.doors.ledger import CONNECTION
from ml_connector.workflows.doors import Doors

EVERY_MINUTES = 5


def measure_all(doors: Doors) -> None:
    """Measure every connection when it is time; never raises."""
    if clock.now().minute % EVERY_MINUTES:
        return
    log = telemetry.logger()
    try:
        taken = [_measure(doors, connection) for connection in doors.mappings.connections()]
        # An alarm cannot look through connections: it gets the worst, or the sum, of all.
        oldest = max((figures["OldestWaitingSeconds"] for figures in taken), default=0)
        halts = sum(figures["Halts"] for figures in taken)
        doors.measure({"OldestWaitingSeconds": oldest, "Halts": halts})
    except Exception:
        log.exception("figures not taken")


def _measure(doors: Doors, connection: Connection) -> Mapping[str, float]:
    unfinished = list(doors.ledger.unfinished(connection.id))
    waiting = [_age(str(each["open_at"])) for each in unfinished if each["waits"]]
    codes = Counter(code for each in unfinished for code in str(each["codes"]).split())
    halts = doors.ledger.read(connection.id, CONNECTION).facts.get("halts", {})
    figures = {
        "OrdersWaiting": len(waiting),
        "OldestWaitingSeconds": max(waiting, default=timedelta(0)).total_seconds(),
        "OpenExceptions": codes.total(),
        "Halts": len(halts),
    }
    doors.measure(figures, connection=connection.id)
    for code, count in codes.items():
        doors.measure({"OpenExceptionsOfCode": count}, connection=connection.id, code=code)
    budget = doors.budget(connection)
    for each in connection.divisions:
        minute, day = budget.used_percent(each.division, EVERY_MINUTES)
        used = {"ExactMinuteCallsPercent": minute, "ExactDayCallsPercent": day}
        doors.measure(used, connection=connection.id, division=str(each.division))
    return figures


def _age(received_at: str) -> timedelta:
    return clock.now() - datetime.fromisoformat(received_at)
