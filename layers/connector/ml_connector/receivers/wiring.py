"""The one place where the receivers get their real doors, from the environment.

The clients are botocore's own: one session, whose loader reads each shared file once, so the
second and third client add about 5 ms each to init.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import botocore.session
from botocore.config import Config

from ml_connector.airbase import webhook as airbase
from ml_connector.doors.inbox import Inbox
from ml_connector.doors.queues import PURCHASE_ORDERS, VENDORS, Queues
from ml_connector.doors.table import DynamoTable
from ml_connector.doors.webhook_secrets import WebhookSecrets
from ml_connector.exact import webhook as exact
from ml_connector.receivers.reception import Receiver, Source

Settings = TypeVar("Settings")
ParseSettings = Callable[[Mapping[str, Any]], Settings]

# Senders wait seconds, not minutes: better a 500 and their retry than a gateway's time-out.
_CONFIG = Config(
    connect_timeout=2, read_timeout=4, retries={"mode": "standard", "total_max_attempts": 3}
)


@dataclass(frozen=True)
class Environment:
    """The settings that the template gives a receiver."""

    secret_prefix: str
    inbox_table: str
    queue_urls: Mapping[str, str]

    @classmethod
    def read(cls, variables: Mapping[str, str] = os.environ) -> "Environment":
        """Return the settings; raises `KeyError` naming the first one that is missing."""
        urls = {
            PURCHASE_ORDERS: variables["PURCHASE_ORDER_QUEUE_URL"],
            VENDORS: variables["VENDOR_QUEUE_URL"],
        }
        return cls(variables["SECRET_PREFIX"], variables["INBOX_TABLE"], urls)


@dataclass(frozen=True)
class Clients:
    """The three AWS clients of a receiver."""

    dynamodb: Any
    sqs: Any
    secretsmanager: Any

    @classmethod
    def create(cls) -> "Clients":
        """Return clients of one shared session."""
        session = botocore.session.get_session()
        return cls(*(session.create_client(n, config=_CONFIG) for n in _SERVICES))


_SERVICES = ("dynamodb", "sqs", "secretsmanager")


def airbase_receiver(
    environment: Environment | None = None, clients: Clients | None = None
) -> Receiver[airbase.WebhookSettings]:
    """Return the receiver of Airbase's webhooks."""
    source = Source("airbase", airbase.accept, airbase.unknown_connection(), lambda _: False)
    return _receiver(source, airbase.parse_settings, environment, clients)


def exact_receiver(
    environment: Environment | None = None, clients: Clients | None = None
) -> Receiver[exact.WebhookSettings]:
    """Return the receiver of Exact's notifications."""
    source = Source("exact", exact.accept, exact.unknown_connection(), exact.is_subscription_check)
    return _receiver(source, exact.parse_settings, environment, clients)


def _receiver(
    source: Source[Settings],
    parse: ParseSettings[Settings],
    environment: Environment | None,
    clients: Clients | None,
) -> Receiver[Settings]:
    environment = environment or Environment.read()
    clients = clients or Clients.create()
    folder = f"{environment.secret_prefix}/{source.name}-webhook"
    return Receiver(
        source,
        WebhookSecrets(clients.secretsmanager, folder, parse),
        Inbox(DynamoTable(clients.dynamodb, environment.inbox_table)),
        Queues(clients.sqs, environment.queue_urls),
    )
