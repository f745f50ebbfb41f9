"""Orders and calls a minute when each call to Exact takes 0.8 s, one after the other."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from http import HTTPStatus

from bench.result import Result
from local.firm import BRANCHES, NL, Branch
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.parallel import ParallelWorkers
from ml_connector.exact.purchase_orders import STREAM_PATH
from ml_connector.exact.reference_data import STREAMS
from ml_connector.reference_data.refresh import note_stale

_CALL, _SLOW_CALL = 0.8, 8.0
_MINUTES, _MINUTES_OF_MANY, _A_MINUTE = 10, 3, 60
_MOST_ORDERS = 80
"""A minute: more than a division's calls can post."""
_MIN_ORDERS, _MIN_CALLS = 55, 60
_HIGHER_LIMIT = 100
_MANY = (
    *BRANCHES,
    *(Branch(code, "NL", f"sub-{code}", f"Branch {code}", "5", 0.21) for code in range(2104, 2111)),
)


def measure() -> Iterator[Result]:
    """Let more orders wait than can be posted; Exact's notifications have streams read."""
    logging.disable(logging.CRITICAL)
    yield from _one_division(_A_MINUTE, "limit 60")
    yield from _one_division(_HIGHER_LIMIT, "limit 100")
    yield from _beside_a_slow_one()


def _one_division(limit: int, where: str) -> Iterator[Result]:
    env, workers = _environment((NL,), limit)
    calls = _work(env, workers, (NL,), _MINUTES)
    orders, a_minute = len(env.in_exact()) / _MINUTES, calls[NL.division] / _MINUTES
    refused = sum(call.status == HTTPStatus.TOO_MANY_REQUESTS for call in env.exact.calls)
    most = workers.most_in_flight[NL.division]
    yield Result(
        f"orders a minute, calls of {_CALL} s in turn, {where}",
        f"{orders:.1f}",
        f"at least {_MIN_ORDERS}",
        orders >= _MIN_ORDERS,
    )
    yield Result(
        "calls a minute, readings included",
        f"{a_minute:.1f}",
        f"at least {_MIN_CALLS}",
        a_minute >= _MIN_CALLS,
    )
    yield Result("calls in flight at once, at most", str(most), "1", most == 1)
    yield Result("429 answers meanwhile", str(refused), "0", refused == 0)


def _beside_a_slow_one() -> Iterator[Result]:
    """Compare nine divisions with and without a tenth whose calls take ten times as long."""
    alone, beside = (_orders_of_nine(slow_call) for slow_call in (_CALL, _SLOW_CALL))
    yield Result("orders a minute of nine divisions beside a tenth", f"{alone:.1f}")
    yield Result(
        f"the same, while a call of the tenth takes {_SLOW_CALL:.0f} s",
        f"{beside:.1f}",
        "no fewer",
        beside >= alone,
    )


def _orders_of_nine(slow_call: float) -> float:
    env, workers = _environment(_MANY, _A_MINUTE, slow_call)
    _work(env, workers, _MANY, _MINUTES_OF_MANY)
    return sum(len(env.in_exact(branch)) for branch in _MANY[:-1]) / _MINUTES_OF_MANY


def _environment(
    branches: Sequence[Branch], limit: int, slow_call: float = _CALL
) -> tuple[InMemoryEnvironment, ParallelWorkers]:
    """Return a firm with these branches, of which the last may be slow, and its workers."""
    env = InMemoryEnvironment()
    env.airbase.limit, env.exact.limits.per_minute = 1_000_000, limit
    for branch in branches:
        if branch not in BRANCHES:
            env.firm.add_branch(branch)
    urls = "https://exact.test", "https://airbase.test", "https://callback.test"
    config = env.firm.connection(*urls, branches=branches)
    env.connect(divisions=config["divisions"], limits={"calls_per_minute": limit})
    env.wait(minutes=2)
    calls = {branch.division: _CALL for branch in branches} | {branches[-1].division: slow_call}
    return env, ParallelWorkers(env, calls.__getitem__)


def _work(
    env: InMemoryEnvironment, workers: ParallelWorkers, branches: Sequence[Branch], minutes: int
) -> Counter[int]:
    """Approve everything, and let the minutes pass; return how often each division was called."""
    for number in range(_MOST_ORDERS * minutes):
        for branch in branches:
            env.queue(env.order(f"PO-{branch.division}-{number}", branch))
    before = len(env.exact.calls)
    for minute in range(minutes):
        for branch in branches:  # as after Exact's notifications: of our own orders, of others'
            data = env.services_of(FIRM).reference_store(branch.key)
            note_stale(data, STREAM_PATH)
            note_stale(data, STREAMS[minute % len(STREAMS)].path)
        workers.minute()
    return Counter(call.division for call in env.exact.calls[before:] if call.division)
