"""One firm before its first consent request, on a clock moved by hand."""

import pytest

from local.exact_simulator import ExactSimulator
from ml_connector.clock import MovableClock
from tests.consent.environment import REDIRECT_URI, ConsentEnvironment


@pytest.fixture
def consent(time: MovableClock) -> ConsentEnvironment:
    exact = ExactSimulator(clock=time)
    exact.add_division(2101)
    exact.oauth.redirect_uris = {REDIRECT_URI}
    return ConsentEnvironment(exact)
