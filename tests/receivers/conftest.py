"""A clock that stands at noon, AWS in memory, and both receivers with one known connection."""

from collections.abc import Callable, Iterator
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from ml_connector.clock import MovableClock
from ml_connector.receivers.wiring import Clients, airbase_receiver, exact_receiver
from tests.receivers.world import NOON, OLDER_SECRET, SECRET, World

Answering = Callable[[dict[str, Any]], int]


@pytest.fixture(autouse=True)
def _at_noon(time: MovableClock) -> None:
    time.move(NOON - time())


@pytest.fixture(scope="session")
def clients() -> Clients:
    session = botocore.session.get_session()
    session.set_credentials("testing", "testing")
    names = ("dynamodb", "sqs", "secretsmanager")
    return Clients(*(session.create_client(n, region_name="eu-west-1") for n in names))


@pytest.fixture
def world(clients: Clients) -> Iterator[World]:
    with mock_aws():
        yield World.build(clients)


@pytest.fixture
def airbase(world: World) -> Answering:
    world.keep_secret("airbase", {"secrets": [SECRET, OLDER_SECRET]})
    receiver = airbase_receiver(world.environment, world.clients)
    return lambda event: int(receiver.answer(event)["statusCode"])


@pytest.fixture
def exact(world: World) -> Answering:
    world.keep_secret("exact", {"secrets": [SECRET, OLDER_SECRET]})
    receiver = exact_receiver(world.environment, world.clients)
    return lambda event: int(receiver.answer(event)["statusCode"])
