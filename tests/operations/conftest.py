"""A connected firm on the whole stack, and a terminal that leads to it: one for each module."""

from collections.abc import Iterator

import pytest

from local.scene import Scene
from local.story import Story
from tests.cli.terminal import Terminal


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with Scene() as running:
        running.connect()
        yield running


@pytest.fixture(scope="module")
def story(scene: Scene) -> Story:
    return Story(scene, lambda _: None)


@pytest.fixture
def terminal(scene: Scene) -> Terminal:
    assert scene.stack.name == "connector"
    return Terminal({"CONNECTOR_STACK": None, "CONNECTOR_WEBHOOK_BASE_URL": None})
