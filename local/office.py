"""The firm of the story in memory: real workflows over both simulators, on a clock of its own.

For tests and the bench: a day passes when they say so, and thousands of orders take seconds.
"""

import random
from datetime import datetime, timedelta
from typing import Any

from local.airbase_simulator import AirbaseSimulator
from local.exact_simulator import ExactSimulator
from local.firm import CONNECTION_ID, NL, Branch, Firm
from local.miniature import Hosts, Miniature
from ml_connector import clock
from ml_connector.connection import Connection
from ml_connector.doors.ledger import Record, order_key
from ml_connector.doors.queues import PURCHASE_ORDERS, Message
from ml_connector.doors.vault import AIRBASE_KEY, EXACT_APP
from ml_connector.exact.oauth import Tokens
from ml_connector.ids import ConnectionId, OrderId
from ml_connector.secret import Secret
from ml_connector.workflows.messages import order_message, refresh_message

FIRM = ConnectionId(CONNECTION_ID)
_MORNING = 1_790_000_000.0 // 86_400 * 86_400 + 8 * 3_600
_URLS = "https://exact.test", "https://airbase.test", "https://callback.test"


class Office:
    """Both systems and the workers; nothing is connected yet."""

    def __init__(self) -> None:
        """Furnish both systems and take over the clock."""
        self.clock = clock.MovableClock(_MORNING)
        clock.read_from(self.clock)
        self.exact = ExactSimulator(clock=self.clock, rng=random.Random(1))
        self.airbase = AirbaseSimulator(clock=self.clock, rng=random.Random(2))
        self.firm = Firm(self.exact, self.airbase)
        self.firm.furnish()
        routes = {"exact.test": self.exact.transport(), "airbase.test": self.airbase.transport()}
        self.mini = Miniature(Hosts(routes))
        self.doors = self.mini.doors()

    def connect(self, id: str = CONNECTION_ID, **changes: Any) -> Connection:
        """Add a connection, give consent, read the reference data.

        `changes` go over the firm's connection file.
        """
        connection = Connection.model_validate(self.config() | changes | {"id": id})
        self.mini.vault.store(AIRBASE_KEY, connection.id, {"api_key": self.airbase.api_key})
        app = {"client_id": self.exact.client_id, "client_secret": self.exact.client_secret}
        self.mini.vault.store(EXACT_APP, connection.id, app)
        self.consent(connection.id)
        self.doors.mappings.save(connection)
        for division in connection.divisions:
            self.mini.queues.send(refresh_message(connection.id, division.division))
        self.work()
        return connection

    def config(self, **division_changes: Any) -> dict[str, Any]:
        """Return the firm's connection file; the changes go over each of its divisions."""
        config = self.firm.connection(*_URLS)
        divisions = [division | division_changes for division in config["divisions"]]
        return config | {"divisions": divisions}

    def consent(self, id: ConnectionId = FIRM) -> None:
        """Give Exact's consent (again)."""
        given = self.exact.issue_tokens()
        pair = Secret(given["access_token"]), Secret(given["refresh_token"])
        self.mini.vault.seal_tokens(id, Tokens(*pair, clock.now()).to_json())

    def order(self, number: str = "PO-1", branch: Branch = NL, **more: Any) -> dict[str, Any]:
        """Add an approved order, of one line unless said otherwise; `more` overrides its fields."""
        lines = more.pop("lines", [self.airbase.line("4100", "1250.00", "Licences")])
        vendor = self.firm.vendors[more.pop("vendor", "Cloudwerk")]
        order = self.airbase.add_order(number, branch.subsidiary, vendor, lines, **more)
        order["status"] = more.get("status", "approved")
        return order

    def queue(self, order: dict[str, Any], id: ConnectionId = FIRM) -> None:
        """Ask for the order to be looked at, with a message the queue takes for a new one."""
        self.clock.move(0.001)
        message = order_message(id, OrderId(order["id"]))
        self.mini.queues.send(message, f"{message.group} {clock.epoch()}")

    def post(self, order: dict[str, Any], id: ConnectionId = FIRM) -> Record:
        """Queue the order, work, and return where it stands."""
        self.queue(order, id)
        self.work()
        return self.record(order, id)

    def ask(self, order: dict[str, Any], id: ConnectionId = FIRM) -> None:
        """Let a person ask for another look at the order, and work."""
        self.clock.move(0.001)
        message = order_message(id, OrderId(order["id"]), by_hand=True)
        self.mini.queues.send(message, f"{message.group} {clock.epoch()}")
        self.work()

    def work(self) -> None:
        """Work off the queues."""
        self.mini.drain(self.doors)

    def wait(self, **time: float) -> None:
        """Let time pass, sweep, and work off the queues."""
        self.clock.move(timedelta(**time))
        self.mini.work(Message(PURCHASE_ORDERS, "sweep", {"kind": "sweep"}), self.doors)
        self.work()

    def record(self, order: dict[str, Any], id: ConnectionId = FIRM) -> Record:
        """Return where the order stands."""
        return self.doors.ledger.read(id, order_key(OrderId(order["id"])))

    def steps(self, order: dict[str, Any], id: ConnectionId = FIRM) -> list[str]:
        """Return the steps of the order's audit trail."""
        key = order_key(OrderId(order["id"]))
        return [entry.step for entry in self.doors.ledger.trail(id, key)]

    def codes(self, order: dict[str, Any]) -> list[str]:
        """Return the codes of the order's open exceptions."""
        return [found["code"] for found in self.record(order).problems]

    def in_exact(self, branch: Branch = NL) -> list[dict[str, Any]]:
        """Return the purchase orders of a division."""
        return self.exact.purchase_orders(branch.division)

    def connection(self, id: ConnectionId = FIRM) -> Connection:
        """Return a connection as stored; raises KeyError when there is none."""
        found = self.doors.mappings.connection(id)
        if found is None:
            raise KeyError(id)
        return found

    def in_a_while(self) -> datetime:
        """Return a moment after everything that has happened."""
        return clock.now() + timedelta(days=1)

    def exact_calls(self) -> int:
        """Return how many calls Exact has answered, but those for tokens."""
        return sum("oauth2" not in call.path for call in self.exact.calls)
