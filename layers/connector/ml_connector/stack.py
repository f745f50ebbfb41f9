"""A deployed stack, as people's requests use it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Protocol

from ml_connector.domain.ids import Actor, AppId, ConnectionId, connection_of
from ml_connector.domain.words import command
from ml_connector.infrastructure.connection_views import ConnectionViews
from ml_connector.infrastructure.data_form import DataForm, StackForm
from ml_connector.infrastructure.drafts import Drafts
from ml_connector.infrastructure.dynamodb import DynamoTable, Table
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, VENDORS, Message, Queues
from ml_connector.infrastructure.sweep_marks import SweepMarks
from ml_connector.infrastructure.tables import Tables, open_tables
from ml_connector.user_errors import UserError

# A list needs no model, no client of a remote, and of AWS that of the tables alone: what uses the
# others imports and makes them.
if TYPE_CHECKING:
    import httpx

    from ml_connector.consent.exchange import CodeExchange
    from ml_connector.infrastructure.admin_secret_store import AdminSecretStore
    from ml_connector.infrastructure.channels import SnsTopic
    from ml_connector.infrastructure.consents import Consents
    from ml_connector.services import Services, StackServices
    from ml_connector.settings.connection import Connection, ExactSite

AIRBASE_URL, EXACT_URL, REDIRECT_URI = "AirbaseWebhookUrl", "ExactWebhookUrl", "ExactRedirectUri"
_TABLES = {f"{name.upper()}_TABLE": f"{name.title()}Table" for name in Tables.__dataclass_fields__}
_QUEUES = {PURCHASE_ORDERS: "PurchaseOrderQueueUrl", VENDORS: "VendorQueueUrl"}
_DEAD_LETTERS = {
    PURCHASE_ORDERS: "PurchaseOrderDeadLetterQueueUrl",
    VENDORS: "VendorDeadLetterQueueUrl",
}
_SENDER, _ADDRESS = "NotificationSender", "NotificationAddress"
_TOPIC, _TELLS, _KEY = "NotificationTopicArn", "Notifications", "KmsKeyId"
CONSOLE_TABLE = "ConsoleTable"
"""The output of a stack that has a console."""
NEEDED_OUTPUTS = frozenset(
    {
        *_TABLES.values(),
        *_QUEUES.values(),
        *_DEAD_LETTERS.values(),
        _KEY,
        _TOPIC,
        AIRBASE_URL,
        EXACT_URL,
        REDIRECT_URI,
    }
)
"""The stack's outputs without which it cannot be opened."""


Send = Callable[[Message, str], None]
"""Queues a message, as `Stack.send`."""


class AwsClientFactory(Protocol):
    """Makes botocore clients for the account and region of a stack."""

    def client(self, service: str) -> Any:
        """Return a client of an AWS service by botocore's name of it."""


@dataclass(frozen=True)
class Addresses:
    """The webhook URLs of both senders; `{connection}` stands for the id.

    `redirect_uri` is where Exact redirects the browser after consent.
    """

    airbase: str
    exact: str
    redirect_uri: str

    def of(self, connection: ConnectionId) -> dict[str, str]:
        """Return the webhook URLs of a connection, by sender."""
        return {
            "airbase": self.airbase.replace("{connection}", connection),
            "exact": self.exact.replace("{connection}", connection),
        }


class RecordStack(ABC):
    """The records of a stack as people's requests read and change them."""

    @property
    @abstractmethod
    def services(self) -> "StackServices":
        """Return the services, for reading: people's changes are written through `ledger_of`."""

    def ledger_of(self, actor: Actor, id: ConnectionId) -> Ledger:
        """Return a connection's ledger, in which the audit trail names `actor`."""
        connection = self.services.connections.get(id)
        site = connection.first_site if connection else None
        tables = self.services.tables
        noted = partial(SweepMarks(tables.coordination).note_work, id)
        return Ledger(tables.ledger, tables.audit, actor, id, site, noted)

    def send(self, message: Message, once: str) -> None:
        """Queue a message; SQS drops another with the same `once` within five minutes."""
        self.services.queues.send(message, f"{message.group} {once}")

    def connection(self, id: str) -> "Connection":
        """Return a connection's settings; `firm.be`, a site of it, names it as well.

        Raises `UserError` when there are none of this name.
        """
        found = self.services.connections.get(connection_of(AppId(ConnectionId(id))))
        if found is None:
            raise unknown_connection(self.services.tables.coordination, id)
        return found

    def services_of(self, id: str) -> "Services":
        """Return a connection's services; raises `UserError` when it has no settings."""
        return self.services.bound(self.connection(id))

    def known_id(self, id: str) -> ConnectionId:
        """Return the id of a current or removed connection, whose ledger and audit trail stay.

        Raises `UserError` for an unknown one.
        """
        known = ConnectionId(id)
        is_current = self.services.connections.get(known) is not None
        if is_current or self.services.ledger_of(known).connection().version:
            return known
        return self.connection(id).id


def unknown_connection(coordination: Table, id: str) -> UserError:
    """Return the error for a connection without settings; one that was begun is named so."""
    if Drafts(coordination).get(ConnectionId(id)) is None:
        return UserError(f"there is no connection {id!r}; see `connector connection list`")
    return UserError(half_made(id))


def half_made(id: str) -> str:
    """Return in words what is to be done about a connection that was begun and never saved."""
    return (
        f"{id} is half made: what was answered is kept, and nothing is posted. Go on: "
        f"{command('connect', id)}, or drop it: {command('connection', 'remove', id)}."
    )


