"""A month of the firm: ordinary orders, exceptions, faults, and changes after posting."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from local.demo.environment import FIRM, DemoEnvironment
from local.exact_simulator import ExactFault
from local.firm import CONSULTING, FLEET, Branch
from ml_connector.domain.ids import OrderId
from ml_connector.infrastructure.halts import Halts

RECONNECT = "RECONNECT_NEEDED"
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


@dataclass(frozen=True)
class LostConsent:
    """What was seen while one site had no consent."""

    waiting: list[Order]
    """Orders of that site."""
    others: list[Order]
    """Orders of the other sites, approved at the same time."""
    halts: dict[str, str]
    """The code of each halt, by what it stops."""
    states: dict[str, tuple[str, str]]
    """The state of each of these orders, and what it is parked for."""
    told: str
    """What people were sent."""
    api_calls: int
    """Calls to the site without consent, token calls excluded."""


@dataclass
class Scenario:
    """Plays the steps in the demo environment and records the expected outcome of each order.

    The firm's three branches are each on a site of their own.
    """

    demo: DemoEnvironment
    report: Callable[[str], None]
    posted: list[Order] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    not_orders: list[Order] = field(default_factory=list)
    cancelled: list[Order] = field(default_factory=list)
    number: int = 1000
    lost: LostConsent | None = None
    told_after: str = ""
    """What people were sent after the consent was given again."""

    def __post_init__(self) -> None:
        """Name the branches."""
        self.nl, self.be, self.de = self.demo.firm.branches

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
            self.consent_lost,
            self.consent_given_again,
        ):
            self.report(str(step.__doc__).rstrip("."))
            step()

    def one_order_per_division(self) -> None:
        """One order in each division."""
        for branch in self.demo.firm.branches:
            self._approve(self._ordinary(branch))
        self.demo.stack.drain()

    def many_orders_at_once(self) -> None:
        """Sixteen orders are approved at once, one with several lines, tags and quantities."""
        airbase = self.demo.airbase
        for turn in range(5):
            for branch in self.demo.firm.branches:
                self._approve(self._ordinary(branch, turn))
        tagged = [
            airbase.line(CONSULTING, "4800.00", "Interim", tags=[airbase.tag("Department", "OPS")]),
            airbase.line("4400", "350.00", "Leaflets", quantity="1000", unit_price="0.35"),
        ]
        self._approve(self._order(self.de, "Expo Partners", tagged))
        self.demo.stack.drain()

    def orders_with_exceptions(self) -> None:
        """Five are not posted: new vendor, blocked account, no cost centre, wrong total, card."""
        airbase = self.demo.airbase
        unknown = self._order(self.nl, "Nieuwkomer Catering", [airbase.line("4400", "275.00")])
        blocked = self._order(self.be, "Expo Partners", [airbase.line(FLEET, "18000.00")])
        untagged = self._order(self.de, "Cloudwerk", [airbase.line(CONSULTING, "2400.00")])
        wrong_total = self._order(
            self.nl, "Cloudwerk", [airbase.line("4100", "100.00")], total="100.01"
        )
        card = self._order(
            self.be, "Cloudwerk", [airbase.line("4100", "49.00")], outcome="virtual_card"
        )
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
        self._approve(self._ordinary(self.nl, 1))
        airbase.announce(self.posted[0], "purchase_request.approved")
        self.demo.stack.drain()

    def token_expiry(self) -> None:
        """Eleven minutes later the access token has expired: one refresh, no error."""
        self.demo.wait(timedelta(minutes=11))
        self._approve(self._ordinary(self.be, 2))
        self._approve(self._ordinary(self.de, 3))
        self.demo.stack.drain()

    def rate_limit_reached(self) -> None:
        """Another program used up the minute's calls: Exact answers 429, and the order waits."""
        fault = ExactFault("rate_limited_minute", "POST", _POST)
        self.demo.sites[self.nl.site].faults.append(fault)
        self._approve(self._ordinary(self.nl, 4))
        self.demo.stack.drain()
        self.demo.wait(timedelta(seconds=61))

    def lost_answer(self) -> None:
        """Exact creates an order, but its answer is lost: the order is found and adopted."""
        fault = ExactFault("timeout_after_commit", "POST", _POST)
        self.demo.sites[self.de.site].faults.append(fault)
        self._approve(self._ordinary(self.de, 0))
        self.demo.stack.drain()
        self.demo.wait(timedelta(minutes=3))

    def exception_resolved(self) -> None:
        """The GL account is unblocked in Exact: its order is posted without further action."""
        exact = self.demo.sites[self.be.site]
        division = exact.world.divisions[self.be.division]
        accounts = division.table("financial/GLAccounts").values()
        fleet = next(row["ID"] for row in accounts if row["Code"].strip() == FLEET)
        exact.change(self.be.division, "financial/GLAccounts", fleet, IsBlocked=False)
        resolved = next(id for id, code in self.refused.items() if code == "GL_ACCOUNT_BLOCKED")
        del self.refused[resolved]
        self.posted.append(self.demo.airbase.orders[resolved])
        self.demo.wait(timedelta(hours=4, minutes=1))

    def changes_after_posting(self) -> None:
        """After posting, one order is amended in Airbase, one cancelled, one changed in Exact."""
        airbase = self.demo.airbase
        self.demo.stack.fire("TokenRefreshFunctionEverySixHours")  # subscribes to Exact's webhooks
        amended, cancelled, changed = self.posted[0], self.posted.pop(1), self.posted[1]
        line = amended["expense_list"][0] | {"amount": "1999.00"}
        airbase.amend(amended, expense_list=[line], total_amount="1999.00")
        self.cancelled.append(cancelled)
        airbase.cancel(cancelled)
        self.demo.stack.drain()
        branch, order = self._in_exact(changed)
        exact = self.demo.sites[branch.site]
        exact.change(branch.division, _LINES, order["lines"][0]["ID"], UnitPrice=1.0)
        exact.change(branch.division, _POST, order["PurchaseOrderID"])
        self.refused[changed["id"]] = "CHANGED_IN_EXACT"
        self.demo.stack.drain()
        self.demo.wait(timedelta(minutes=1))

    def consent_lost(self) -> None:
        """The consent at the German site is withdrawn: its orders wait, all others are posted."""
        exact = self.demo.sites[self.de.site]
        exact.revoke_consent()
        self.demo.wait(timedelta(minutes=11))
        self.demo.mailbox.read()
        before = len(exact.calls)
        waiting = [self._approve(self._ordinary(self.de, turn)) for turn in range(3)]
        others = [
            self._approve(self._ordinary(branch, turn))
            for turn in range(2)
            for branch in (self.nl, self.be)
        ]
        self.demo.stack.drain()
        self.demo.wait(timedelta(minutes=1))
        ledger = self.demo.services.ledger_of(FIRM)
        records = {each["number"]: ledger.order(OrderId(each["id"])) for each in waiting + others}
        self.lost = LostConsent(
            waiting,
            others,
            {where: halt.code for where, halt in Halts(ledger).all().items()},
            {number: (record.state, record.parked) for number, record in records.items()},
            self._mail(),
            sum("oauth2" not in call.path for call in exact.calls[before:]),
        )
        numbers = ", ".join(order["number"] for order in waiting)
        self.report(f"  {len(waiting)} orders wait: {numbers}; people are told:")
        self._report_mail(self.lost.told)

    def consent_given_again(self) -> None:
        """An administrator gives it again, there alone: what waited is posted, each order once."""
        self.demo.give_consent(self.de)
        self.demo.wait(timedelta(minutes=1))
        self.demo.wait(timedelta(minutes=15))  # only a halt is told at once
        self.told_after = self._mail()
        self._report_mail(self.told_after)

    def _mail(self) -> str:
        """Return what people were sent since the last time."""
        return "\n\n".join(mail.text for mail in self.demo.mailbox.read())

    def _report_mail(self, text: str) -> None:
        """Report what it says about the German site."""
        about = next((part for part in text.split("\n\n") if part.startswith("Site ")), "")
        for line in about.splitlines():
            self.report(f"  | {line.strip()}")

    def _in_exact(self, order: Order) -> tuple[Branch, Order]:
        for branch in self.demo.firm.branches:
            for found in self.demo.sites[branch.site].purchase_orders(branch.division):
                if found["YourRef"] == order["number"]:
                    return branch, found
        raise LookupError(order["number"])

    def _ordinary(self, branch: Branch, turn: int = 0) -> Order:
        first = self.demo.firm.branches.index(branch)
        vendor, account, amount = _ORDINARY[(turn + first) % len(_ORDINARY)]
        return self._order(branch, vendor, [self.demo.airbase.line(account, amount, "As agreed")])

    def _order(self, branch: Branch, vendor: str, lines: list[Order], **more: Any) -> Order:
        self.number += 1
        return self.demo.airbase.add_order(
            f"PO-{self.number}", branch.subsidiary, self.demo.firm.vendors[vendor], lines, **more
        )

    def _approve(self, order: Order) -> Order:
        self.posted.append(order)
        self.demo.airbase.approve(order)
        return order
