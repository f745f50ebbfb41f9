import pytest

from local.in_memory.environment import InMemoryEnvironment
from tests.deeds.people import People


@pytest.fixture
def people(env: InMemoryEnvironment) -> People:
    env.connect()
    return People(env)
