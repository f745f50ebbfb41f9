"""A month of the firm: ordinary orders, exceptions, faults, and changes after posting."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from local.demo.environment import DemoEnvironment
from local.exact_simulator import ExactFault
from local.firm import BE, BRANCHES, CONSULTING, DE, FLEET, NL, Branch

Order = dict[str, Any]
_POST, _LINES = "purchaseorder/PurchaseOrders", "purchaseorder/PurchaseOrderLines"

# Suppliers, GL accounts and amounts of the ordinary orders, in turn.
_ORDINARY = (
    ("Papierhandel Vos", "4200", "148.20"),
    ("Cloudwerk", "4100", "1290.00"),
    ("Schoonmaak Zuid", "4300", "612.50"),
    ("Druckhaus Elbe", "4400", "3480.75"),
    ("Expo Partners", "4400", "9900.00"),
)


@dataclass
class Scenario:
    """Plays the steps in the demo environment and records the expected outcome of each order."""

    demo: DemoEnvironment
    report: Callable[[str], None]
    posted: list[Order] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    not_orders: list[Order] = field(default_factory=list)
    cancelled: list[Order] = field(default_factory=list)
    number: int = 1000

    def play(self) -> None:
        """Play all steps in turn."""
        for step in (
            self.one_order_per_division,
            self.many_orders_at_once,
            self.orders_with_exceptions,
            self.duplicate_webhooks,
            self.token_expiry,
            self.rate_limit_reached,
            self.lost_answer,
            self.exception_resolved,
            self.changes_after_posting,
        ):
            self.report(str(step.__doc__).rstrip("."))
            step()

    def one_order_per_division(self) -> None:
        """One order in each division."""
        for branch in BRANCHES:
            self._approve(self._ordinary(branch))
        self.demo.stack.drain()

    def many_orders_at_once(self) -> None:
        """Sixteen orders are approved at once, one with several lines, tags and quantities."""
        airbase = self.demo.airbase
        for turn in range(5):
            for branch in BRANCHES:
                self._approve(self._ordinary(branch, turn))
        tagged = [
            airbase.line(CONSULTING, "4800.00", "Interim", tags=[airbase.tag("Department", "OPS")]),
            airbase.line("4400", "350.00", "Leaflets", quantity="1000", unit_price="0.35"),
        ]
        self._approve(self._order(DE, "Expo Partners", tagged))
        self.demo.stack.drain()

    def orders_with_exceptions(self) -> None:
        """Five are not posted: new vendor, blocked account, no cost centre, wrong total, card."""
        airbase = self.demo.airbase
        unknown = self._order(NL, "Nieuwkomer Catering", [airbase.line("4400", "275.00")])
        blocked = self._order(BE, "Expo Partners", [airbase.line(FLEET, "18000.00")])
        untagged = self._order(DE, "Cloudwerk", [airbase.line(CONSULTING, "2400.00")])
        wrong_total = self._order(NL, "Cloudwerk", [airbase.line("4100", "100.00")], total="100.01")
        card = self._order(BE, "Cloudwerk", [airbase.line("4100", "49.00")], outcome="virtual_card")
        for order, code in (
            (unknown, "UNKNOWN_VENDOR"),
            (blocked, "GL_ACCOUNT_BLOCKED"),
            (untagged, "COST_CENTRE_MISSING"),
            (wrong_total, "TOTAL_MISMATCH"),
        ):
            self.refused[order["id"]] = code
            airbase.approve(order)
        self.not_orders.append(card)
        airbase.approve(card)
        self.demo.stack.drain()

    def duplicate_webhooks(self) -> None:
        """One webhook arrives twice, and an earlier one again."""
        airbase = self.demo.airbase
        airbase.outbox.duplicate = 1
        self._approve(self._ordinary(NL, 1))
        airbase.announce(self.posted[0], "purchase_request.approved")
        self.demo.stack.drain()

    def token_expiry(self) -> None:
        """Eleven minutes later the access token has expired: one refresh, no error."""
        self.demo.wait(timedelta(minutes=11))
        self._approve(self._ordinary(BE, 2))
        self._approve(self._ordinary(DE, 3))
        self.demo.stack.drain()

    def rate_limit_reached(self) -> None:
        """Another program used up the minute's calls: Exact answers 429, and the order waits."""
        self.demo.exact.faults.append(ExactFault("rate_limited_minute", "POST", _POST))
        self._approve(self._ordinary(NL, 4))
        self.demo.stack.drain()
        self.demo.wait(timedelta(seconds=61))

    def lost_answer(self) -> None:
        """Exact creates an order, but its answer is lost: the order is found and adopted."""
        self.demo.exact.faults.append(ExactFault("timeout_after_commit", "POST", _POST))
        self._approve(self._ordinary(DE, 0))
        self.demo.stack.drain()
        self.demo.wait(timedelta(minutes=3))

    def exception_resolved(self) -> None:
        """The GL account is unblocked in Exact: its order is posted without further action."""
        division = self.demo.exact.world.divisions[BE.division]
        accounts = division.table("financial/GLAccounts").values()
        fleet = next(row["ID"] for row in accounts if row["Code"].strip() == FLEET)
        self.demo.exact.change(BE.division, "financial/GLAccounts", fleet, IsBlocked=False)
        resolved = next(id for id, code in self.refused.items() if code == "GL_ACCOUNT_BLOCKED")
        del self.refused[resolved]
        self.posted.append(self.demo.airbase.orders[resolved])
        self.demo.wait(timedelta(hours=4, minutes=1))

    def changes_after_posting(self) -> None:
        """After posting, one order is amended in Airbase, one cancelled, one changed in Exact."""
        airbase, exact = self.demo.airbase, self.demo.exact
        self.demo.stack.fire("TokenRefreshFunctionEverySixHours")  # subscribes to Exact's webhooks
        amended, cancelled, changed = self.posted[0], self.posted.pop(1), self.posted[1]
        line = amended["expense_list"][0] | {"amount": "1999.00"}
        airbase.amend(amended, expense_list=[line], total_amount="1999.00")
        self.cancelled.append(cancelled)
        airbase.cancel(cancelled)
        self.demo.stack.drain()
        division, order = self._in_exact(changed)
        exact.change(division, _LINES, order["lines"][0]["ID"], UnitPrice=1.0)
        exact.change(division, _POST, order["PurchaseOrderID"])
        self.refused[changed["id"]] = "CHANGED_IN_EXACT"
        self.demo.stack.drain()
        self.demo.wait(timedelta(minutes=1))

    def _in_exact(self, order: Order) -> tuple[int, Order]:
        for branch in BRANCHES:
            for found in self.demo.exact.purchase_orders(branch.division):
                if found["YourRef"] == order["number"]:
                    return branch.division, found
        raise LookupError(order["number"])

    def _ordinary(self, branch: Branch, turn: int = 0) -> Order:
        vendor, account, amount = _ORDINARY[(turn + branch.division) % len(_ORDINARY)]
        return self._order(branch, vendor, [self.demo.airbase.line(account, amount, "As agreed")])

    def _order(self, branch: Branch, vendor: str, lines: list[Order], **more: Any) -> Order:
        self.number += 1
        return self.demo.airbase.add_order(
            f"PO-{self.number}", branch.subsidiary, self.demo.firm.vendors[vendor], lines, **more
        )

    def _approve(self, order: Order) -> None:
        self.posted.append(order)
        self.demo.airbase.approve(order)
