"""The firm of the demo in memory: the real workers and both simulators, on a simulated clock.

For tests and the bench: they move the clock, and thousands of orders take seconds.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from local.airbase_simulator import AirbaseSimulator
from local.exact_simulator import ExactSimulator
from local.firm import BRANCHES, CONNECTION_ID, NL, SITE, Branch, Firm
from local.in_memory.stack import Hosts, InMemoryStack
from ml_connector import clock
from ml_connector.domain.ids import Actor, ConnectionId, OrderId, SiteId
from ml_connector.exact.oauth import Tokens
from ml_connector.exact.token_pairs import TokenPairs
from ml_connector.infrastructure.ledger import OrderRecord, order_key
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, Message
from ml_connector.infrastructure.secret_store import AIRBASE_KEY, EXACT_APP
from ml_connector.messages.sending import order_message, refresh_message
from ml_connector.secret import Secret
from ml_connector.services import Services
from ml_connector.settings.connection import Connection

FIRM = ConnectionId(CONNECTION_ID)
_MORNING = 1_790_000_000.0 // 86_400 * 86_400 + 8 * 3_600 + 20  # sweeps: 20 s into each minute
_AIRBASE_URL, _CALLBACK_URL = "https://airbase.test", "https://callback.test"


class InMemoryEnvironment:
    """Both systems and the workers; nothing is connected yet."""

    def __init__(self, branches: Sequence[Branch] = BRANCHES) -> None:
        """Fill both systems with the firm's data and set the clock.

        `branches` may be on several Exact sites (`sites`, by name); `exact` is the first.
        """
        self.clock = clock.MovableClock(_MORNING)
        clock.read_from(self.clock)
        names = dict.fromkeys(branch.site for branch in branches)
        self.sites: dict[str, ExactSimulator] = {
            site: ExactSimulator(self.clock, random.Random(1 if site == SITE else site), site=site)
            for site in names
        }
        self.exact = self.sites[branches[0].site]
        self.airbase = AirbaseSimulator(clock=self.clock, rng=random.Random(2))
        self.firm = Firm(self.sites, self.airbase, branches)
        self.firm.populate()
        routes = {host_of(site): exact.transport() for site, exact in self.sites.items()}
        self.memory = InMemoryStack(Hosts({**routes, "airbase.test": self.airbase.transport()}))
        self.services = self.memory.services()

    def connect(self, id: str = CONNECTION_ID, **changes: Any) -> Connection:
        """Add a connection, give consent, read the reference data.

        `changes` override the firm's connection file.
        """
        return self.add(Connection.model_validate(self.config() | changes | {"id": id}))

    def add(self, connection: Connection) -> Connection:
        """Add this connection, give the consent of each site, read the reference data."""
        self.services.data_form.finish(Actor("connect"))
        self.memory.secret_store.store(
            AIRBASE_KEY, connection.id, {"api_key": self.airbase.api_key}
        )
        for site in connection.sites:
            exact = self.sites[site.site]
            app = {"client_id": exact.client_id, "client_secret": exact.client_secret}
            self.memory.secret_store.store(EXACT_APP, site.id, app)
            self.consent(site.id, site.site)
        self.services.connections.save(connection)
        for division in connection.divisions:
            message = refresh_message(connection.id, division.division)
            self.memory.queues.send(message)
        self.work()
        return connection

    def config(self, **division_changes: Any) -> dict[str, Any]:
        """Return the firm's connection file; the changes override each of its divisions."""
        urls = {site: f"https://{host_of(site)}" for site in self.sites}
        config = self.firm.connection(urls, _AIRBASE_URL, _CALLBACK_URL)
        for site in config.get("sites", [config]):
            site["divisions"] = [each | division_changes for each in site["divisions"]]
        return config

    def consent(self, app: ConnectionId = FIRM, site: SiteId = SITE) -> None:
        """Grant the consent of an app at its Exact site (again)."""
        given = self.sites[site].issue_tokens()
        pair = Secret(given["access_token"]), Secret(given["refresh_token"])
        pairs = TokenPairs(app, self.memory.secret_store, self.memory.tables.coordination)
        number = pairs.next_number(of_new_consent=True)
        pairs.store(Tokens(*pair, clock.now(), number=number))

    def order(self, number: str = "PO-1", branch: Branch = NL, **more: Any) -> dict[str, Any]:
        """Add an approved order, by default of one line; `more` overrides its fields."""
        lines = more.pop("lines", [self.airbase.line("4100", "1250.00", "Licences")])
        vendor = self.firm.vendors[more.pop("vendor", "Cloudwerk")]
        order = self.airbase.add_order(number, branch.subsidiary, vendor, lines, **more)
        order["status"] = more.get("status", "approved")
        return order

    def queue(self, order: dict[str, Any], id: ConnectionId = FIRM) -> None:
        """Queue the order, with a message that the queue does not take for a duplicate."""
        self.clock.move(0.001)
        message = order_message(id, OrderId(order["id"]))
        self.memory.queues.send(message, f"{message.group} {clock.epoch()}")

    def post(self, order: dict[str, Any], id: ConnectionId = FIRM) -> OrderRecord:
        """Queue the order, process the queues, and return its record."""
        self.queue(order, id)
        self.work()
        return self.record(order, id)

    def retry(self, order: dict[str, Any], id: ConnectionId = FIRM) -> None:
        """Retry the order as a person does, and process the queues."""
        self.clock.move(0.001)
        message = order_message(id, OrderId(order["id"]), by_hand=True)
        self.memory.queues.send(message, f"{message.group} {clock.epoch()}")
        self.work()

    def work(self) -> None:
        """Process the queues."""
        self.memory.drain(self.services)

    def wait(self, **time: float) -> None:
        """Move the clock, sweep, and process the queues."""
        self.clock.move(timedelta(**time))
        self.sweep()
        self.work()

    def sweep(self) -> None:
        """Sweep the connections that are due; what that queues stays in the queues."""
        self.memory.work(Message(PURCHASE_ORDERS, "sweep", {"kind": "sweep"}), self.services)
        for one in list(self.memory.queues.ready()):
            if one.message.body["kind"] == "sweep":
                self.memory.queues.deliver(one, lambda each: self.memory.work(each, self.services))

    def record(self, order: dict[str, Any], id: ConnectionId = FIRM) -> OrderRecord:
        """Return the order's record."""
        return self.services.ledger_of(id).read(order_key(OrderId(order["id"])))

    def steps(self, order: dict[str, Any], id: ConnectionId = FIRM) -> list[str]:
        """Return the steps of the order's audit trail."""
        key = order_key(OrderId(order["id"]))
        return [entry.step for entry in self.services.ledger_of(id).trail(key)]

    def codes(self, order: dict[str, Any]) -> list[str]:
        """Return the codes of the order's open exceptions."""
        return [found.code for found in self.record(order).problems]

    def in_exact(self, branch: Branch = NL) -> list[dict[str, Any]]:
        """Return the purchase orders of a division."""
        return self.sites[branch.site].purchase_orders(branch.division)

    def services_of(self, id: ConnectionId = FIRM) -> Services:
        """Return a connection's services; raises KeyError when it has no settings."""
        found = self.services.of(id)
        if found is None:
            raise KeyError(id)
        return found

    def connection(self, id: ConnectionId = FIRM) -> Connection:
        """Return a connection as stored; raises KeyError when there is none."""
        found = self.services.connections.get(id)
        if found is None:
            raise KeyError(id)
        return found

    def tomorrow(self) -> datetime:
        """Return the time a day from now."""
        return clock.now() + timedelta(days=1)

    def exact_calls(self) -> int:
        """Return the number of calls to all Exact sites, token calls excluded."""
        every = (call for exact in self.sites.values() for call in exact.calls)
        return sum("oauth2" not in call.path for call in every)


def host_of(site: str) -> str:
    """Return the host name of an Exact site: `exact.test` is the Dutch one."""
    return "exact.test" if site == SITE else f"exact-{site}.test"
