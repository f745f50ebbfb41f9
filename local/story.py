"""A month of the firm in chapters: what goes well, what a person must look at, what breaks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from local.exact_simulator import Fault as ExactFault
from local.firm import BE, BRANCHES, CONSULTING, DE, FLEET, NL, Branch
from local.scene import Scene

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
class Story:
    """Plays the chapters on a scene and remembers what must come of each order."""

    scene: Scene
    tell: Callable[[str], None]
    posted: list[Order] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    not_orders: list[Order] = field(default_factory=list)
    cancelled: list[Order] = field(default_factory=list)
    number: int = 1000

    def play(self) -> None:
        """Play all chapters, one after the other."""
        for chapter in (
            self.an_ordinary_morning,
            self.a_busy_day,
            self.what_a_person_must_see,
            self.webhooks_twice_and_late,
            self.the_token_expires,
            self.the_minute_is_full,
            self.no_answer_after_the_commit,
            self.the_exception_is_mended,
            self.minds_are_changed,
        ):
            self.tell(str(chapter.__doc__).rstrip("."))
            chapter()

    def an_ordinary_morning(self) -> None:
        """One order in each division."""
        for branch in BRANCHES:
            self._approve(self._ordinary(branch))
        self.scene.stack.drain()

    def a_busy_day(self) -> None:
        """Fifteen orders approved at once, several lines, tags and quantities."""
        airbase = self.scene.airbase
        for turn in range(5):
            for branch in BRANCHES:
                self._approve(self._ordinary(branch, turn))
        tagged = [
            airbase.line(CONSULTING, "4800.00", "Interim", tags=[airbase.tag("Department", "OPS")]),
            airbase.line("4400", "350.00", "Leaflets", quantity="1000", unit_price="0.35"),
        ]
        self._approve(self._order(DE, "Expo Partners", tagged))
        self.scene.stack.drain()

    def what_a_person_must_see(self) -> None:
        """Five that are not posted: new vendor, blocked account, no cost centre, a card, a sum."""
        airbase = self.scene.airbase
        unknown = self._order(NL, "Nieuwkomer Catering", [airbase.line("4400", "275.00")])
        blocked = self._order(BE, "Expo Partners", [airbase.line(FLEET, "18000.00")])
        untagged = self._order(DE, "Cloudwerk", [airbase.line(CONSULTING, "2400.00")])
        sum_ = self._order(NL, "Cloudwerk", [airbase.line("4100", "100.00")], total="100.01")
        card = self._order(BE, "Cloudwerk", [airbase.line("4100", "49.00")], outcome="virtual_card")
        for order, code in (
            (unknown, "UNKNOWN_VENDOR"),
            (blocked, "GL_ACCOUNT_BLOCKED"),
            (untagged, "COST_CENTRE_MISSING"),
            (sum_, "TOTAL_MISMATCH"),
        ):
            self.refused[order["id"]] = code
            airbase.approve(order)
        self.not_orders.append(card)
        airbase.approve(card)
        self.scene.stack.drain()

    def webhooks_twice_and_late(self) -> None:
        """A webhook comes twice, and one of this morning again."""
        airbase = self.scene.airbase
        airbase.outbox.duplicate = 1
        self._approve(self._ordinary(NL, 1))
        airbase.announce(self.posted[0], "purchase_request.approved")
        self.scene.stack.drain()

    def the_token_expires(self) -> None:
        """Eleven minutes later the access token has expired: one refresh, no error."""
        self.scene.wait(timedelta(minutes=11))
        self._approve(self._ordinary(BE, 2))
        self._approve(self._ordinary(DE, 3))
        self.scene.stack.drain()

    def the_minute_is_full(self) -> None:
        """Another program used up the minute: Exact answers 429, the order waits for the next."""
        self.scene.exact.faults.append(ExactFault("rate_limited_minute", "POST", _POST))
        self._approve(self._ordinary(NL, 4))
        self.scene.stack.drain()
        self.scene.wait(timedelta(seconds=61))

    def no_answer_after_the_commit(self) -> None:
        """Exact keeps an order, but its answer is lost: it is looked for and adopted."""
        self.scene.exact.faults.append(ExactFault("timeout_after_commit", "POST", _POST))
        self._approve(self._ordinary(DE, 0))
        self.scene.stack.drain()
        self.scene.wait(timedelta(minutes=3))

    def the_exception_is_mended(self) -> None:
        """The blocked GL account is opened in Exact: its order goes through by itself."""
        place = self.scene.exact.world.divisions[BE.division]
        accounts = place.table("financial/GLAccounts").values()
        fleet = next(row["ID"] for row in accounts if row["Code"].strip() == FLEET)
        self.scene.exact.change(BE.division, "financial/GLAccounts", fleet, IsBlocked=False)
        mended = next(id for id, code in self.refused.items() if code == "GL_ACCOUNT_BLOCKED")
        del self.refused[mended]
        self.posted.append(self.scene.airbase.orders[mended])
        self.scene.wait(timedelta(hours=4, minutes=1))

    def minds_are_changed(self) -> None:
        """After posting, one order is amended in Airbase, one cancelled, one changed in Exact."""
        airbase, exact = self.scene.airbase, self.scene.exact
        self.scene.stack.fire("TokenRefreshFunctionEverySixHours")  # subscribes to Exact's webhooks
        dearer, dropped, touched = self.posted[0], self.posted.pop(1), self.posted[1]
        line = dearer["expense_list"][0] | {"amount": "1999.00"}
        airbase.amend(dearer, expense_list=[line], total_amount="1999.00")
        self.cancelled.append(dropped)
        airbase.cancel(dropped)
        self.scene.stack.drain()
        division, order = self._in_exact(touched)
        exact.change(division, _LINES, order["lines"][0]["ID"], UnitPrice=1.0)
        exact.change(division, _POST, order["PurchaseOrderID"])
        self.refused[touched["id"]] = "CHANGED_IN_EXACT"
        self.scene.stack.drain()
        self.scene.wait(timedelta(minutes=1))

    def _in_exact(self, order: Order) -> tuple[int, Order]:
        for branch in BRANCHES:
            for found in self.scene.exact.purchase_orders(branch.division):
                if found["YourRef"] == order["number"]:
                    return branch.division, found
        raise LookupError(order["number"])

    def _ordinary(self, branch: Branch, turn: int = 0) -> Order:
        vendor, account, amount = _ORDINARY[(turn + branch.division) % len(_ORDINARY)]
        return self._order(branch, vendor, [self.scene.airbase.line(account, amount, "As agreed")])

    def _order(self, branch: Branch, vendor: str, lines: list[Order], **more: Any) -> Order:
        self.number += 1
        return self.scene.airbase.add_order(
            f"PO-{self.number}", branch.subsidiary, self.scene.firm.vendors[vendor], lines, **more
        )

    def _approve(self, order: Order) -> None:
        self.posted.append(order)
        self.scene.airbase.approve(order)
