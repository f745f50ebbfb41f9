"""The token protocol under every schedule within the bounds; `make explore` has none."""

import pytest

from tests.exploration.conftest import Shown
from tests.exploration.search import TOGETHER, Search
from tests.exploration.seeded_faults import FAULTS_OF_TOKENS
from tests.exploration.tokens import TokenWorld

BOUNDS = {"switch": 3, "crash": 2, "fault": 1, TOGETHER: 3}
NOTICED = {
    "a new pair is used before it is stored": "a token is used before it is stored",
    "two refreshers": "a used refresh token was sent again",
}


def test_whoever_goes_on_when_no_pair_is_lost(shown: Shown) -> None:
    search = Search(TokenWorld(), BOUNDS)
    violation = search.run()
    shown(search)
    assert violation is None, str(violation)
    assert search.states > 1_000, "the world has become too small to show anything"


def test_nor_when_stores_and_answers_fail_and_the_pair_is_renewed_again(shown: Shown) -> None:
    search = Search(TokenWorld(rounds=2), {"switch": 1, "crash": 1, "fault": 2, TOGETHER: 2})
    violation = search.run()
    shown(search)
    assert violation is None, str(violation)


@pytest.mark.parametrize("fault", FAULTS_OF_TOKENS)
def test_without_a_protective_step_the_search_notices(fault: str, shown: Shown) -> None:
    with FAULTS_OF_TOKENS[fault]():
        violation = Search(TokenWorld(), {TOGETHER: 3}).run()
        assert violation is not None, fault
        shown(f"{fault}: {violation}")
        assert violation.invariant == NOTICED[fault]
        assert len(violation.trace) <= 30, "a trace that nobody reads"
        replayed = Search(TokenWorld(), {}).replay(violation.schedule)
    assert replayed == violation
