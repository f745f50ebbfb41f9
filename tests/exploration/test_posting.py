"""The posting protocol under every schedule within the bounds; `make explore` has none."""

import pytest

from tests.exploration.conftest import Shown
from tests.exploration.posting import PostingWorld
from tests.exploration.search import TOGETHER, Search
from tests.exploration.seeded_faults import FAULTS_OF_POSTING

TWICE = "2 orders in Exact for one approved purchase"


@pytest.mark.parametrize(
    "bounds",
    [
        pytest.param({"switch": 3, "crash": 2, "fault": 0}, id="turns and deaths"),
        pytest.param({"switch": 2, "crash": 2, "fault": 2, TOGETHER: 2}, id="faults of Exact too"),
    ],
)
def test_whoever_goes_on_when_an_approval_becomes_one_order(
    bounds: dict[str, int], shown: Shown
) -> None:
    search = Search(PostingWorld(), bounds)
    violation = search.run()
    shown(search)
    assert violation is None, str(violation)
    assert search.states > 1_000, "the world has become too small to show anything"


@pytest.mark.parametrize("fault", FAULTS_OF_POSTING)
def test_without_a_protective_step_the_search_finds_two_orders(fault: str, shown: Shown) -> None:
    with FAULTS_OF_POSTING[fault]():
        violation = Search(PostingWorld(), {TOGETHER: 3}).run()
        assert violation is not None, fault
        shown(f"{fault}: {violation}")
        assert violation.invariant == TWICE
        assert len(violation.trace) <= 30, "a trace that nobody reads"
        replayed = Search(PostingWorld(), {}).replay(violation.schedule)
    assert replayed == violation
