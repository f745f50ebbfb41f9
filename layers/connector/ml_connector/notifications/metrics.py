"""The metrics of the dashboard: waiting orders, their age, and the use of Exact's limits.

A sweep measures them every five minutes from a small index of unfinished records: a few reads a
connection, however many orders there are. docs/operations.md explains each metric.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from ml_connector import clock, telemetry
from ml_connector.infrastructure.halts import Halts
from ml_connector.services import Services, StackServices

EVERY_MINUTES = 5


def measure_all(services: StackServices) -> None:
    """Measure every connection every five minutes; never raises."""
    if clock.now().minute % EVERY_MINUTES:
        return
    log = telemetry.logger()
    try:
        measured = [_measure(each) for each in services.all()]
        # An alarm cannot search connections: it gets the maximum or the sum.
        oldest = max((metrics["OldestWaitingSeconds"] for metrics in measured), default=0)
        halts = sum(metrics["Halts"] for metrics in measured)
        services.measure({"OldestWaitingSeconds": oldest, "Halts": halts})
    except Exception:
        log.exception("metrics not measured")


def _measure(services: Services) -> Mapping[str, float]:
    unfinished = list(services.ledger.unfinished())
    waiting = [_age(str(each["open_at"])) for each in unfinished if each["waits"]]
    codes = Counter[str]()
    for word in (word for each in unfinished for word in str(each["codes"]).split()):
        code, _, number = word.partition("*")
        codes[code] += int(number or 1)
    halts = Halts(services.ledger).all()
    metrics = {
        "OrdersWaiting": len(waiting),
        "OldestWaitingSeconds": max(waiting, default=timedelta(0)).total_seconds(),
        "OpenExceptions": codes.total(),
        "Halts": len(halts),
    }
    services.measure(metrics, connection=services.id)
    for code, count in codes.items():
        services.measure({"OpenExceptionsOfCode": count}, connection=services.id, code=code)
    days = [services.exact_at(each.site).contract_day for each in services.connection.sites]
    percent = max(100 * day.used() / day.share for day in days)
    services.measure({"ExactContractCallsPercent": percent}, connection=services.id)
    for each in services.connection.divisions:
        rate_limiter = services.exact(each.division).rate_limiter
        minute, day = rate_limiter.used_percent(each.division, EVERY_MINUTES)
        used = {"ExactMinuteCallsPercent": minute, "ExactDayCallsPercent": day}
        services.measure(used, connection=services.id, division=str(each.division))
    return metrics


def _age(received_at: str) -> timedelta:
    return clock.now() - datetime.fromisoformat(received_at)
