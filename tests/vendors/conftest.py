"""Shared by the tests of the vendor worker."""

import logging
from collections.abc import Iterator

import pytest

from ml_connector import clock
from tests.vendors.vendor_environment import VendorEnvironment


@pytest.fixture
def firm() -> Iterator[VendorEnvironment]:
    """Both systems and the workers, not yet connected."""
    logging.disable(logging.CRITICAL)
    yield VendorEnvironment()
    logging.disable(logging.NOTSET)
    clock.read_from(clock.MovableClock())
