"""A clock set to noon, AWS in memory, and both webhooks with one known connection."""

from collections.abc import Callable, Iterator
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from ml_connector.clock import MovableClock
from ml_connector.webhooks.bootstrap import WebhookClients, open_airbase_webhook, open_exact_webhook
from tests.webhooks.aws import NOON, OLDER_SECRET, SECRET, WebhookAws

Call = Callable[[dict[str, Any]], int]


@pytest.fixture(autouse=True)
def _at_noon(time: MovableClock) -> None:
    time.move(NOON - time())


@pytest.fixture(scope="session")
def clients() -> WebhookClients:
    session = botocore.session.get_session()
    session.set_credentials("testing", "testing")
    names = ("dynamodb", "sqs", "secretsmanager")
    return WebhookClients(*(session.create_client(n, region_name="eu-west-1") for n in names))


@pytest.fixture
def aws(clients: WebhookClients) -> Iterator[WebhookAws]:
    with mock_aws():
        yield WebhookAws.build(clients)


@pytest.fixture
def airbase(aws: WebhookAws) -> Call:
    aws.store_secret("airbase", {"secrets": [SECRET, OLDER_SECRET]})
    webhook = open_airbase_webhook(aws.environment, aws.clients)
    return lambda event: int(webhook.answer(event)["statusCode"])


@pytest.fixture
def exact(aws: WebhookAws) -> Call:
    aws.store_secret("exact", {"secrets": [SECRET, OLDER_SECRET]})
    webhook = open_exact_webhook(aws.environment, aws.clients)
    return lambda event: int(webhook.answer(event)["statusCode"])
