"""A connected firm on the full stack, one for each module, and a terminal for it."""

from collections.abc import Iterator

import pytest

from local.demo.environment import DemoEnvironment
from local.demo.scenario import Scenario
from tests.cli.terminal import Terminal


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoEnvironment]:
    with DemoEnvironment() as running:
        running.connect()
        yield running


@pytest.fixture(scope="module")
def scenario(demo: DemoEnvironment) -> Scenario:
    return Scenario(demo, lambda _: None)


@pytest.fixture
def terminal(demo: DemoEnvironment) -> Terminal:
    assert demo.stack.name == "connector"
    return Terminal({"CONNECTOR_STACK": None, "CONNECTOR_WEBHOOK_BASE_URL": None})
