"""No log and no real clock: hundreds of errors are injected."""

import logging
from collections.abc import Iterator

import pytest

from ml_connector import clock


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
    clock.read_from(clock.MovableClock())
