"""Calls per posted order, and orders a minute under Exact's limit, in simulated time."""

import logging
from collections.abc import Iterator
from http import HTTPStatus

from bench.result import Result
from local.office import Office

_ORDERS = 1000
_MINUTES = 10
_LEAST_A_MINUTE = 57


def measure() -> Iterator[Result]:
    """Approve far more orders at once, in one division, than ten minutes have calls for."""
    logging.disable(logging.CRITICAL)
    office = _office()
    before = office.exact_calls()
    for number in range(_ORDERS):
        office.queue(office.order(f"PO-{number}"))
    office.work()
    for _ in range(_MINUTES - 1):
        office.wait(minutes=1)  # the sweep's schedule
    posted = len(office.in_exact())
    per_order = (office.exact_calls() - before) / posted
    a_minute = posted / _MINUTES
    refused = sum(call.status == HTTPStatus.TOO_MANY_REQUESTS for call in office.exact.calls)
    yield Result("Exact calls per posted order", f"{per_order:.3f}", "1.0", per_order <= 1)
    yield Result(
        "orders a minute and division, limit 60",
        f"{a_minute:.1f}",
        f"at least {_LEAST_A_MINUTE}",
        a_minute >= _LEAST_A_MINUTE,
    )
    yield Result("429 answers meanwhile", str(refused), "0", refused == 0)


def _office() -> Office:
    """Return an office in which Airbase's own rate limit is not in the way."""
    office = Office()
    office.airbase.limit = 1_000_000
    office.connect()
    office.wait(minutes=2)
    return office
