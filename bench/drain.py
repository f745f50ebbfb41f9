"""How soon 2,000 approvals are posted after Exact was away for a day."""

import logging
from collections.abc import Iterator, Sequence
from http import HTTPStatus

from bench.result import Result
from local.exact_simulator import ExactFault
from local.exact_simulator.journal import ExactCall
from local.firm import ABROAD, NL, Branch
from local.in_memory.environment import InMemoryEnvironment

_ORDERS = 2000
_MINUTES = 24 * 60
_A_MINUTE = 60
_LEAST_SHARE = 0.98
_MOST_CALLS = 200
_NOTICED_WITHIN = 20
"""Minutes: the longest pause between two probes."""
# The worst moment to come back: just after a sweep, so that the site is not checked for 59 seconds.
_AFTER_A_SWEEP = 1


def measure() -> Iterator[Result]:
    """Approve all day while Exact is away; then measure from its return until the last posting."""
    logging.disable(logging.CRITICAL)
    yield from _drain((NL,), "1 site")
    yield from _drain(ABROAD, "3 sites")


def _drain(branches: Sequence[Branch], where: str) -> Iterator[Result]:
    env = InMemoryEnvironment(branches)
    env.connect()
    env.wait(minutes=2)
    calls_meanwhile = _outage(env)
    back = env.clock()
    before = {site: len(exact.calls) for site, exact in env.sites.items()}
    _recover(env)
    calls = [
        call
        for site, exact in env.sites.items()
        for call in exact.calls[before[site] :]
        if call.division
    ]
    first, last = min(call.at for call in calls), max(call.at for call in calls)
    noticed = (first - back) / 60
    share = _share_used(calls, first, last, len(branches))
    refused = sum(call.status == HTTPStatus.TOO_MANY_REQUESTS for call in calls)
    dead = len(env.memory.queues.dead)
    at_once, posted = _in_exact(env), _after_two_hours(env)
    given = f"a day's outage of {where}"
    yield Result(
        f"calls to Exact during {given}",
        str(calls_meanwhile),
        f"at most {_MOST_CALLS}",
        calls_meanwhile <= _MOST_CALLS,
    )
    yield Result(f"posted after {given}", str(posted), str(_ORDERS), posted == _ORDERS)
    yield Result(
        "minutes until the return of the first site was noticed",
        f"{noticed:.1f}",
        f"at most {_NOTICED_WITHIN}",
        noticed <= _NOTICED_WITHIN,
    )
    yield Result("those that waited longer than a day, within two hours", str(posted - at_once))
    yield Result("minutes from then to the last posting", f"{(last - first) / 60:.1f}")
    yield Result(
        "share of the rate limit used meanwhile",
        f"{share:.1%}",
        f"at least {_LEAST_SHARE:.0%}",
        share >= _LEAST_SHARE,
    )
    yield Result("429 answers meanwhile", str(refused), "0", refused == 0)
    yield Result("dead letters", str(dead), "0", dead == 0)


def _share_used(calls: list[ExactCall], first: float, last: float, divisions: int) -> float:
    """Return the share of Exact's calendar minutes; the last one is not needed in full."""
    minutes = range(int(first // 60), int(last // 60))
    made = sum(int(call.at // 60) in minutes for call in calls)
    return made / (len(minutes) * _A_MINUTE * divisions)


def _outage(env: InMemoryEnvironment) -> int:
    """Simulate the outage; return how many calls were made to Exact."""
    before = sum(len(exact.calls) for exact in env.sites.values())
    for exact in env.sites.values():
        exact.on_call = lambda _: ExactFault("unavailable")
    branches = env.firm.branches
    number = 0
    for minute in range(1, _MINUTES + 1):
        while number < _ORDERS * minute // _MINUTES:
            env.queue(env.order(f"PO-{number}", branches[number % len(branches)]))
            number += 1
        env.wait(minutes=1)
    env.clock.move(_AFTER_A_SWEEP)
    for exact in env.sites.values():
        exact.on_call = None
    return sum(len(exact.calls) for exact in env.sites.values()) - before


def _recover(env: InMemoryEnvironment) -> None:
    """Sweep for as long as the limit requires, and some minutes."""
    branches = env.firm.branches
    env.wait(seconds=60 - _AFTER_A_SWEEP)
    for _ in range(_NOTICED_WITHIN + _ORDERS // (_A_MINUTE * len(branches)) + 5):
        env.wait(minutes=1)


def _after_two_hours(env: InMemoryEnvironment) -> int:
    """Return how many are posted after the next try of what waited for more than a day."""
    for _ in range(13):
        env.wait(minutes=10)
    return _in_exact(env)


def _in_exact(env: InMemoryEnvironment) -> int:
    return sum(len(env.in_exact(branch)) for branch in env.firm.branches)
