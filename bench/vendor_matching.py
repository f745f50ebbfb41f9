"""Vendor matching: precision, recall, speed and growth. BENCH_LARGE=1 adds the largest lists.

The seeds of the lists were not used to tune the matcher.
"""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import log

from rapidfuzz import fuzz, process

from bench.result import Result
from bench.vendor_lists import Lists, letters, make_lists
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.domain.matching.matcher import match
from ml_connector.domain.matching.party import MatchDecision
from ml_connector.messages import reconcile_message

_UNSEEN_SEEDS = (70_001, 70_002, 70_003)
_KINDS = {
    "all columns": (0.25, True),
    "no numbers": (0.0, True),
    "names only": (0.0, False),
}
_SIZE, _LARGE, _BRUTE = 10_000, 100_000, 5_000
_MAX_SECONDS = {_SIZE: 5.0, _LARGE: 90.0}
_MAX_GROWTH, _MAX_MEMORY = 1.3, 1_000
_SMALL, _DOUBLE = 5_000, 20_000
_MAX_CALLS = 2


@dataclass(frozen=True)
class Quality:
    """Counts over lists whose true pairs are known.

    `twins` are wrong links between companies with the same spelling in both lists and no other
    known difference: a person could not tell them apart.
    """

    links: int
    wrong: int
    twins: int
    proposed: int
    true: int


def measure() -> Iterator[Result]:
    """Yield precision and recall on unseen lists, seconds, growth, memory, and brute force."""
    for kind in _KINDS:
        yield from _quality(kind)
    seconds = {size: _seconds(size) for size in (_SMALL, _SIZE, _DOUBLE)}
    yield _timing(_SIZE, seconds[_SIZE])
    smaller, largest = _SMALL, _DOUBLE
    if os.environ.get("BENCH_LARGE") == "1":
        smaller, largest = _SIZE, _LARGE
        seconds[_LARGE], memory = _in_own_process(_LARGE)
        yield _timing(_LARGE, seconds[_LARGE])
        yield Result(
            f"matching {_LARGE:,} by {_LARGE:,}, memory",
            f"{memory:.0f} MB",
            f"at most {_MAX_MEMORY} MB",
            memory <= _MAX_MEMORY,
        )
    growth = log(seconds[largest] / seconds[smaller]) / log(largest / smaller)
    yield Result(
        f"matching, growth exponent, {smaller:,} to {largest:,}",
        f"{growth:.2f}",
        f"at most {_MAX_GROWTH}",
        growth <= _MAX_GROWTH,
    )
    yield _against_brute_force()
    yield _unchanged_run()


def _quality(kind: str) -> Iterator[Result]:
    numbers, columns = _KINDS[kind]
    total = Quality(0, 0, 0, 0, 0)
    for seed in _UNSEEN_SEEDS:
        lists = make_lists(seed, _SIZE, numbers, columns)
        total = _added(total, assess(lists, match(lists.vendors, lists.suppliers)))
    right = total.links - total.wrong
    figure = f"{total.wrong} of {total.links:,} ({right / total.links:.3%} right)"
    alike = f"; {total.twins} with the same spelling" if total.twins else ""
    yield Result(f"wrong automatic links, {kind}", figure + alike, "none", total.wrong == 0)
    yield Result(f"true links made automatically, {kind}", f"{right / total.true:.1%}")
    yield Result(f"true partners linked or proposed, {kind}", f"{total.proposed / total.true:.1%}")


def assess(lists: Lists, decisions: list[MatchDecision]) -> Quality:
    """Compare the decisions with the true pairs."""
    links = [each for each in decisions if each.outcome == "link"]
    wrong = [each for each in links if lists.truth.get(each.vendor_id) != each.supplier_id]
    names = {each.id: letters(each.name) for each in (*lists.vendors, *lists.suppliers)}
    twins = sum(names[each.vendor_id] == names[each.supplier_id] for each in wrong)
    proposed = sum(
        partner == each.supplier_id or any(one.id == partner for one in each.candidates)
        for each in decisions
        if (partner := lists.truth.get(each.vendor_id))
    )
    return Quality(len(links), len(wrong), twins, proposed, len(lists.truth))


def _added(one: Quality, other: Quality) -> Quality:
    return Quality(
        one.links + other.links,
        one.wrong + other.wrong,
        one.twins + other.twins,
        one.proposed + other.proposed,
        one.true + other.true,
    )


def _lists_of(size: int) -> Lists:
    lists = make_lists(_UNSEEN_SEEDS[0], size + size // 20)
    return Lists(lists.vendors[:size], lists.suppliers[:size], {})


def _seconds(size: int) -> float:
    lists = _lists_of(size)
    started = time.perf_counter()
    match(lists.vendors, lists.suppliers)
    return time.perf_counter() - started


_PROGRAM = """
import resource
from bench.vendor_matching import _seconds
print(_seconds({size}), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def _in_own_process(size: int) -> tuple[float, float]:
    """Return seconds and megabytes of a separate process, lists included."""
    command = [sys.executable, "-c", _PROGRAM.format(size=size)]
    seconds, memory = subprocess.run(
        command, check=True, capture_output=True, text=True
    ).stdout.split()
    return float(seconds), float(memory)


def _timing(size: int, seconds: float) -> Result:
    limit = _MAX_SECONDS[size]
    name = f"matching {size:,} by {size:,}, one core"
    return Result(name, f"{seconds:.1f} s", f"at most {limit:.0f} s", seconds <= limit)


def _against_brute_force() -> Result:
    lists = _lists_of(_BRUTE)
    started = time.perf_counter()
    process.cdist(
        [each.name for each in lists.vendors],
        [each.name for each in lists.suppliers],
        scorer=fuzz.token_sort_ratio,
    )
    brute = time.perf_counter() - started
    ours = _seconds(_BRUTE)
    name = f"matching against rapidfuzz.process.cdist, {_BRUTE:,} by {_BRUTE:,}"
    return Result(name, f"{brute / ours:.1f} times as fast ({brute:.1f} s to {ours:.1f} s)")


def _unchanged_run() -> Result:
    """Compare the lists of three divisions when nothing has changed."""
    logging.disable(logging.CRITICAL)
    env = InMemoryEnvironment()
    env.connect()
    before = env.exact_calls()
    env.memory.queues.send(reconcile_message(FIRM), "unchanged")
    env.work()
    calls = (env.exact_calls() - before) / len(env.connection().divisions)
    name = "Exact calls of an unchanged comparison, a division"
    return Result(name, f"{calls:.0f}", f"at most {_MAX_CALLS}", calls <= _MAX_CALLS)
