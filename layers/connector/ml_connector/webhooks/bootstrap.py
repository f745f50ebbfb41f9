"""Build the webhooks with their AWS clients, from the environment.

The clients share one botocore session, whose loader reads each shared file once, so the second and
third client add only about 5 ms each to the cold start.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import botocore.session
from botocore.config import Config

from ml_connector.infrastructure.dynamodb import DynamoTable
from ml_connector.infrastructure.inbox import Inbox
from ml_connector.infrastructure.places import Places
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, VENDORS, Queues
from ml_connector.infrastructure.webhook_secrets import WebhookSecrets
from ml_connector.infrastructure.webhook_senders import WebhookSenders
from ml_connector.telemetry import logger
from ml_connector.webhooks import airbase, exact
from ml_connector.webhooks.handler import WebhookHandler, WebhookSender

Settings = TypeVar("Settings")
ParseSettings = Callable[[Mapping[str, Any]], Settings]

# Senders wait seconds, not minutes: a 500 and their retry is better than a gateway time-out.
_CONFIG = Config(
    connect_timeout=2, read_timeout=4, retries={"mode": "standard", "total_max_attempts": 3}
)


@dataclass(frozen=True)
class WebhookEnvironment:
    """The environment variables that the template sets for a webhook function."""

    secret_prefix: str
    inbox_table: str
    coordination_table: str
    queue_urls: Mapping[str, str]

    @classmethod
    def read(cls, variables: Mapping[str, str] = os.environ) -> "WebhookEnvironment":
        """Return the settings; raises `KeyError` naming the first missing one."""
        urls = {
            PURCHASE_ORDERS: variables["PURCHASE_ORDER_QUEUE_URL"],
            VENDORS: variables["VENDOR_QUEUE_URL"],
        }
        tables = variables["INBOX_TABLE"], variables["COORDINATION_TABLE"]
        return cls(variables["SECRET_PREFIX"], *tables, urls)


@dataclass(frozen=True)
class WebhookClients:
    """The three AWS clients of a webhook function."""

    dynamodb: Any
    sqs: Any
    secretsmanager: Any

    @classmethod
    def create(cls) -> "WebhookClients":
        """Return clients of one shared session."""
        session = botocore.session.get_session()
        return cls(*(session.create_client(n, config=_CONFIG) for n in _SERVICES))


_SERVICES = ("dynamodb", "sqs", "secretsmanager")


def airbase_sender() -> WebhookSender[airbase.AirbaseWebhookSettings]:
    """Return how Airbase's calls are verified and read."""
    return WebhookSender(
        "airbase", airbase.accept, airbase.unknown_connection(), lambda _: False, airbase.is_signed
    )


def exact_sender() -> WebhookSender[exact.ExactWebhookSettings]:
    """Return how Exact's notifications are verified and read."""
    return WebhookSender(
        "exact", exact.accept, exact.unknown_connection(), exact.is_subscription_check,
        exact.is_signed,
    )  # fmt: skip


def open_airbase_webhook(
    environment: WebhookEnvironment | None = None, clients: WebhookClients | None = None
) -> WebhookHandler[airbase.AirbaseWebhookSettings]:
    """Return the handler of Airbase's webhooks."""
    return _build(airbase_sender(), airbase.parse_settings, environment, clients)


def open_exact_webhook(
    environment: WebhookEnvironment | None = None, clients: WebhookClients | None = None
) -> WebhookHandler[exact.ExactWebhookSettings]:
    """Return the handler of Exact's notifications."""
    return _build(exact_sender(), exact.parse_settings, environment, clients)


def _build(
    sender: WebhookSender[Settings],
    parse: ParseSettings[Settings],
    environment: WebhookEnvironment | None,
    clients: WebhookClients | None,
) -> WebhookHandler[Settings]:
    logger()  # imported now: what a function does at its start is faster than in its first call
    environment = environment or WebhookEnvironment.read()
    clients = clients or WebhookClients.create()
    inbox_table = DynamoTable(clients.dynamodb, environment.inbox_table)
    coordination_table = DynamoTable(clients.dynamodb, environment.coordination_table)
    folder = f"{environment.secret_prefix}/{sender.name}-webhook"
    return WebhookHandler(
        sender,
        WebhookSecrets(clients.secretsmanager, folder, parse),
        partial(Inbox, inbox_table),
        Queues(clients.sqs, environment.queue_urls),
        partial(WebhookSenders, inbox_table),
        partial(Places, coordination_table),
    )
