"""How soon 2,000 approvals are posted after Exact was away for a day."""

import logging
from collections.abc import Iterator
from http import HTTPStatus
from math import ceil

from bench.result import Result
from local.exact_simulator import Fault
from local.firm import BRANCHES, Branch
from local.office import Office

_ORDERS = 2000
_MINUTES = 24 * 60
_A_MINUTE = 60
_LEAST_SHARE = 0.95
# The worst moment to come back: just after a sweep, so that nobody knocks for 59 seconds.
_AFTER_A_SWEEP = 1


def measure() -> Iterator[Result]:
    """Approve all day while Exact is away; then count from its return until the last is in."""
    logging.disable(logging.CRITICAL)
    yield from _drain(BRANCHES[:1], _LEAST_SHARE)
    # Of eleven minutes the first and the last weigh too much to promise the same.
    yield from _drain(BRANCHES, None)


def _drain(branches: tuple[Branch, ...], least: float | None) -> Iterator[Result]:
    office = Office()
    office.connect()
    office.wait(minutes=2)
    in_vain = _outage(office, branches)
    before, back = len(office.exact.calls), office.clock()
    posted = _go_on(office, branches)
    ours = {branch.division for branch in branches}
    made = [call for call in office.exact.calls[before:] if call.division in ours]
    minutes = (max(call.at for call in made) - back) / 60
    share = len(made) / (minutes * _A_MINUTE * len(branches))
    refused = sum(call.status == HTTPStatus.TOO_MANY_REQUESTS for call in made)
    dead = len(office.mini.queues.dead)
    where = f"{len(branches)} division" + "s" * (len(branches) > 1)
    all_in = posted == _ORDERS
    yield Result(f"posted after a day's outage, {where}", str(posted), str(_ORDERS), all_in)
    yield Result("minutes from its end to the last", f"{minutes:.1f}")
    limit = f"at least {least:.0%}" if least else ""
    holds = share >= least if least else None
    yield Result("share of the rate limit used meanwhile", f"{share:.1%}", limit, holds)
    yield Result("429 answers meanwhile", str(refused), "0", refused == 0)
    yield Result("calls to Exact during the outage", str(in_vain))
    yield Result("dead letters", str(dead), "0", dead == 0)


def _outage(office: Office, branches: tuple[Branch, ...]) -> int:
    """Play the outage; return how many calls were made to Exact in vain."""
    before = len(office.exact.calls)
    office.exact.on_call = lambda _: Fault("unavailable")
    number = 0
    for minute in range(1, _MINUTES + 1):
        while number < _ORDERS * minute // _MINUTES:
            office.queue(office.order(f"PO-{number}", branches[number % len(branches)]))
            number += 1
        office.wait(minutes=1)
    office.clock.move(_AFTER_A_SWEEP)
    office.exact.on_call = None
    return len(office.exact.calls) - before


def _go_on(office: Office, branches: tuple[Branch, ...]) -> int:
    """Sweep for a quarter longer than the limit makes it take; return how many are in Exact."""
    office.wait(seconds=60 - _AFTER_A_SWEEP)
    for _ in range(ceil(_ORDERS / (_A_MINUTE * len(branches)) * 1.25)):
        office.wait(minutes=1)
    return sum(len(office.in_exact(branch)) for branch in branches)
