"""A stack made from the template, both simulators, and a terminal that uses them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.demo.environment import DemoEnvironment
from tests.cli.terminal import Terminal

Write = Callable[..., str]


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoEnvironment]:
    with DemoEnvironment() as running:
        yield running


@pytest.fixture
def terminal(demo: DemoEnvironment) -> Terminal:
    assert demo.stack.name == "connector"
    return Terminal({"CONNECTOR_STACK": None, "CONNECTOR_WEBHOOK_BASE_URL": None})


@pytest.fixture
def write_file(tmp_path: Path) -> Write:
    """Return a function that writes a small connection file and returns its path."""

    def write(**settings: Any) -> str:
        id = settings.get("id", "acme")
        own = {"exact_base_url": f"https://exact-{id}.test"}
        sites = {"exact_site": "nl"} if id == "acme" else own
        division = {"division": 2101, "subsidiaries": [f"sub-nl-{id}"]}
        config = {"id": id, **sites, "divisions": [division], **settings}
        path = tmp_path / f"{config['id']}.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        return str(path)

    return write
