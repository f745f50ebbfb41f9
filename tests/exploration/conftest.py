"""Explored worlds leave no trace: clock, chance and log are as before."""

import logging
from collections.abc import Callable, Iterator

import pytest
from rich.console import Console

from ml_connector import clock
from tests.exploration.chance import without_chance


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    real = clock._read
    logging.disable(logging.CRITICAL)
    with without_chance():
        yield
    logging.disable(logging.NOTSET)
    clock.read_from(real)


Shown = Callable[[object], None]


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Shown:
    """Prints what was explored, or how an invariant was broken."""

    def show(what: object) -> None:
        with capsys.disabled():
            Console(highlight=False, markup=False, soft_wrap=True).print(f"\n{what}")

    return show
