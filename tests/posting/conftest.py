"""The firm of the story in memory: real workflows over both simulators, without sockets."""

import logging
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

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
NOON = 1_790_000_000.0


@dataclass
class Office:
    """Both systems, the workers, and what a test does with them."""

    clock: clock.MovableClock
    exact: ExactSimulator
    airbase: AirbaseSimulator
    firm: Firm
    mini: Miniature

    def connect(self, id: str = CONNECTION_ID, **changes: Any) -> Connection:
        """Add a connection with consent; `changes` go over the firm's connection file."""
        config = self.firm.connection("https://exact.test", "https://airbase.test", "https://x.test")
        connection = Connection.model_validate({**config, "id": id, **changes})
        self.mini.vault.store(AIRBASE_KEY, connection.id, {"api_key": self.airbase.api_key})
        app = {"client_id": self.exact.client_id, "client_secret": self.exact.client_secret}
        self.mini.vault.store(EXACT_APP, connection.id, app)
        self.consent(connection.id)
        self.doors = self.mini.doors()
        self.doors.mappings.save(connection)
        for division in connection.divisions:
            self.mini.queues.send(refresh_message(connection.id, division.division))
        self.work()
        return connection

    def consent(self, id: ConnectionId = FIRM) -> None:
        """Give Exact's consent (again)."""
        given = self.exact.issue_tokens()
        pair = Secret(given["access_token"]), Secret(given["refresh_token"])
        self.mini.vault.seal_tokens(id, Tokens(*pair, clock.now()).to_json())

    def work(self) -> None:
        """Work off the queues."""
        self.mini.drain(self.doors)

    def wait(self, **time: float) -> None:
        """Let time pass, sweep, and work off the queues."""
        self.clock.move(timedelta(**time))
        self.mini.work(Message(PURCHASE_ORDERS, "sweep", {"kind": "sweep"}), self.doors)
        self.work()

    def order(self, number: str = "PO-1", branch: Branch = NL, **more: Any) -> dict[str, Any]:
        """Add and approve an ordinary order; `more` overrides its fields."""
        lines = more.pop("lines", [self.airbase.line("4100", "1250.00", "Licences")])
        vendor = self.firm.vendors[more.pop("vendor", "Cloudwerk")]
        order = self.airbase.add_order(number, branch.subsidiary, vendor, lines, **more)
        order["status"] = more.get("status", "approved")
        return order

    def post(self, order: dict[str, Any], id: ConnectionId = FIRM) -> Record:
        """Queue the order, work, and return where it stands."""
        self.clock.move(0.001)  # a message of its own to the queue's de-duplication
        self.mini.queues.send(order_message(id, order["id"]), f"{order['id']} {clock.epoch()}")
        self.work()
        return self.record(order, id)

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


@pytest.fixture
def office() -> Iterator[Office]:
    """Return the firm, furnished; a test connects it as it needs."""
    logging.disable(logging.CRITICAL)
    moving = clock.MovableClock(NOON)
    clock.read_from(moving)
    exact = ExactSimulator(clock=moving, rng=random.Random(1))
    airbase = AirbaseSimulator(clock=moving, rng=random.Random(2))
    hosts = Hosts({"exact.test": exact.transport(), "airbase.test": airbase.transport()})
    firm = Firm(exact, airbase)
    firm.furnish()
    yield Office(moving, exact, airbase, firm, Miniature(hosts))
    logging.disable(logging.NOTSET)
    clock.read_from(clock.MovableClock())
