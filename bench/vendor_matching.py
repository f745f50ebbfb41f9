"""Vendor matching: precision, recall, speed and growth. BENCH_LARGE=1 adds the largest lists.

The seeds of the lists were not used to tune the matcher. Speed is CPU time, and its limits are
ratios to other matchers on the same lists in the same run: a bare time would judge the machine.
"""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import log
from pathlib import Path

import numpy as np
from rapidfuzz import fuzz, process

from bench.result import Result
from bench.vendor_lists import Kinds, Lists, letters, make_lists
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.domain.matching.matcher import match
from ml_connector.domain.matching.party import MatchDecision
from ml_connector.messages.sending import reconcile_message

_UNSEEN_SEEDS = (70_001, 70_002, 70_003)
_AS_TYPED = Kinds(bare=0.6)
_KINDS: dict[str, tuple[float, bool, Kinds | None, int]] = {
    # numbers, columns, kinds, and one link in how many may be wrong
    "all columns": (0.25, True, None, 1_000),
    "no numbers": (0.0, True, None, 800),
    # Names alone cannot tell two companies of one name apart when each list has another of them.
    "names only": (0.0, False, None, 400),
    "names only, further kinds": (0.0, False, Kinds(), 350),
    "names only, without legal form": (0.0, False, _AS_TYPED, 250),
}
_SIZE, _LARGE = 10_000, 100_000
_MAX_OF_CDIST = 1.5  # in C++; it takes four times as long for lists twice as long
_MAX_GROWTH, _MAX_MEMORY, _MAX_RATIO = 1.1, 700, 3.0
_SMALL, _DOUBLE = 5_000, 20_000
_REPEATS = 5
# What template.yaml gives the function that compares whole lists; half of it is for reading them.
_FUNCTION_SECONDS, _MOST_OF_IT = 300, 0.5
_MAX_CALLS = 2
# A pair that a plain comparison takes for one company, 0 to 100.
_LEAST_OF_CDIST = 95
_ROWS_AT_ONCE = 500
_OTHER_PYTHON = Path(".venv-bench/bin/python")


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
    smaller, largest = _SMALL, _DOUBLE
    if os.environ.get("BENCH_LARGE") == "1":
        smaller, largest = _SIZE, _LARGE
    small, large, memory = _least_of_both(smaller, largest)
    yield Result(
        f"matching {largest:,} by {largest:,}, memory",
        f"{memory:.0f} MB",
        f"at most {_MAX_MEMORY} MB",
        memory <= _MAX_MEMORY,
    )
    share = large / _FUNCTION_SECONDS
    yield Result(
        f"matching {largest:,} by {largest:,}, of the function's {_FUNCTION_SECONDS} s",
        f"{share:.0%} ({large:.1f} s)",
        f"at most {_MOST_OF_IT:.0%}",
        share <= _MOST_OF_IT,
    )
    growth = log(large / small) / log(largest / smaller)
    yield Result(
        f"matching, growth exponent, {smaller:,} to {largest:,}",
        f"{growth:.2f}",
        f"at most {_MAX_GROWTH}",
        growth <= _MAX_GROWTH,
    )
    yield _against_cdist()
    yield _against_string_grouper(largest)
    yield _unchanged_run()


def _quality(kind: str) -> Iterator[Result]:
    numbers, columns, kinds, most = _KINDS[kind]
    total = Quality(0, 0, 0, 0, 0)
    for seed in _UNSEEN_SEEDS:
        lists = make_lists(seed, _SIZE, numbers, columns, kinds)
        total = _added(total, assess(lists, match(lists.vendors, lists.suppliers)))
    right = total.links - total.wrong
    figure = f"{total.wrong} of {total.links:,} ({right / total.links:.3%} right)"
    alike = f"; {total.twins} with the same spelling" if total.twins else ""
    holds = total.wrong * most <= total.links
    yield Result(f"wrong automatic links, {kind}", figure + alike, f"at most 1 in {most:,}", holds)
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
    suppliers = {each.id for each in lists.suppliers[:size]}
    truth = {one: other for one, other in lists.truth.items() if other in suppliers}
    return Lists(lists.vendors[:size], lists.suppliers[:size], truth)


