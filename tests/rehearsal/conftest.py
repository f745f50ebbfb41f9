"""The firm before it goes live."""

import pytest

from local.in_memory.environment import InMemoryEnvironment
from tests.month_end.test_months import at


@pytest.fixture
def firm(env: InMemoryEnvironment) -> InMemoryEnvironment:
    """The firm in November, connected and with nothing posted; the orders are of October."""
    at(env.clock, "2026-11-03T09:00:00+00:00")
    env.connect()
    return env
