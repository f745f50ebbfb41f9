"""The code exchange in memory, on the Exact simulator, for one firm with stored app credentials."""

from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import httpx

from local.exact_simulator import ExactSimulator
from local.in_memory.tables import InMemorySecretStore, InMemoryTable
from ml_connector.consent.bootstrap import build_exchange
from ml_connector.consent.exchange import CodeExchange
from ml_connector.domain.ids import AppId, ConnectionId, SiteId
from ml_connector.exact.oauth import Tokens, authorize_url
from ml_connector.infrastructure.consents import Consents
from ml_connector.infrastructure.dynamodb import Item
from ml_connector.infrastructure.ledger import CONNECTION, Ledger
from ml_connector.secret import Secret

FIRM = ConnectionId("firm")
SITE = "https://exact.test"
REDIRECT_URI = "https://stack.test/oauth/exact"


@dataclass
class ConsentEnvironment:
    """The code exchange and everything it writes to."""

    exact: ExactSimulator
    secret_store: InMemorySecretStore = field(default_factory=InMemorySecretStore)
    coordination: InMemoryTable = field(default_factory=lambda: InMemoryTable("coordination"))
    ledger_table: InMemoryTable = field(default_factory=lambda: InMemoryTable("ledger"))
    audit_table: InMemoryTable = field(default_factory=lambda: InMemoryTable("audit"))

    def __post_init__(self) -> None:
        app = {"client_id": self.exact.client_id, "client_secret": self.exact.client_secret}
        self.secret_store.store("exact-app", FIRM, app)
        self.ledger = self.ledger_of(FIRM)
        self.consents = Consents(self.coordination)

    def ledger_of(self, connection: ConnectionId) -> Ledger:
        return Ledger(self.ledger_table, self.audit_table, "exact_consent", connection)

    def exchange(self, http: httpx.Client | None = None) -> CodeExchange:
        """Return a new code exchange, as each process has its own."""
        http = http or httpx.Client(transport=self.exact.transport())
        return build_exchange(self.coordination, self.ledger_of, self.secret_store, http)

    def ask(self, connection: ConnectionId = FIRM) -> Secret:
        return self.consents.create(AppId(connection), SiteId("nl"), SITE, REDIRECT_URI)

    def query(self, state: Secret, redirect_uri: str = REDIRECT_URI) -> str:
        """Return the query string of Exact's redirect."""
        url = authorize_url(SITE, self.exact.client_id, redirect_uri, state.reveal())
        with httpx.Client(transport=self.exact.transport()) as browser:
            return urlsplit(browser.get(url).headers["Location"]).query

    def code(self, state: Secret) -> Secret:
        return Secret(parse_qs(self.query(state))["code"][0])

    def tokens(self, connection: ConnectionId = FIRM) -> Tokens | None:
        text = self.secret_store.tokens(connection)
        return Tokens.from_json(text) if text else None

    def steps(self, connection: ConnectionId = FIRM) -> list[str]:
        return [entry.step for entry in self.ledger_of(connection).trail(CONNECTION)]

    def items(self) -> list[Item]:
        tables = (self.coordination, self.ledger_table, self.audit_table)
        return [item for table in tables for item in table.items()]
