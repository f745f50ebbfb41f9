"""Shared by the tests of the workflows."""

import logging
from collections.abc import Iterator

import pytest

from local.office import Office
from ml_connector import clock
from tests.workflows.vendor_office import VendorOffice


@pytest.fixture
def firm() -> Iterator[VendorOffice]:
    """Both systems and the workers; nothing is connected yet."""
    logging.disable(logging.CRITICAL)
    yield VendorOffice()
    logging.disable(logging.NOTSET)
    clock.read_from(clock.MovableClock())


@pytest.fixture
def at_rest(office: Office) -> Office:
    """The firm of the story, connected and with nothing to do."""
    office.connect()
    office.wait(minutes=2)
    return office