class Stack(RecordStack):
    """Everything that a person's request needs of a stack."""

    def __init__(self, clients: AwsClientFactory, name: str, outputs: Mapping[str, str]) -> None:
        """Open the stack `name` with these outputs."""
        self._clients = clients
        self.name = name
        self.addresses = Addresses(outputs[AIRBASE_URL], outputs[EXACT_URL], outputs[REDIRECT_URI])
        names = {variable: outputs[output] for variable, output in _TABLES.items()}
        self.tables = open_tables(clients.client("dynamodb"), names)
        self.queue_urls = {queue: outputs[output] for queue, output in _QUEUES.items()}
        self.dead_letter_urls = {queue: outputs[output] for queue, output in _DEAD_LETTERS.items()}
        self._topic_arn = outputs[_TOPIC]
        self.tells_by_mail = outputs.get(_TELLS) != "off"
        """Whether new exceptions and halts go to the topic's subscribers."""
        self._sender, self._address = outputs.get(_SENDER), outputs.get(_ADDRESS)
        self._key = outputs[_KEY]
        self._console = outputs.get(CONSOLE_TABLE)

    @cached_property
    def sqs(self) -> Any:
        """Return the client of the queues."""
        return self._clients.client("sqs")

    @cached_property
    def queues(self) -> Queues:
        """Return the queues of messages to the workers."""
        return Queues(self.sqs, self.queue_urls)

    @cached_property
    def topic(self) -> "SnsTopic":
        """Return the topic of notifications to people."""
        from ml_connector.infrastructure.channels import SnsTopic  # noqa: PLC0415

        return SnsTopic(lambda: self._clients.client("sns"), self._topic_arn)

    @cached_property
    def sends_mail(self) -> bool:
        """Return whether the stack has a sender, and mails people itself."""
        return bool(self._sender)

    @property
    def console_table(self) -> Table:
        """Return the console's own table; raises `UserError` for a stack without a console."""
        if self._console is None:
            raise UserError(
                "this stack has no console: deploy it with ConsoleIssuer and ConsoleClientId"
            )
        return DynamoTable(self._clients.client("dynamodb"), self._console)

    @cached_property
    def secret_store(self) -> "AdminSecretStore":
        """Return the secrets of all connections."""
        from ml_connector.infrastructure.admin_secret_store import AdminSecretStore  # noqa: PLC0415

        secrets, kms = self._clients.client("secretsmanager"), self._clients.client("kms")
        return AdminSecretStore(secrets, kms, self.name, self._key)

    @cached_property
    def http(self) -> "httpx.Client":
        """Return the client for Airbase and Exact."""
        from ml_connector.infrastructure import http as http_clients  # noqa: PLC0415

        return http_clients.client()

    @cached_property
    def services(self) -> "StackServices":
        """See `RecordStack.services`."""
        from ml_connector.bootstrap import Telling, build_services, open_mail  # noqa: PLC0415

        mail = open_mail(lambda: self._clients.client("sesv2"), self._sender, self._address)
        telling = Telling([self.topic] if self.tells_by_mail else [], mail=mail)
        tables, queues = self.tables, self.queues
        return build_services("connector", tables, queues, self.secret_store, self.http, telling)

    @cached_property
    def form(self) -> StackForm:
        """Return the form of the stored data, as first read."""
        return DataForm(self.tables.ledger).of_stack()

    def begin(self, actor: Actor) -> None:
        """Give a stack without any connection the newest form: there is nothing to migrate."""
        data_form = self.services.data_form
        if self.form.begun or any(self.services.connections.all()) or any(data_form.known()):
            return
        data_form.finish(actor)
        del self.form

    @cached_property
    def consents(self) -> "Consents":
        """Return the requested consents."""
        from ml_connector.infrastructure.consents import Consents  # noqa: PLC0415

        return Consents(self.tables.coordination)

    def exchange_of(self, actor: Actor) -> "CodeExchange":
        """Return the exchange of consent codes for tokens, audited as `actor`."""
        from ml_connector.consent.bootstrap import build_exchange  # noqa: PLC0415

        return build_exchange(
            self.tables.coordination, partial(self.ledger_of, actor), self.secret_store, self.http
        )

    def sites_of(self, id: str) -> "list[ExactSite]":
        """Return the sites of a connection, or the one that is named, as in `firm.be`.

        Raises `UserError` when there is none.
        """
        every = self.connection(id).sites
        connection, _, named = id.partition(".")
        found = [site for site in every if named in {"", site.site}]
        if not found:
            known = ", ".join(site.site for site in every)
            raise UserError(f"connection {connection} has no site {named}; it has {known}")
        return found

    def known_ledger(self, id: str) -> Ledger:
        """Return the ledger of a current or removed connection, for reading.

        Raises `UserError` for an unknown one.
        """
        known = ConnectionId(id)
        ledger = self._read_ledger(known)
        if ConnectionViews(self.tables.mappings).get(known) or ledger.connection().version:
            return ledger
        return self.services.ledger_of(self.known_id(id))

    def current_ledgers(self) -> Iterator[Ledger]:
        """Yield the ledgers of all current connections, for reading."""
        for each in ConnectionViews(self.tables.mappings).all():
            yield self._read_ledger(each.id)

    def _read_ledger(self, id: ConnectionId) -> Ledger:
        return Ledger(self.tables.ledger, self.tables.audit, Actor("connector"), id)
