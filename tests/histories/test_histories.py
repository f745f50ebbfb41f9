"""Seeded histories: whatever fails, each approval becomes one purchase order.

`make fuzz RUNS=20000` plays more of them; `HISTORY_SEED=42` replays one.
"""

import os

import pytest

from tests.histories.history import History

RUNS = int(os.environ.get("HISTORY_RUNS", "300"))
CHUNK = 50


def _chunks() -> list[range]:
    if seed := os.environ.get("HISTORY_SEED"):
        return [range(int(seed), int(seed) + 1)]
    return [range(first, min(first + CHUNK, RUNS)) for first in range(0, RUNS, CHUNK)]


@pytest.mark.parametrize("seeds", _chunks(), ids=lambda seeds: f"seeds {seeds.start}+")
def test_every_approval_becomes_one_purchase_order_whatever_fails(seeds: range) -> None:
    for seed in seeds:
        History(seed).run()
