"""The one place where the workers get their real doors, from the environment."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any, TypeVar

import botocore.session
import httpx
from botocore.config import Config

from ml_connector.airbase.api import AirbaseClient
from ml_connector.connection import Connection
from ml_connector.doors import http as http_door
from ml_connector.doors.channels import Channel, Slack, Topic
from ml_connector.doors.circuit import AIRBASE, Circuit
from ml_connector.doors.coordination import Marks
from ml_connector.doors.inbox import Inbox
from ml_connector.doors.ledger import Ledger
from ml_connector.doors.links import Links, Proposals
from ml_connector.doors.mappings import Mappings
from ml_connector.doors.news import NewsDesk
from ml_connector.doors.queues import PURCHASE_ORDERS, VENDORS, Queues
from ml_connector.doors.table import DynamoTable, Table
from ml_connector.doors.vault import AwsVault, Vault
from ml_connector.exact.gateway import ExactGateway, open_gateway
from ml_connector.ids import ConnectionId
from ml_connector.telemetry import Measure, emit
from ml_connector.workflows.doors import Doors

_CONFIG = Config(
    connect_timeout=3,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 4},
)
# Whoever cannot be told now is told by the next sweep: no reason to keep this one.
_TELLING = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 1})
_PACE = "airbase-pace"
Opened = TypeVar("Opened")


@dataclass(frozen=True)
class Tables:
    """The stack's tables, under the names of their environment variables."""

    inbox: Table
    ledger: Table
    audit: Table
    mappings: Table
    reference: Table
    coordination: Table


class OnFirstUse:
    """An AWS client that is made when it is first asked for something: making one takes 10 ms."""

    def __init__(self, make: Callable[[], Any]) -> None:
        """Make it with `make`, once."""
        self._make = cache(make)

    def __getattr__(self, name: str) -> Any:
        """Return what the client has under this name."""
        return getattr(self._make(), name)


class Pace:
    """Airbase's wish to be left alone, shared by all workers of a connection."""

    def __init__(self, coordination: Table, connection: ConnectionId) -> None:
        """Keep the wish among the connection's marks."""
        self._marks = Marks(coordination, connection)

    def wait_until(self) -> datetime | None:
        """Return the moment before which nothing may be sent, or None."""
        text = self._marks.get(_PACE)
        return datetime.fromisoformat(text) if text else None

    def slow_down(self, until: datetime) -> None:
        """Let nothing be sent before `until`."""
        self._marks.set(_PACE, until.isoformat(), until)


def open_doors(
    actor: str,
    environment: Mapping[str, str] = os.environ,
    http: httpx.Client | None = None,
) -> Doors:
    """Return the doors of the function `actor`; raises `KeyError` naming a missing setting."""
    session = botocore.session.get_session()
    dynamodb, sqs = (session.create_client(n, config=_CONFIG) for n in ("dynamodb", "sqs"))
    # Most sweeps ask neither remote anything, and need no secret.
    secrets, kms = (
        OnFirstUse(partial(session.create_client, name, config=_CONFIG))
        for name in ("secretsmanager", "kms")
    )
    vault = AwsVault(secrets, kms, environment["SECRET_PREFIX"], environment["KMS_KEY_ID"])
    urls = {
        name: environment[variable]
        for name, variable in (
            (PURCHASE_ORDERS, "PURCHASE_ORDER_QUEUE_URL"),
            (VENDORS, "VENDOR_QUEUE_URL"),
        )
        if variable in environment
    }
    tables = open_tables(dynamodb, environment)
    topics = []
    if arn := environment.get("NOTIFICATION_TOPIC_ARN"):
        # Few sweeps have something to tell: the client is made by the first that has.
        topics.append(Topic(cache(partial(session.create_client, "sns", config=_TELLING)), arn))
    http = http or http_door.client()
    return join_doors(actor, tables, Queues(sqs, urls), vault, http, topics, emit)


def open_tables(dynamodb: Any, environment: Mapping[str, str]) -> Tables:
    """Return the stack's tables; one that the function has no business with has no name."""
    return Tables(
        *(
            DynamoTable(dynamodb, environment.get(f"{name.upper()}_TABLE", ""))
            for name in Tables.__dataclass_fields__
        )
    )


def join_doors(
    actor: str,
    tables: Tables,
    queues: Queues,
    vault: Vault,
    http: httpx.Client,
    topics: Sequence[Channel] = (),
    measure: Measure = lambda *_, **__: None,
) -> Doors:
    """Return the doors over these tables, queues, vault, HTTP client and topics.

    `measure` takes the figures; by default nobody does.
    """

    def airbase(connection: Connection) -> AirbaseClient:
        pace = Pace(tables.coordination, connection.id)
        key = vault.airbase_key(connection.id)
        base, profile = connection.airbase_base_url, connection.profile
        return AirbaseClient(base, profile, key, http, pace, circuit(connection))

    def open_circuit(connection: Connection) -> Circuit:
        return Circuit(tables.coordination, connection.id, AIRBASE)

    def exact(connection: Connection) -> ExactGateway:
        return open_gateway(connection, http, vault, tables.coordination)

    def channels(connection: Connection) -> list[Channel]:
        wanted = connection.notify.slack
        return [
            *topics,
            *([Slack(http, partial(vault.slack_url, connection.id))] if wanted else []),
        ]

    circuit = _once_each(open_circuit)  # it remembers that all was well a moment ago
    return Doors(
        ledger=Ledger(tables.ledger, tables.audit, actor),
        inbox=Inbox(tables.inbox),
        mappings=Mappings(tables.mappings),
        links=Links(tables.mappings),
        proposals=Proposals(tables.mappings),
        reference=tables.reference,
        coordination=tables.coordination,
        queues=queues,
        airbase=airbase,
        exact=_once_each(exact),
        news=NewsDesk(tables.ledger),
        channels=channels,
        measure=measure,
    )


def _once_each(open_: Callable[[Connection], Opened]) -> Callable[[Connection], Opened]:
    """Open a connection's door once a process: it keeps its token and budget; again on a change."""
    opened: dict[ConnectionId, tuple[Connection, Opened]] = {}

    def find(connection: Connection) -> Opened:
        known = opened.get(connection.id)
        if known is None or known[0] != connection:
            known = opened[connection.id] = (connection, open_(connection))
        return known[1]

    return find
