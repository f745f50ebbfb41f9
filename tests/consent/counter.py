"""A desk in memory, over the Exact simulator, for one firm whose app is known."""

from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import httpx

from local.exact_simulator import ExactSimulator
from local.memory import MemoryTable, MemoryVault
from ml_connector.consent.desk import Desk
from ml_connector.consent.wiring import join_desk
from ml_connector.doors.consents import Consents
from ml_connector.doors.ledger import CONNECTION, Ledger
from ml_connector.doors.table import Item
from ml_connector.exact.oauth import Tokens, authorize_url
from ml_connector.ids import ConnectionId
from ml_connector.secret import Secret

FIRM = ConnectionId("firm")
SITE = "https://exact.test"
BACK = "https://stack.test/oauth/exact"


@dataclass
class Counter:
    """Where codes are brought, and everything it writes to."""

    exact: ExactSimulator
    vault: MemoryVault = field(default_factory=MemoryVault)
    coordination: MemoryTable = field(default_factory=lambda: MemoryTable("coordination"))
    ledger_table: MemoryTable = field(default_factory=lambda: MemoryTable("ledger"))
    audit_table: MemoryTable = field(default_factory=lambda: MemoryTable("audit"))

    def __post_init__(self) -> None:
        app = {"client_id": self.exact.client_id, "client_secret": self.exact.client_secret}
        self.vault.store("exact-app", FIRM, app)
        self.ledger = Ledger(self.ledger_table, self.audit_table, "exact_consent")
        self.consents = Consents(self.coordination)

    def desk(self, http: httpx.Client | None = None) -> Desk:
        """A desk as each process has its own."""
        http = http or httpx.Client(transport=self.exact.transport())
        return join_desk(self.coordination, self.ledger, self.vault, http)

    def ask(self, connection: ConnectionId = FIRM) -> Secret:
        return self.consents.ask(connection, SITE, BACK)

    def query(self, state: Secret, back: str = BACK) -> str:
        """Return the query string with which Exact sends the browser back."""
        url = authorize_url(SITE, self.exact.client_id, back, state.reveal())
        with httpx.Client(transport=self.exact.transport()) as browser:
            return urlsplit(browser.get(url).headers["Location"]).query

    def code(self, state: Secret) -> Secret:
        return Secret(parse_qs(self.query(state))["code"][0])

    def tokens(self, connection: ConnectionId = FIRM) -> Tokens | None:
        text = self.vault.tokens(connection)
        return Tokens.from_json(text) if text else None

    def steps(self, connection: ConnectionId = FIRM) -> list[str]:
        return [entry.step for entry in self.ledger.trail(connection, CONNECTION)]

    def items(self) -> list[Item]:
        tables = (self.coordination, self.ledger_table, self.audit_table)
        return [item for table in tables for item in table.items()]
