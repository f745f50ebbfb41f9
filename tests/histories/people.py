"""What people do in Airbase and Exact after an order was posted, and what must result."""

import random
from collections.abc import Callable
from typing import Any

from local.exact_simulator import ExactSimulator, Request
from local.exact_simulator.schema import Entity
from local.exact_simulator.world import Division as SimulatedDivision
from ml_connector.domain.ids import ConnectionId, Division, OrderId, code_of
from ml_connector.domain.orders.exact_order import CANCELLED, COMPLETE, OPEN
from ml_connector.domain.orders.marker import is_marked_for
from ml_connector.infrastructure.ledger import OrderRecord

_ORDERS, _LINES = "purchaseorder/PurchaseOrders", "purchaseorder/PurchaseOrderLines"
WAYS = (
    {"line_updates": True, "line_additions": True},
    {"line_updates": False, "nested_line_updates": True},
    {"line_updates": True},
    {"line_updates": False},
)
"""How an Exact site may accept changes of lines; the first two accept them all."""

Row = dict[str, Any]


class People:
    """Changes orders on both sides, and knows which changes must not be overwritten."""

    def __init__(
        self,
        exact: ExactSimulator,
        orders: dict[str, Row],
        read: Callable[[str], OrderRecord],
        firm: ConnectionId,
        divisions: tuple[Division, ...],
        rng: random.Random,
    ) -> None:
        """Work on `orders` in Airbase and on their orders in `exact`."""
        self.exact, self.orders, self.read, self.rng = exact, orders, read, rng
        self.firm, self.divisions = firm, divisions
        self.ways = rng.randrange(len(WAYS))
        for name, value in WAYS[self.ways].items():
            setattr(exact.policy, name, value)
        self.notes: list[tuple[int, str, str]] = []
        # Airbase orders that people changed in Exact, and Exact orders as they were before.
        self.changed_in_exact: set[str] = set()
        self.originals: dict[str, Row] = {}
        self.overwritten: list[str] = []
        exact.world.listeners.append(self._on_change)
        exact.on_call = self._on_call

    # ------------------------------------------------------------ in Airbase

    def change_airbase(self) -> str:
        """Amend, cancel, re-approve or reopen one order; return its id."""
        id = self.rng.choice([id for id, raw in self.orders.items() if raw["kind"] == "good"])
        raw = self.orders[id]
        status = self.rng.choice(("approved", "approved", "approved", "cancelled", "pending"))
        if status != "cancelled" and self.rng.random() < 0.7:
            self._amend(raw)
        raw |= {"status": status, "edition": raw.get("edition", 0) + 1}
        return id

    def decide_what_is_pending(self) -> list[str]:
        """Approve what is pending; return the ids."""
        pending = [id for id, raw in self.orders.items() if raw["status"] == "pending"]
        for id in pending:
            raw = self.orders[id]
            raw |= {"status": "approved", "edition": raw["edition"] + 1}
        return pending

    def _amend(self, raw: Row) -> None:
        lines = [dict(line) for line in raw["expense_list"]]
        how = self.rng.choice(("change", "change", "add", "remove", "text"))
        if how == "change":
            self.rng.choice(lines)["amount"] = self._amount()
        elif how == "add":
            lines.insert(self.rng.randint(0, len(lines)), {**lines[0], "amount": self._amount()})
        elif how == "remove" and len(lines) > 1:
            lines.pop(self.rng.randrange(len(lines)))
        else:
            raw["notes"] = f"Note {self.rng.randint(1, 9)}"
        cents = sum(round(float(line["amount"]) * 100) for line in lines)
        raw |= {"expense_list": lines, "total_amount": f"{cents / 100:.2f}"}

    def _amount(self) -> str:
        return f"{self.rng.randint(1, 99_999) / 100:.2f}"

    # ------------------------------------------------------------ in Exact

    def change_exact(self) -> None:
        """Let a person change an order of ours in Exact that no worker is processing."""
        settled = [
            (id, division, order)
            for id, raw in self.orders.items()
            if raw["kind"] == "good" and self._is_settled(id)
            for division, order in self.found(id)
        ]
        if not settled:
            return
        id, division, order = self.rng.choice(settled)
        self.changed_in_exact.add(id)
        key = order["PurchaseOrderID"]
        if key in self.originals and self.rng.random() < 0.6:
            self._undo(division, key)
            return
        before = {"OrderStatus": order["OrderStatus"], "lines": order["lines"]}
        self.originals.setdefault(key, before)
        self._change_by_hand(division, key, order)

    def _change_by_hand(self, division: Division, key: str, order: Row) -> None:
        how = self.rng.choice(("price", "price", "delete", "cancel", "receive", "text"))
        if how == "price":
            line = self.rng.choice(order["lines"])
            price = float(line["UnitPrice"]) + self.rng.choice((0.01, 5.0, 1000.0))
            self.exact.change(code_of(division), _LINES, line["ID"], UnitPrice=round(price, 2))
            self.exact.change(code_of(division), _ORDERS, key)
        elif how == "delete":
            self.exact.remove(code_of(division), _ORDERS, key)
        elif how == "cancel":
            self.exact.change(code_of(division), _ORDERS, key, OrderStatus=CANCELLED)
        elif how == "receive":
            self.exact.receive(code_of(division), key)
        else:
            self.exact.change(code_of(division), _ORDERS, key, Description="Call first")
            if self.originals[key]["lines"] == order["lines"]:
                del self.originals[key]  # texts may be overwritten

    def _undo(self, division: Division, key: str) -> None:
        before = self.originals.pop(key)
        for line in before["lines"]:
            if line["ID"] in self.exact.world.divisions[code_of(division)].table(_LINES):
                self.exact.change(
                    code_of(division), _LINES, line["ID"], UnitPrice=line["UnitPrice"]
                )
        status = {"OrderStatus": before["OrderStatus"]}
        if self.exact.row(code_of(division), _ORDERS, key)["ReceiptStatus"] == COMPLETE:
            status["ReceiptStatus"] = OPEN
            for line in self._lines(key):
                line["ReceivedQuantity"] = 0.0
        self.exact.change(code_of(division), _ORDERS, key, **status)

    def _is_settled(self, id: str) -> bool:
        record = self.read(id)
        return record.state in {"posted", "cancelled"} and not record.facts.change

    def found(self, id: str) -> list[tuple[Division, Row]]:
        """Return the Exact orders of an Airbase order, with their divisions."""
        return [
            (division, order)
            for division in self.divisions
            for order in self.exact.purchase_orders(code_of(division))
            if is_marked_for(order["Remarks"], self.firm, OrderId(id))
        ]

    def _lines(self, key: str) -> list[Row]:
        tables = [self.exact.world.divisions[code_of(d)].table(_LINES) for d in self.divisions]
        return [r for table in tables for r in table.values() if r["PurchaseOrderID"] == key]

    # ------------------------------------------------------------ Exact's notifications and calls

    def _on_change(
        self, division: SimulatedDivision, entity: Entity, action: str, key: str
    ) -> None:
        if entity.path == _ORDERS and self.rng.random() < 0.5:  # half of them are lost
            self.notes += [(division.code, key, action)] * self.rng.randint(1, 2)

    def _on_call(self, request: Request) -> None:
        """Note every write of ours that overwrites a person's change in Exact."""
        if request.method not in {"PUT", "DELETE"} or "purchaseorder/" not in request.path:
            return
        key = request.path.partition("guid'")[2].partition("'")[0]
        owners = {
            line["ID"]: line["PurchaseOrderID"] for o in self.originals for line in self._lines(o)
        }
        if (owned := owners.get(key, key)) in self.originals and not self._is_as_before(owned):
            self.overwritten.append(f"{request.method} {request.path}")

    def _is_as_before(self, key: str) -> bool:
        before = {line["ID"]: line["UnitPrice"] for line in self.originals[key]["lines"]}
        now = {line["ID"]: line["UnitPrice"] for line in self._lines(key)}
        received = any(line.get("ReceivedQuantity") for line in self._lines(key))
        return before == now and not received

    # ------------------------------------------------------------ the check

    def failure(self, id: str) -> str:
        """Return what is wrong with an order in the end; empty if nothing is."""
        record, raw = self.read(id), self.orders[id]
        found = [order for _, order in self.found(id)]
        existing = [order for order in found if order["OrderStatus"] != CANCELLED]
        if self.overwritten:
            return f"overwritten: {self.overwritten}"
        if len(existing) > 1:
            return f"{len(existing)} in Exact"
        if record.problems:
            is_certain = id not in self.changed_in_exact and self.ways < 2
            return f"open: {record.problems}" if is_certain else ""
        if raw["status"] == "cancelled":
            return "" if not existing and record.state == "cancelled" else "still there"
        if len(existing) != 1 or record.state != "posted":
            return f"{len(existing)} in Exact"
        approved = sorted(float(line["amount"]) for line in raw["expense_list"])
        there = sorted(line["UnitPrice"] for line in existing[0]["lines"])
        return "" if approved == there else f"approved {approved}, in Exact {there}"
