"""What follows the posting: the order in Exact is kept as Airbase last approved it.

Both sides are read as they are now and what to do is decided from that alone, so changes that
come late, twice or in any order end in the same state. What is to be written is recorded before
it is; whoever finds a change under way waits until it has settled, reads again and goes on.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from ml_connector import clock
from ml_connector.codes import problem
from ml_connector.connection import Connection
from ml_connector.exact.orders import ORDERS_PATH
from ml_connector.faults import Halt, Later, Review
from ml_connector.ids import Division, Guid
from ml_connector.purchase_orders.amendment import Difference, Edits, as_body, drift, not_taken
from ml_connector.purchase_orders.exact_order import UNTOUCHED, ExactOrder
from ml_connector.purchase_orders.fingerprint import fingerprint
from ml_connector.purchase_orders.following import Decision, Wish, decide
from ml_connector.purchase_orders.model import Order
from ml_connector.purchase_orders.plan import pick_division
from ml_connector.words import State
from ml_connector.workflows.case import SETTLE, Case
from ml_connector.workflows.confirmation import amount_problems
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.fetching import is_wanted
from ml_connector.workflows.line_changes import LineChanges
from ml_connector.workflows.live import read_live
from ml_connector.workflows.planning import plan_order

_MOST_SHOWN = 20
_OVER = {State.CANCELLED, "not_an_order"}  # Airbase wants no such order in Exact

T = TypeVar("T")


class Amending:
    """Follows one posted order."""

    def __init__(
        self, doors: Doors, connection: Connection, case: Case, *, by_hand: bool = False
    ) -> None:
        """Take up the order's case; `by_hand`: a person has asked for another look."""
        self.doors = doors
        self.connection = connection
        self.case = case
        self.by_hand = by_hand
        exact = case.record.facts["exact"]
        self.id = Guid(exact["id"])
        self.number = exact["number"]
        self.division = Division(case.record.facts["division"])
        self.held: Mapping[str, Any] = case.record.facts["body"]
        self._before: tuple[str, Any] = case.record.state, None

    def is_quiet(self, found: ExactOrder | None) -> bool:
        """Return whether what Exact told of the order needs no closer look."""
        record = self.case.record
        if found is None or record.problems:
            return False
        if record.state in _OVER or found.is_cancelled:
            return record.state in _OVER and found.is_cancelled
        return record.state == State.CLOSED or not drift(self.held, self._held_amount, found)

    def note_status(self, found: ExactOrder) -> None:
        """Keep how far the order has come in Exact: received, invoiced."""
        if self.case.record.facts.get("status", UNTOUCHED) != found.status:
            due = self.case.record.due_at
            again_in = due - clock.now() if due else None
            self.case.step(self.case.record.state, "exact_status", again_in, status=found.status)

    def follow(self, order: Order) -> bool:
        """Make the order in Exact what `order` says; return True when it has to be posted anew.

        Raises `Review` for what a person must decide, `Later` and `Halt` as the remotes do.
        """
        if self._is_unchanged(order):
            if self.case.record.due_at:
                self.case.step(self.case.record.state, "unchanged", waiting=None)
            return False
        self._let_settle()
        if order.state is State.PENDING and not self._has_open_ends():
            self._note_pending()
            return False
        wish = self._wish(order)
        found = self._read_live()
        decision = decide(wish, self.held, found)
        return self._do(decision, wish, order, found)

    def _is_unchanged(self, order: Order) -> bool:
        """A late or repeated event of an order that is as it was posted costs Exact no call."""
        record = self.case.record
        if record.problems or record.facts.get("look"):
            return False
        if is_wanted(order):
            return record.state == "posted" and fingerprint(order) == record.facts["fingerprint"]
        return record.state == ended(order)

    def _has_open_ends(self) -> bool:
        record = self.case.record
        return bool(record.problems or record.facts.get("look") or record.facts.get("change"))

    def _note_pending(self) -> None:
        """While a change waits for approval, what was approved last stays as it is."""
        record = self.case.record
        if record.due_at or not record.facts.get("is_pending"):
            self.case.step(record.state, "approval_pending", is_pending=True, waiting=None)

    def _let_settle(self) -> None:
        change = self.case.record.facts.get("change")
        if not change:
            return
        settled = datetime.fromisoformat(change["at"]) + SETTLE
        if clock.now() < settled:
            raise Later("OUTCOME_UNKNOWN", settled, "an earlier change may still be under way.")

    def _wish(self, order: Order) -> Wish:
        body, state = None, order.state
        change = self.case.record.facts.get("change")
        if state is State.PENDING:  # until it is decided, what was approved before stands
            body, state = (change["body"] if change else self.held), State.APPROVED
        elif is_wanted(order):
            division = pick_division(order, self.connection)
            if division.division != self.division:
                detail = f"It was {self.division}, now {division.division}."
                raise Review([problem("DIVISION_CHANGED", order.title, detail)])
            body = plan_order(self.doors, self.connection, order, division).body
        elif state in {State.APPROVED, State.OPEN}:
            state = State.CANCELLED  # it has become something else than a purchase order
        return Wish(
            state=state,
            body=body,
            is_under_way=bool(change),
            is_asked=self.by_hand or self._may_be_gone,
            held_amount=self._held_amount,
            when_cancelled=self.connection.when_cancelled,
            when_closed=self.connection.when_closed,
        )

    def _do(self, decision: Decision, wish: Wish, order: Order, found: ExactOrder | None) -> bool:
        if decision.act == "report":
            self._report(decision, order, found)
        elif decision.act == "end":
            self._end(order, "ended", found)
        elif decision.act == "repost":
            self._forget("received", "posted_anew")
            return True
        elif decision.act == "remove":
            self._remove(order)
        elif found and decision.act == "keep":
            self._keep(order, wish.body or self.held, found, "as_approved")
        elif found:
            self._amend(decision, order, wish.body or self.held, found)
        return False

    def _report(self, decision: Decision, order: Order, found: ExactOrder | None) -> None:
        shown = [each.as_dict() for each in decision.differences[:_MOST_SHOWN]]
        evidence = {"differences": shown} if shown else {}
        detail = f"Exact order {self.number}. {_in_words(decision.differences)}".strip()
        if self.case.record.facts.get("change"):
            facts: dict[str, Any] = {"change": None}
            if found:
                facts = self._as_found(found, self.held) | {"status": found.status}
            self.case.step("posted", "change_given_up", SETTLE, **facts)
        elif found:
            self.note_status(found)
        raise Review([problem(decision.code, order.title, detail, evidence=evidence)])

    def _end(self, order: Order, step: str, found: ExactOrder | None) -> None:
        """Rest: Airbase's order is over, and Exact's is gone, cancelled or complete."""
        if found is None:
            self._forget(ended(order), step)
        else:
            self.case.step(ended(order), step, **_SETTLED, status=found.status)

    def _forget(self, state: str, step: str) -> None:
        exact = self.case.record.facts["exact"]
        self.case.step(state, step, SETTLE if state == "received" else None, **_SETTLED,
                       exact=None, removed=exact)  # fmt: skip

    def _remove(self, order: Order) -> None:
        self._intend("removal", self.held)
        gateway = self.doors.exact(self.connection)
        try:
            self._write(
                lambda: gateway.remove(self.division, ORDERS_PATH, self.id, record=order.title)
            )
        except Review:
            if not self._is_gone():
                raise
        self.doors.exact_orders(self.connection.id, self.division).forget(self.id)
        self._forget(ended(order), "removed")

    def _is_gone(self) -> bool:
        """Exact refused a removal: somebody else was faster, or what it holds now counts."""
        found = self._read_live()
        if found:
            self.case.step("posted", "change_refused", SETTLE, **self._as_found(found, self.held))
        return found is None

    def _amend(
        self, decision: Decision, order: Order, body: Mapping[str, Any], found: ExactOrder
    ) -> None:
        change = decision.edits
        assert change is not None  # noqa: S101  an amendment has edits
        shown = [each.as_dict() for each in decision.differences]
        self._intend("amendment", body, differences=shown)
        lines = LineChanges(self.doors, self.connection, self.division, order.title)
        try:
            after = self._write(
                lambda: self._write_all(lines, change, body, found, order.title), lines
            )
        except Review:
            if still := self._read_live():
                facts = self._as_found(still, self.held)
                self.case.step("posted", "change_refused", SETTLE, **facts)
            raise
        self._confirm(order, body, change, after or self._read_live())

    def _write_all(
        self,
        lines: LineChanges,
        change: Edits,
        body: Mapping[str, Any],
        found: ExactOrder,
        title: str,
    ) -> ExactOrder | None:
        """Write the header, then the lines; return the order where it was read since."""
        if change.header:
            header = {**change.header, "Remarks": body["Remarks"]}
            gateway = self.doors.exact(self.connection)
            gateway.update(self.division, ORDERS_PATH, self.id, header, record=title)
            lines.has_written = True
        return lines.apply(change, body, self.held, found) if change.changes_lines else None

    def _intend(self, what: str, body: Mapping[str, Any], **detail: Any) -> None:
        """Record what will be written before it is: whoever finds this reads Exact first."""
        record = self.case.record
        self._before = record.state, record.facts.get("change")
        change = {"what": what, "at": clock.now().isoformat(), "body": body}
        self.case.step("amending", f"{what}_intent", SETTLE, detail, change=change, waiting=None)

    def _write(self, write: Callable[[], T], lines: LineChanges | None = None) -> T:
        """Write; an answer that is not known leaves the change under way until it has settled.

        What was not even sent is taken back: nothing is to be overwritten on its behalf later.
        """
        try:
            return write()
        except (Later, Halt) as fault:
            if isinstance(fault, Later) and fault.outcome_unknown:
                raise Later("OUTCOME_UNKNOWN", clock.now() + SETTLE, fault.cause) from fault
            if lines is None or not lines.has_written:
                state, change = self._before
                self.case.step(state, "not_sent", SETTLE, change=change)
            raise

    def _as_found(self, found: ExactOrder, like: Mapping[str, Any]) -> dict[str, Any]:
        """Return the facts of a change that was not completed: what Exact holds counts."""
        return {"change": None, "body": as_body(found, like), "exact": self._exact(found)}

    def _confirm(
        self, order: Order, body: Mapping[str, Any], change: Edits, found: ExactOrder | None
    ) -> None:
        """See what has become of the order: a write that was taken may not have been followed."""
        if found is None:
            raise Later("OUTCOME_UNKNOWN", clock.now() + SETTLE, "the order is being looked for.")
        left = not_taken(change, body, found)
        if not left:
            self._keep(order, body, found, "amended")
            return
        self.case.step("posted", "not_amended", SETTLE, **self._as_found(found, body))
        evidence = {"differences": [each.as_dict() for each in left[:_MOST_SHOWN]]}
        detail = f"Exact order {self.number}. {_in_words(left)}"
        raise Review([problem("CHANGE_NOT_TAKEN", order.title, detail, evidence=evidence)])

    def _keep(self, order: Order, body: Mapping[str, Any], found: ExactOrder, step: str) -> None:
        facts: dict[str, Any] = {
            "body": body, "exact": self._exact(found), "status": found.status,
        }  # fmt: skip
        if order.state is State.PENDING:  # what is not approved yet is no measure
            self.case.step("posted", step, **_SETTLED | {"is_pending": True}, **facts)
            return
        amount = found.amount if self.connection.amounts_include_vat else found.amount_without_vat
        problems = amount_problems(order.title, order.total.amount, amount, self.number)
        self.case.step(
            "posted",
            step,
            **_SETTLED | {"problems": [p.as_dict() for p in problems]},
            **facts,
            fingerprint=fingerprint(order),
            title=order.title,
            vendor=str(order.vendor),
            vendor_id=order.vendor.id,
            total=str(order.total),
        )

    def _read_live(self) -> ExactOrder | None:
        return read_live(
            self.doors, self.connection, self.division, self.id, may_be_gone=self._may_be_gone
        )

    @property
    def _may_be_gone(self) -> bool:
        """Return whether a removal of ours is under way: then it is nobody else's."""
        return (self.case.record.facts.get("change") or {}).get("what") == "removal"

    def _exact(self, found: ExactOrder) -> dict[str, Any]:
        amount = None if found.amount is None else str(found.amount)
        return {"id": self.id, "number": self.number, "amount": amount}

    @property
    def _held_amount(self) -> Decimal | None:
        amount = self.case.record.facts["exact"].get("amount")
        return None if amount is None else Decimal(amount)


_SETTLED: dict[str, Any] = {
    "problems": [], "waiting": None, "change": None, "look": None,
    "is_pending": None,
}  # fmt: skip


def ended(order: Order) -> str:
    """Return the state in which an order rests that is not, or no longer, to be in Exact."""
    if order.state is State.PENDING:
        return "awaiting_approval"
    if order.state in {State.APPROVED, State.OPEN}:
        return "not_an_order"
    return order.state.value


def _in_words(found: Sequence[Difference]) -> str:
    if not found:
        return ""
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return "; ".join(str(each) for each in found[:3]) + more + "."
