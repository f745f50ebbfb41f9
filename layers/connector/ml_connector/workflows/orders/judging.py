"""What is to become of an order now: read and decided here, with nothing written anywhere.

The worker does what is decided, a preview shows it. They differ in the planner alone: for the one
what an order needs is made first, for the other it is promised.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from ml_connector import clock
from ml_connector.codes import problem
from ml_connector.connection import Connection, ExactDivision
from ml_connector.doors.ledger import Record
from ml_connector.exact.limits import next_minute
from ml_connector.exact.orders import STREAM_PATH
from ml_connector.faults import Later, Review
from ml_connector.ids import Division, Guid, OrderId
from ml_connector.purchase_orders.amendment import is_same
from ml_connector.purchase_orders.comparison import Body
from ml_connector.purchase_orders.exact_order import ExactOrder
from ml_connector.purchase_orders.fingerprint import fingerprint
from ml_connector.purchase_orders.following import Decision, Wish, decide
from ml_connector.purchase_orders.marker import your_ref
from ml_connector.purchase_orders.model import Order
from ml_connector.purchase_orders.plan import Plan, pick_division
from ml_connector.words import State
from ml_connector.workflows.case import HALTED_AGAIN, SETTLE
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.orders.duplicates import find_left_behind, refuse_duplicate
from ml_connector.workflows.orders.fetching import is_wanted
from ml_connector.workflows.orders.finding import find_orders
from ml_connector.workflows.orders.live import ask_live

Planner = Callable[[Order, ExactDivision], Plan]
"""Plans an order for a division; raises `Review` with all that is wrong with it."""


@dataclass(frozen=True)
class Posting:
    """What to do about an order that is not in Exact: post it, or adopt what was `left` there."""

    plan: Plan
    left: ExactOrder | None = None


@dataclass(frozen=True)
class Verdict:
    """What was decided about a posted order, which was `found` in Exact; `body` as is wanted."""

    decision: Decision
    body: Body | None
    found: ExactOrder | None


Unchanged = Literal["unchanged", "pending"]
"""Why nothing is to be done, and nothing had to be asked of Exact."""


def judge_new(
    doors: Doors,
    connection: Connection,
    record: Record,
    order: Order,
    division: ExactDivision,
    plan: Planner,
    gone: Guid | None = None,
) -> Posting:
    """Return what to send for an order that is not in Exact.

    `gone`: an order of Exact that is known to be there no more. Raises `Review` with all that is
    wrong with the order, or when it looks as if it were in Exact already.
    """
    made = plan(order, division)
    orders = doors.exact_orders(connection.id, division.division)
    left = find_left_behind(orders, connection.id, order, gone)
    if left is None:
        told = record.facts.get("not_duplicates", ())

        def is_other(id: Guid) -> bool:
            """Say whether a person has said so, or it belongs to another order of Airbase."""
            return id in told or doors.mappings.order_of(connection.id, id) not in {None, order.id}

        refuse_duplicate(orders, connection, order, made.body["Supplier"], is_other)
    return Posting(made, left)


class Judge:
    """Judges one posted order."""

    def __init__(
        self,
        doors: Doors,
        connection: Connection,
        record: Record,
        plan: Planner,
        *,
        by_hand: bool = False,
    ) -> None:
        """Judge what `record` says was posted; `by_hand`: a person has asked for another look."""
        self._doors = doors
        self._connection = connection
        self._record = record
        self._plan = plan
        self._by_hand = by_hand
        self._id = Guid(record.facts["exact"]["id"])
        self._division = Division(record.facts["division"])
        self._change: Mapping[str, Any] = record.facts.get("change") or {}

    def judge(self, order: Order) -> Verdict | Unchanged:
        """Return what has to be done so that the order in Exact is what `order` says.

        Raises `Review` when it cannot be planned, `Later` and `Halt` as the remotes do.
        """
        if self._is_unchanged(order):
            return "unchanged"
        _let_settle(self._change, "an earlier change may still be under way.")
        if order.state is State.PENDING and not self._has_open_ends():
            return "pending"
        if is_wanted(order):
            division = pick_division(order, self._connection)
            if division.division != self._division:
                return self._judge_moved(division.division)
        wish = self._wish(order)
        found = self._ask()
        return Verdict(decide(wish, self._record.facts["body"], found), wish.body, found)

    def _is_unchanged(self, order: Order) -> bool:
        """A late or repeated event of an order that is as it was posted costs Exact no call."""
        record = self._record
        if record.problems or record.facts.get("look"):
            return False
        if is_wanted(order):
            return record.state == "posted" and fingerprint(order) == record.facts["fingerprint"]
        return record.state == ended(order)

    def _judge_moved(self, now: Division) -> Verdict:
        """An order for another division: posted there once Exact no longer has the old one."""
        found = self._ask()
        if found is None and self._by_hand:
            return Verdict(Decision("repost"), None, None)
        detail = f"It was {self._division}, now {now}."
        return Verdict(Decision("report", "DIVISION_CHANGED", detail=detail), None, found)

    def _wish(self, order: Order) -> Wish:
        body, state = None, order.state
        if state is State.PENDING:  # until it is decided, what was approved before stands
            body, state = self._change.get("body", self._record.facts["body"]), State.APPROVED
        elif is_wanted(order):
            body = self._plan(order, pick_division(order, self._connection)).body
            adopted = self._record.facts.get("adopted_as")
            if adopted and is_same(body, adopted):  # it stays as people entered it in Exact
                body = self._record.facts["body"]
        elif state in {State.APPROVED, State.OPEN}:
            state = State.CANCELLED  # it has become something else than a purchase order
        return Wish(
            state=state,
            body=body,
            is_under_way=bool(self._change),
            is_asked=self._by_hand or self._may_be_gone,
            held_amount=held_amount(self._record.facts),
            when_cancelled=self._connection.when_cancelled,
            when_closed=self._connection.when_closed,
        )

    def _ask(self) -> ExactOrder | None:
        return ask_live(
            self._doors, self._connection, self._division, self._id, may_be_gone=self._may_be_gone
        )

    @property
    def _may_be_gone(self) -> bool:
        """Return whether a removal of ours is under way: then it is nobody else's."""
        return self._change.get("what") == "removal"

    def _has_open_ends(self) -> bool:
        return bool(self._record.problems or self._record.facts.get("look") or self._change)


