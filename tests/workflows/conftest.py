"""Shared by the tests of the workflows."""

import logging
from collections.abc import Iterator

import pytest

from ml_connector import clock
from tests.workflows.vendor_office import VendorOffice


@pytest.fixture
def firm() -> Iterator[VendorOffice]:
    """Both systems and the workers; nothing is connected yet."""
    logging.disable(logging.CRITICAL)
    yield VendorOffice()
    logging.disable(logging.NOTSET)
    clock.read_from(clock.MovableClock())
