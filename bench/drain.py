"""How soon 2,000 approvals are posted after Exact was away for a day."""

import logging
from collections.abc import Iterator
from http import HTTPStatus
from math import ceil

from bench.result import Result
from local.exact_simulator import ExactFault
from local.firm import BRANCHES, Branch
from local.in_memory.environment import InMemoryEnvironment

_ORDERS = 2000
_MINUTES = 24 * 60
_A_MINUTE = 60
_LEAST_SHARE = 0.95
# The worst moment to come back: just after a sweep, so that the site is not checked for 59 seconds.
_AFTER_A_SWEEP = 1


def measure() -> Iterator[Result]:
    """Approve all day while Exact is away; then measure from its return until the last posting."""
    logging.disable(logging.CRITICAL)
    yield from _drain(BRANCHES[:1], _LEAST_SHARE)
    # In eleven minutes the first and the last weigh too much for the same limit.
    yield from _drain(BRANCHES, None)


def _drain(branches: tuple[Branch, ...], least: float | None) -> Iterator[Result]:
    env = InMemoryEnvironment()
    env.connect()
    env.wait(minutes=2)
    failed_calls = _outage(env, branches)
    before, back = len(env.exact.calls), env.clock()
    posted = _recover(env, branches)
    divisions = {branch.division for branch in branches}
    calls = [call for call in env.exact.calls[before:] if call.division in divisions]
    minutes = (max(call.at for call in calls) - back) / 60
    share = len(calls) / (minutes * _A_MINUTE * len(branches))
    refused = sum(call.status == HTTPStatus.TOO_MANY_REQUESTS for call in calls)
    dead = len(env.memory.queues.dead)
    where = f"{len(branches)} division" + "s" * (len(branches) > 1)
    are_all_posted = posted == _ORDERS
    yield Result(f"posted after a day's outage, {where}", str(posted), str(_ORDERS), are_all_posted)
    yield Result("minutes from its end to the last", f"{minutes:.1f}")
    limit = f"at least {least:.0%}" if least else ""
    holds = share >= least if least else None
    yield Result("share of the rate limit used meanwhile", f"{share:.1%}", limit, holds)
    yield Result("429 answers meanwhile", str(refused), "0", refused == 0)
    yield Result("calls to Exact during the outage", str(failed_calls))
    yield Result("dead letters", str(dead), "0", dead == 0)


def _outage(env: InMemoryEnvironment, branches: tuple[Branch, ...]) -> int:
    """Simulate the outage; return how many calls were made to Exact."""
    before = len(env.exact.calls)
    env.exact.on_call = lambda _: ExactFault("unavailable")
    number = 0
    for minute in range(1, _MINUTES + 1):
        while number < _ORDERS * minute // _MINUTES:
            env.queue(env.order(f"PO-{number}", branches[number % len(branches)]))
            number += 1
        env.wait(minutes=1)
    env.clock.move(_AFTER_A_SWEEP)
    env.exact.on_call = None
    return len(env.exact.calls) - before


def _recover(env: InMemoryEnvironment, branches: tuple[Branch, ...]) -> int:
    """Sweep for 1.25 times the time that the rate limit requires; return how many are posted."""
    env.wait(seconds=60 - _AFTER_A_SWEEP)
    for _ in range(ceil(_ORDERS / (_A_MINUTE * len(branches)) * 1.25)):
        env.wait(minutes=1)
    return sum(len(env.in_exact(branch)) for branch in branches)
