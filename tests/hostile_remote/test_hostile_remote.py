"""Whatever the remotes answer, each order is posted or named, once, and little is spent.

`make fuzz RUNS=20000` plays more seeds; `HISTORY_SEED=42` replays one.
"""

import os

import pytest

from tests.hostile_remote.history import HostileHistory

RUNS = int(os.environ.get("HISTORY_RUNS", "300"))
CHUNK = 25


def _chunks() -> list[range]:
    if seed := os.environ.get("HISTORY_SEED"):
        return [range(int(seed), int(seed) + 1)]
    return [range(first, min(first + CHUNK, RUNS)) for first in range(0, RUNS, CHUNK)]


@pytest.mark.parametrize("seeds", _chunks(), ids=lambda seeds: f"seeds {seeds.start}+")
def test_within_two_days_each_order_is_posted_or_named(seeds: range) -> None:
    for seed in seeds:
        HostileHistory(seed).run()