def held_amount(facts: Mapping[str, Any]) -> Decimal | None:
    """Return the total that Exact had made of what was written last; None when it did not say."""
    amount = facts["exact"].get("amount")
    return None if amount is None else Decimal(amount)


def ended(order: Order) -> str:
    """Return the state in which an order rests that is not, or no longer, to be in Exact."""
    if order.state is State.PENDING:
        return "awaiting_approval"
    if order.state in {State.APPROVED, State.OPEN}:
        return "not_an_order"
    return order.state.value


def intended(
    doors: Doors,
    connection: Connection,
    order: Order,
    division: ExactDivision,
    *,
    is_restored: bool,
) -> dict[str, Any]:
    """Return what an attempt to post is looked for by; all of Exact's stream `is_restored`."""
    reading = doors.data(connection.id, division.division).reading(STREAM_PATH)
    return {
        "division": division.division,
        "your_ref": your_ref(order.number, order.id),
        "cursor": 1 if is_restored else reading.cursor,
    }


def refuse_unsettled(intent: Mapping[str, Any]) -> None:
    """Raise `Later` while an earlier posting of the order may still be under way."""
    _let_settle(intent, "an earlier attempt may still be under way.")


def find_posted(
    doors: Doors,
    connection: Connection,
    record: Record,
    intent: Mapping[str, Any],
    *,
    may_note: bool = True,
) -> Mapping[str, Any] | None:
    """Return the order that an earlier attempt has left in Exact, None when there is none.

    `may_note`: as for `find_orders`. Raises `Review` when there are several.
    """
    id = OrderId(record.key.partition("#")[2])
    found = find_orders(doors, connection, id, intent, may_note=may_note)
    if len(found) > 1:
        numbers = ", ".join(str(one.get("OrderNumber")) for one in found)
        title = str(record.facts.get("title") or id)
        raise Review([problem("SEVERAL_IN_EXACT", title, f"Numbers: {numbers}.")])
    return found[0] if found else None


def refuse_when_halted(
    doors: Doors, connection: Connection, division: Division | None = None
) -> None:
    """Raise `Later` while the connection, or the division, is stopped."""
    if doors.ledger.halted(connection.id, division):
        where = f"division {division}" if division else "the connection"
        raise Later("HALTED", clock.now() + HALTED_AGAIN, f"{where} is stopped.")


def refuse_without_budget(doors: Doors, connection: Connection, record: Record) -> None:
    """Raise `Later` to spare Airbase the question while Exact could not be told the answer."""
    division = record.facts.get("division")
    if record.state == "posted" or not division:
        return
    doors.exact(connection).circuit.check()
    if until := doors.budget(connection).exhausted_until(Division(division)):
        code = "EXACT_DAY_LIMIT" if until > next_minute(clock.now()) else "EXACT_MINUTE_LIMIT"
        raise Later(code, until, f"the calls of division {division} are used up.")


def _let_settle(begun: Mapping[str, Any], cause: str) -> None:
    if begun and clock.now() < (settled := datetime.fromisoformat(begun["at"]) + SETTLE):
        raise Later("OUTCOME_UNKNOWN", settled, cause)
