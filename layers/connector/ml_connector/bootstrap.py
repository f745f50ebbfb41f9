"""Build the services of the workers from the environment."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import botocore.session
import httpx
from botocore.config import Config

from ml_connector.airbase.client import AirbaseClient
from ml_connector.domain.ids import ConnectionId
from ml_connector.exact.client import ExactClient, open_exact_client
from ml_connector.infrastructure import http as http_clients
from ml_connector.infrastructure.airbase_pace import SharedAirbasePace
from ml_connector.infrastructure.channels import Channel, HtmlMail, SlackWebhook, SnsTopic
from ml_connector.infrastructure.connection_store import ConnectionStore
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, VENDORS, Queues
from ml_connector.infrastructure.secret_store import AwsSecretStore, SecretStore
from ml_connector.infrastructure.tables import Tables, open_tables
from ml_connector.services import Openers, StackServices
from ml_connector.settings.connection import Connection, ExactSite
from ml_connector.telemetry import Measure, emit, logger

_CONFIG = Config(
    connect_timeout=3,
    read_timeout=10,
    max_pool_connections=25,  # the token refresh takes as many connections at a time
    retries={"mode": "standard", "total_max_attempts": 4},
)
# One short attempt: the next sweep sends what this one could not.
_SNS_CONFIG = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 1})


class LazyClient:
    """An AWS client that is made on first use: making one takes 10 ms."""

    def __init__(self, make: Callable[[], Any]) -> None:
        """Make it with `make`, once."""
        self._make = cache(make)

    def __getattr__(self, name: str) -> Any:
        """Return the client's attribute."""
        return getattr(self._make(), name)


def open_services(actor: str, environment: Mapping[str, str] = os.environ) -> StackServices:
    """Return the services of the function `actor`; raises `KeyError` for a missing setting."""
    logger()  # imported now: what a function does at its start is faster than in its first call
    session = botocore.session.get_session()
    dynamodb, sqs = (session.create_client(n, config=_CONFIG) for n in ("dynamodb", "sqs"))
    # Most sweeps call neither remote, and need no secret.
    secrets, kms = (
        LazyClient(partial(session.create_client, name, config=_CONFIG))
        for name in ("secretsmanager", "kms")
    )
    secret_store = AwsSecretStore(
        secrets, kms, environment["SECRET_PREFIX"], environment["KMS_KEY_ID"]
    )
    urls = {
        name: environment[variable]
        for name, variable in (
            (PURCHASE_ORDERS, "PURCHASE_ORDER_QUEUE_URL"),
            (VENDORS, "VENDOR_QUEUE_URL"),
        )
        if variable in environment
    }
    tables = open_tables(dynamodb, environment)
    # Few sweeps send anything: the client is made by the first that does.
    sns = cache(partial(session.create_client, "sns", config=_SNS_CONFIG))
    topics, alarms = (
        [SnsTopic(sns, arn, name)] if (arn := environment.get(variable)) else []
        for name, variable in (("topic", "NOTIFICATION_TOPIC_ARN"), ("alarms", "ALARM_TOPIC_ARN"))
    )
    http = http_clients.client()
    queues = Queues(sqs, urls)
    ses = cache(partial(session.create_client, "sesv2", config=_SNS_CONFIG))
    mail = open_mail(
        ses, environment.get("NOTIFICATION_SENDER"), environment.get("NOTIFICATION_EMAIL")
    )
    telling = Telling(topics, alarms, mail, environment.get("CONSOLE_URL", ""))
    redirect_uri = environment.get("EXACT_REDIRECT_URI", "")
    return build_services(actor, tables, queues, secret_store, http, telling, emit, redirect_uri)


MailFor = Callable[[Connection], Sequence[Channel]]


class Telling(NamedTuple):
    """How people are told: topics, topics for halts alone, HTML mail, and links to the console."""

    topics: Sequence[Channel] = ()
    alarms: Sequence[Channel] = ()
    mail: MailFor = lambda _: ()
    console_url: str = ""


def open_mail(client: Callable[[], Any], sender: str | None, address: str | None) -> MailFor:
    """Return how a connection's people get HTML mail: nobody does without a sender.

    `address` is that of the stack, for connections that name none.
    """

    def mail(connection: Connection) -> list[Channel]:
        addresses = connection.notify.emails or ((address,) if address else ())
        return [HtmlMail(client, sender, each) for each in addresses] if sender else []

    return mail


def build_services(
    actor: str,
    tables: Tables,
    queues: Queues,
    secret_store: SecretStore,
    http: httpx.Client,
    telling: Telling = Telling(),  # noqa: B008  it is frozen
    measure: Measure = lambda _: None,
    redirect_uri: str = "",
) -> StackServices:
    """Return the services over these tables, queues, secret store and HTTP client.

    `measure` takes the metrics; by default they are dropped. `redirect_uri`: as in `Openers`.
    """

    def airbase(connection: Connection, pace: SharedAirbasePace) -> AirbaseClient:
        key = secret_store.airbase_key(connection.id)
        id, base, profile = connection.id, connection.airbase_base_url, connection.profile
        newest = partial(secret_store.airbase_key, id, is_fresh=True)
        return AirbaseClient(id, base, profile, key, http, pace, pace.circuit_breaker, newest)

    def exact(id: ConnectionId, site: ExactSite) -> ExactClient:
        return open_exact_client(id, site, http, secret_store, tables.coordination)

    def channels(connection: Connection) -> list[Channel]:
        slack = SlackWebhook(http, partial(secret_store.slack_url, connection.id))
        plain = [*(telling.mail(connection) or telling.topics)]
        # Slack first: while all addresses hang, those after the first few have to wait.
        return [slack, *plain] if connection.notify.slack else plain

    return StackServices(
        actor=actor,
        tables=tables,
        connections=ConnectionStore(tables.mappings),
        queues=queues,
        openers=Openers(
            airbase, exact, channels, telling.alarms, telling.console_url, redirect_uri
        ),
        measure=measure,
    )
