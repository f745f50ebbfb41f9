"""The firm of the demo in memory: the real workers and both simulators, on a simulated clock.

For tests and the bench: they move the clock, and thousands of orders take seconds.
"""

import random
from datetime import datetime, timedelta
from typing import Any

from local.airbase_simulator import AirbaseSimulator
from local.exact_simulator import ExactSimulator
from local.firm import CONNECTION_ID, NL, Branch, Firm
from local.in_memory.stack import Hosts, InMemoryStack
from ml_connector import clock
from ml_connector.domain.ids import Actor, ConnectionId, OrderId
from ml_connector.exact.oauth import Tokens
from ml_connector.exact.token_pairs import TokenPairs
from ml_connector.infrastructure.ledger import OrderRecord, order_key
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, Message
from ml_connector.infrastructure.secret_store import AIRBASE_KEY, EXACT_APP
from ml_connector.messages import order_message, refresh_message
from ml_connector.secret import Secret
from ml_connector.services import Services
from ml_connector.settings.connection import Connection

FIRM = ConnectionId(CONNECTION_ID)
_MORNING = 1_790_000_000.0 // 86_400 * 86_400 + 8 * 3_600
_URLS = "https://exact.test", "https://airbase.test", "https://callback.test"


class InMemoryEnvironment:
    """Both systems and the workers; nothing is connected yet."""

    def __init__(self) -> None:
        """Fill both systems with the firm's data and set the clock."""
        self.clock = clock.MovableClock(_MORNING)
        clock.read_from(self.clock)
        self.exact = ExactSimulator(clock=self.clock, rng=random.Random(1))
        self.airbase = AirbaseSimulator(clock=self.clock, rng=random.Random(2))
        self.firm = Firm(self.exact, self.airbase)
        self.firm.populate()
        routes = {"exact.test": self.exact.transport(), "airbase.test": self.airbase.transport()}
        self.memory = InMemoryStack(Hosts(routes))
        self.services = self.memory.services()

    def connect(self, id: str = CONNECTION_ID, **changes: Any) -> Connection:
        """Add a connection, give consent, read the reference data.

        `changes` override the firm's connection file.
        """
        connection = Connection.model_validate(self.config() | changes | {"id": id})
        self.services.data_form.finish(Actor("connect"))
        self.memory.secret_store.store(
            AIRBASE_KEY, connection.id, {"api_key": self.airbase.api_key}
        )
        app = {"client_id": self.exact.client_id, "client_secret": self.exact.client_secret}
        self.memory.secret_store.store(EXACT_APP, connection.id, app)
        self.consent(connection.id)
        self.services.connections.save(connection)
        for division in connection.divisions:
            message = refresh_message(connection.id, division.division)
            self.memory.queues.send(message)
        self.work()
        return connection

    def config(self, **division_changes: Any) -> dict[str, Any]:
        """Return the firm's connection file; the changes override each of its divisions."""
        config = self.firm.connection(*_URLS)
        divisions = [division | division_changes for division in config["divisions"]]
        return config | {"divisions": divisions}

    def consent(self, id: ConnectionId = FIRM) -> None:
        """Grant Exact's consent (again)."""
        given = self.exact.issue_tokens()
        pair = Secret(given["access_token"]), Secret(given["refresh_token"])
        pairs = TokenPairs(id, self.memory.secret_store, self.memory.tables.coordination)
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
        self.memory.work(Message(PURCHASE_ORDERS, "sweep", {"kind": "sweep"}), self.services)
        self.work()

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
        return self.exact.purchase_orders(branch.division)

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
        """Return the number of calls to Exact, token calls excluded."""
        return sum("oauth2" not in call.path for call in self.exact.calls)