def _seconds(size: int) -> float:
    return _timed(_lists_of(size))[0]


def _timed(lists: Lists) -> tuple[float, dict[str, str]]:
    """Return the CPU seconds of the matcher, and its links."""
    started = time.process_time()
    decisions = match(lists.vendors, lists.suppliers)
    seconds = time.process_time() - started
    return seconds, {d.vendor_id: d.supplier_id for d in decisions if d.outcome == "link"}


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


def _least_of_both(smaller: int, largest: int) -> tuple[float, float, float]:
    """Return the least CPU seconds of each size, taken in turn, and the megabytes of the larger.

    What else the machine does adds to CPU time too, by emptying the caches; it never takes away.
    """
    runs = [(_in_own_process(smaller), _in_own_process(largest)) for _ in range(_REPEATS)]
    small = min(seconds for (seconds, _), _ in runs)
    large = min(seconds for _, (seconds, _) in runs)
    return small, large, max(memory for _, (_, memory) in runs)


def _against_cdist() -> Result:
    lists = _lists_of(_SIZE)
    started = time.process_time()
    found = _links_of_cdist(lists)
    theirs = time.process_time() - started
    return _comparison("rapidfuzz.process.cdist", lists, (theirs, found), _MAX_OF_CDIST)


def _links_of_cdist(lists: Lists) -> dict[str, str]:
    """Link each vendor to the most similar supplier, comparing every pair."""
    suppliers = [each.name.casefold() for each in lists.suppliers]
    found = {}
    for first in range(0, len(lists.vendors), _ROWS_AT_ONCE):
        some = lists.vendors[first : first + _ROWS_AT_ONCE]
        scores = process.cdist(
            [each.name.casefold() for each in some],
            suppliers,
            scorer=fuzz.token_sort_ratio,
            dtype=np.uint8,
        )
        for vendor, row in zip(some, scores, strict=True):
            if row.max() >= _LEAST_OF_CDIST:
                found[vendor.id] = lists.suppliers[int(row.argmax())].id
    return found


def _against_string_grouper(size: int) -> Result:
    lists = _lists_of(size)
    parties = [[(each.id, each.name) for each in one] for one in (lists.vendors, lists.suppliers)]
    if not _OTHER_PYTHON.exists():
        return Result(f"matching against string_grouper, {size:,}", "not installed: make bench")
    command = [str(_OTHER_PYTHON), "bench/string_grouper_links.py"]
    answer = subprocess.run(
        command, input=json.dumps(parties), check=True, capture_output=True, text=True
    ).stdout
    found = json.loads(answer)
    theirs = (found["seconds"], found["links"])
    return _comparison("string_grouper", lists, theirs, _MAX_RATIO)


def _comparison(
    name: str, lists: Lists, theirs: tuple[float, Mapping[str, str]], most: float
) -> Result:
    """Compare the CPU time, and the time and wrong links of each, a right link."""
    ours = _timed(lists)
    ratio = ours[0] / theirs[0]
    size = len(lists.vendors)
    return Result(
        f"matching against {name}, {size:,} by {size:,}",
        f"{ratio:.2f} times its CPU; ours {_shown(lists, *ours)}, its {_shown(lists, *theirs)}",
        f"at most {most:.1f} times",
        ratio <= most,
    )


def _shown(lists: Lists, seconds: float, links: Mapping[str, str]) -> str:
    right = sum(lists.truth.get(vendor) == supplier for vendor, supplier in links.items())
    each = 1000 * seconds / max(right, 1)
    return (
        f"{seconds:.1f} s, {each:.2f} ms a right link, {len(links) - right} of {len(links)} wrong"
    )


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
