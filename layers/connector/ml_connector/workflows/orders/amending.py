"""What follows the posting: the order in Exact is kept as Airbase last approved it.

Both sides are read as they are now and what to do is decided from that alone, so changes that
come late, twice or in any order end in the same state. What is to be written is recorded before
it is; whoever finds a change under way waits until it has settled, reads again and goes on.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from ml_connector import clock
from ml_connector.connection import Connection
from ml_connector.faults import Halt, Later, Review
from ml_connector.ids import Division, Guid
from ml_connector.purchase_orders.amendment import Edits, as_body, drift, not_taken
from ml_connector.purchase_orders.exact_order import UNTOUCHED, ExactOrder
from ml_connector.purchase_orders.fingerprint import fingerprint
from ml_connector.purchase_orders.following import Decision
from ml_connector.purchase_orders.model import Order
from ml_connector.words import State
from ml_connector.workflows.case import SETTLE, Case
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.orders.confirmation import kept_problems
from ml_connector.workflows.orders.fetching import is_wanted, vendor_facts
from ml_connector.workflows.orders.judging import Judge, Verdict, ended, held_amount
from ml_connector.workflows.orders.line_changes import LineChanges
from ml_connector.workflows.orders.live import keep_live, read_live
from ml_connector.workflows.orders.planning import plan_order
from ml_connector.workflows.orders.reports import not_taken_problem, report_problem
from ml_connector.workflows.orders.writes import header_write, removal

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
        return record.state == State.CLOSED or not drift(
            self.held, held_amount(record.facts), found
        )

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
        self._note_vendor(order)
        plan = partial(plan_order, self.doors, self.connection)
        record = self.case.record
        judge = Judge(self.doors, self.connection, record, plan, by_hand=self.by_hand)
        verdict = judge.judge(order)
        if isinstance(verdict, Verdict):
            keep_live(self.doors, self.connection, self.division, self.id, verdict.found)
            return self._do(verdict, order)
        if verdict == "pending":
            self._note_pending()
        elif record.due_at:
            self.case.step(record.state, "unchanged", waiting=None)
        return False

    def _note_vendor(self, order: Order) -> None:
        """Keep another vendor before its supplier is known: the order is found again by it."""
        if is_wanted(order) and order.vendor.id != self.case.record.facts.get("vendor_id"):
            facts = vendor_facts(order)
            self.case.step(self.case.record.state, "vendor_changed", SETTLE, **facts)

    def _note_pending(self) -> None:
        """While a change waits for approval, what was approved last stays as it is."""
        record = self.case.record
        if record.due_at or not record.facts.get("is_pending"):
            self.case.step(record.state, "approval_pending", is_pending=True, waiting=None)

    def _do(self, verdict: Verdict, order: Order) -> bool:
        decision, found = verdict.decision, verdict.found
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
            self._keep(order, verdict.body or self.held, found, "as_approved")
        elif found:
            self._amend(decision, order, verdict.body or self.held, found)
        return False

    def _report(self, decision: Decision, order: Order, found: ExactOrder | None) -> None:
        if self.case.record.facts.get("change"):
            facts: dict[str, Any] = {"change": None}
            if found:
                facts = self._as_found(found, self.held) | {"status": found.status}
            self.case.step("posted", "change_given_up", SETTLE, **facts)
        elif found:
            self.note_status(found)
        raise Review([report_problem(decision, order.title, self.number)])

    def _end(self, order: Order, step: str, found: ExactOrder | None) -> None:
        """Rest: Airbase's order is over, and Exact's is gone, cancelled or complete."""
        if found is None:
            self._forget(ended(order), step)
        else:
            self.case.step(ended(order), step, **_SETTLED, status=found.status)

    def _forget(self, state: str, step: str) -> None:
        exact = self.case.record.facts["exact"]
        self.case.step(state, step, SETTLE if state == "received" else None, **_SETTLED,
                       exact=None, removed=exact, **self._no_longer_adopted)  # fmt: skip

    def _remove(self, order: Order) -> None:
        self._intend("removal", self.held)
        gateway = self.doors.exact(self.connection)
        try:
            self._write(lambda: removal(self.id, order.title).send(gateway, self.division))
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
        if header := header_write(change, body, self.id, title):
            header.send(self.doors.exact(self.connection), self.division)
            lines.has_written = True
        return lines.apply(change, body, self.held, found) if change.changes_lines else None

    def _intend(self, what: str, body: Mapping[str, Any], **detail: Any) -> None:
        """Record what will be written before it is: whoever finds this reads Exact first."""
        record = self.case.record
        self._before = record.state, record.facts.get("change")
        change = {"what": what, "at": clock.now().isoformat(), "body": body}
        facts = {"change": change, "waiting": None, **self._no_longer_adopted}
        self.case.step("amending", f"{what}_intent", SETTLE, detail, **facts)

    @property
    def _no_longer_adopted(self) -> dict[str, Any]:
        """An order that people entered stays as it is until we write to it."""
        return {"adopted_as": None} if self.case.record.facts.get("adopted_as") else {}

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
        raise Review([not_taken_problem(left, order.title, self.number)])

    def _keep(self, order: Order, body: Mapping[str, Any], found: ExactOrder, step: str) -> None:
        facts: dict[str, Any] = {
            "body": body, "exact": self._exact(found), "status": found.status,
        }  # fmt: skip
        if order.state is State.PENDING:  # what is not approved yet is no measure
            self.case.step("posted", step, **_SETTLED | {"is_pending": True}, **facts)
            return
        problems = kept_problems(self.connection, order, found, self.number)
        self.case.step(
            "posted",
            step,
            **_SETTLED | {"problems": [p.as_dict() for p in problems]},
            **facts,
            fingerprint=fingerprint(order),
            title=order.title,
            **vendor_facts(order),
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


_SETTLED: dict[str, Any] = {
    "problems": [], "waiting": None, "change": None, "look": None,
    "is_pending": None,
}  # fmt: skip


def taken_over(left: ExactOrder, division: Division, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of an order that is in Exact and shall be as `body`: it is compared next."""
    at = (clock.now() - SETTLE).isoformat()
    return {
        "exact": {"id": left.id, "number": left.number, "amount": None},
        "division": division,
        "body": body,
        "change": {"what": "adoption", "at": at, "body": body},
        "problems": [],
    }
