"""What tests of several kinds use: the firm of the story, in memory."""

import logging
from collections.abc import Iterator

import pytest

from local.office import Office
from ml_connector import clock


@pytest.fixture
def office() -> Iterator[Office]:
    logging.disable(logging.CRITICAL)
    yield Office()
    logging.disable(logging.NOTSET)
    clock.read_from(clock.MovableClock())
