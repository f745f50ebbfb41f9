"""What tests of several kinds use: the firm of the story, in memory."""

import logging
from collections.abc import Iterator

import pytest

from local.office import Office
from ml_connector import clock
from ml_connector.clock import MovableClock

NOON = 1_793_016_000.0  # 2026-10-26 12:00 UTC


@pytest.hookimpl(tryfirst=True)  # before the scheduler reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests that share a module's fixture on one worker, in their order."""
    for item in items:
        if isinstance(item, pytest.Function) and _shares(item):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


def _shares(item: pytest.Function) -> bool:
    fixtures = item._fixtureinfo.name2fixturedefs.values()
    return any(found[-1].scope == "module" for found in fixtures)


@pytest.fixture
def time() -> Iterator[MovableClock]:
    """A clock that only moves when told; the connector reads it."""
    moving = MovableClock(NOON)
    real = clock._read
    clock.read_from(moving)
    yield moving
    clock.read_from(real)


@pytest.fixture
def office() -> Iterator[Office]:
    logging.disable(logging.CRITICAL)
    yield Office()
    logging.disable(logging.NOTSET)
    clock.read_from(clock.MovableClock())
