"""What tests of several kinds use: the firm of the story, in memory."""

import logging
from collections.abc import Iterator

import pytest

from local.office import Office
from ml_connector import clock
from ml_connector.clock import MovableClock

NOON = 1_793_016_000.0  # 2026-10-26 12:00 UTC


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
