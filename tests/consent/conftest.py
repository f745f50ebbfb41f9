"""One firm that has asked for nothing yet, on a clock that is moved by hand."""

import pytest

from local.exact_simulator import ExactSimulator
from ml_connector.clock import MovableClock
from tests.consent.counter import BACK, Counter


@pytest.fixture
def counter(time: MovableClock) -> Counter:
    exact = ExactSimulator(clock=time)
    exact.add_division(2101)
    exact.oauth.redirect_uris = {BACK}
    return Counter(exact)
