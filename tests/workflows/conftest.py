"""The firm of the story, connected and at rest."""

import pytest

from local.office import Office


@pytest.fixture
def firm(office: Office) -> Office:
    office.connect()
    office.wait(minutes=2)
    return office
