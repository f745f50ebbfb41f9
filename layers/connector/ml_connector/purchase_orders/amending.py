"""Amend a posted order: keep the order in Exact as Airbase last approved it.

The decision depends only on what both sides hold now, so changes that arrive late, twice or in
any order end in the same state. An intent is recorded before each write; a worker that finds a
change under way waits until it has settled, reads again and continues.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Literal, TypeVar

from ml_connector import clock
from ml_connector.domain.exception_codes import delay
from ml_connector.domain.faults import Halt, Later, Review
from ml_connector.domain.ids import Division
from ml_connector.domain.orders.decision import Decision
from ml_connector.domain.orders.edits import Edits, as_body, drift, not_applied
from ml_connector.domain.orders.exact_order import UNTOUCHED, ExactOrder
from ml_connector.domain.orders.order import Order
from ml_connector.domain.records import (
    Body,
    Change,
    ExactReference,
    OrderFacts,
    OrderState,
    posted_facts,
)
from ml_connector.domain.states import ApprovalState
from ml_connector.purchase_orders.exact_lookup import read_current, store_current
from ml_connector.purchase_orders.exact_requests import header_write, removal
from ml_connector.purchase_orders.fetch import is_wanted
from ml_connector.purchase_orders.line_changes import LineChanges
from ml_connector.purchase_orders.next_step import (
    NextStep,
    PostedOrderDecider,
    unposted_state,
)
from ml_connector.purchase_orders.outcome import (
    not_applied_problem,
    report_problem,
    total_problems,
    with_approved,
    with_vendor,
)
from ml_connector.purchase_orders.prerequisites import map_with_prerequisites
from ml_connector.services import Services
from ml_connector.tracked_record import SETTLE, TrackedOrder

_UNWANTED = {OrderState.CANCELLED, OrderState.NOT_AN_ORDER}  # states of orders not wanted in Exact

Written = TypeVar("Written")


class OrderAmender:
    """Brings one posted order in line with what is approved."""

    def __init__(
        self,
        services: Services,
        tracked: TrackedOrder,
        *,
        by_hand: bool = False,
    ) -> None:
        """Take the posted order of `tracked`; `by_hand`: a person asked for a retry."""
        self.services = services
        self.connection = services.connection
        self.tracked = tracked
        self.by_hand = by_hand
        posted = posted_facts(tracked.facts)
        self.id = posted.exact.id
        self.number = posted.exact.number
        self.division = posted.division
        self.last_written = posted.body
        self._before_intent: tuple[str, Change | None] = tracked.record.state, None

    def is_as_expected(self, found: ExactOrder | None) -> bool:
        """Return whether the order, as Exact holds it, needs no further processing."""
        record = self.tracked.record
        if found is None or record.problems:
            return False
        if record.state in _UNWANTED or found.is_cancelled:
            return record.state in _UNWANTED and found.is_cancelled
        return record.state == OrderState.CLOSED or not drift(
            self.last_written, posted_facts(record.facts).exact.amount, found
        )

    def note_status(self, found: ExactOrder) -> None:
        """Record the order's status in Exact: received, invoiced."""
        record = self.tracked.record
        if (record.facts.status or UNTOUCHED) != found.status:
            retry_in = record.due_at - clock.now() if record.due_at else None
            facts = replace(record.facts, status=found.status)
            self.tracked.step(record.state, "exact_status", facts, retry_in=retry_in)

    def bring_in_line(self, order: Order) -> bool:
        """Bring the order in Exact in line with `order`; return whether to post it again.

        Raises `Review` for what a person must decide, `Later` and `Halt` as the remotes do.
        """
        self._note_vendor(order)
        map_order = partial(map_with_prerequisites, self.services)
        record = self.tracked.record
        decider = PostedOrderDecider(self.services, record, map_order, by_hand=self.by_hand)
        next_step = decider.decide_next(order)
        if isinstance(next_step, NextStep):
            store_current(self.services.exact_orders(self.division), self.id, next_step.found)
            return self._carry_out(next_step, order)
        if next_step == "pending":
            self._note_pending()
        elif record.due_at:
            self.tracked.step(record.state, "unchanged", replace(record.facts, waiting=None))
        return False

    def _note_vendor(self, order: Order) -> None:
        """Record a changed vendor first: an order that waits for its supplier is found by it."""
        record = self.tracked.record
        if is_wanted(order) and order.vendor.id != record.facts.vendor_id:
            facts = with_vendor(record.facts, order)
            self.tracked.step(record.state, "vendor_changed", facts, retry_in=SETTLE)

    def _note_pending(self) -> None:
        """Leave the order as last approved while a change waits for approval."""
        record = self.tracked.record
        if record.due_at or not record.facts.is_pending:
            facts = replace(record.facts, is_pending=True, waiting=None)
            self.tracked.step(record.state, "approval_pending", facts)

    def _carry_out(self, next_step: NextStep, order: Order) -> bool:
        decision, found = next_step.decision, next_step.found
        if decision.action == "report":
            self._report(decision, order, found)
        elif decision.action == "end":
            self._end(order, "ended", found)
        elif decision.action == "repost":
            self._unlink(OrderState.RECEIVED, "posted_anew")
            return True
        elif decision.action == "remove":
            self._remove(order)
        elif found and decision.action == "keep":
            self._settle(order, next_step.body or self.last_written, found, "as_approved")
        elif found:
            self._amend(decision, order, next_step.body or self.last_written, found)
        return False

    def _report(self, decision: Decision, order: Order, found: ExactOrder | None) -> None:
        if self.tracked.facts.change:
            facts = replace(self.tracked.facts, change=None)
            if found:
                as_found = self._facts_as_found(found, self.last_written)
                facts = replace(as_found, status=found.status)
            self.tracked.step(OrderState.POSTED, "change_given_up", facts, retry_in=SETTLE)
        elif found:
            self.note_status(found)
        raise Review([report_problem(decision, order.title, self.number)])

    def _end(self, order: Order, step: str, found: ExactOrder | None) -> None:
        """End the record: Airbase's order has ended, Exact's is gone, cancelled or complete."""
        if found is None:
            self._unlink(unposted_state(order), step)
        else:
            facts = replace(_settled(self.tracked.facts), status=found.status)
            self.tracked.step(unposted_state(order), step, facts)

    def _unlink(self, state: OrderState, step: str) -> None:
        facts = _settled(self.tracked.facts)
        facts = replace(facts, exact=None, removed=facts.exact, adopted_as=None)
        retry_in = SETTLE if state == OrderState.RECEIVED else None
        self.tracked.step(state, step, facts, retry_in=retry_in)

    def _remove(self, order: Order) -> None:
        self._record_intent("removal", self.last_written)
        exact_client = self.services.exact
        try:
            self._write(lambda: removal(self.id, order.title).send(exact_client, self.division))
        except Review:
            if not self._is_gone():
                raise
        self.services.exact_orders(self.division).mark_deleted(self.id)
        self._unlink(unposted_state(order), "removed")

    def _is_gone(self) -> bool:
        """Return whether a removal was refused because somebody else removed the order first."""
        found = self._read_current()
        if found:
            facts = self._facts_as_found(found, self.last_written)
            self.tracked.step(OrderState.POSTED, "change_refused", facts, retry_in=SETTLE)
        return found is None

    def _amend(self, decision: Decision, order: Order, body: Body, found: ExactOrder) -> None:
        change = decision.edits
        assert change is not None  # noqa: S101  an amendment has edits
        shown = [each.as_dict() for each in decision.differences]
        self._record_intent("amendment", body, differences=shown)
        lines = LineChanges(self.services, self.division, order.title)
        try:
            after = self._write(
                lambda: self._write_all(lines, change, body, found, order.title), lines
            )
        except Review:
            if current := self._read_current():
                facts = self._facts_as_found(current, self.last_written)
                self.tracked.step(OrderState.POSTED, "change_refused", facts, retry_in=SETTLE)
            raise
        self._confirm(order, body, change, after or self._read_current())

    def _write_all(
        self,
        lines: LineChanges,
        change: Edits,
        body: Body,
        found: ExactOrder,
        title: str,
    ) -> ExactOrder | None:
        """Write the header, then the lines; return the order if it was read afterwards."""
        if header := header_write(change, body, self.id, title):
            header.send(self.services.exact, self.division)
            lines.has_written = True
        return lines.apply(change, body, self.last_written, found) if change.changes_lines else None

    def _record_intent(
        self, what: Literal["amendment", "removal"], body: Body, **detail: Any
    ) -> None:
        """Record what will be written before it is: a worker that finds this reads Exact first."""
        record = self.tracked.record
        self._before_intent = record.state, record.facts.change
        change = Change(what, clock.now(), body)
        # An order that people entered stays as it is until we write to it.
        facts = replace(record.facts, change=change, waiting=None, adopted_as=None)
        self.tracked.step(
            OrderState.AMENDING, f"{what}_intent", facts, retry_in=SETTLE, detail=detail
        )

    def _write(self, write: Callable[[], Written], lines: LineChanges | None = None) -> Written:
        """Write; after an unknown outcome the change stays under way until it has settled.

        The intent of a write that was never sent is taken back, so that it overwrites nothing.
        """
        try:
            return write()
        except (Later, Halt) as fault:
            if isinstance(fault, Later) and fault.outcome_unknown:
                until = clock.now() + SETTLE
                raise delay("OUTCOME_UNKNOWN", until, "reason", reason=fault.cause) from fault
            if lines is None or not lines.has_written:
                state, change = self._before_intent
                facts = replace(self.tracked.facts, change=change)
                self.tracked.step(state, "not_sent", facts, retry_in=SETTLE)
            raise

    def _facts_as_found(self, found: ExactOrder, like: Body) -> OrderFacts:
        """Return the facts after an incomplete change: what Exact holds now."""
        body, exact = as_body(found, like), self._exact(found)
        return replace(self.tracked.facts, change=None, body=body, exact=exact)

    def _confirm(self, order: Order, body: Body, change: Edits, found: ExactOrder | None) -> None:
        """Check the result: Exact may accept a write without applying it."""
        if found is None:
            raise delay("OUTCOME_UNKNOWN", clock.now() + SETTLE, "looked_up")
        remaining = not_applied(change, body, found)
        if not remaining:
            self._settle(order, body, found, "amended")
            return
        facts = self._facts_as_found(found, body)
        self.tracked.step(OrderState.POSTED, "not_amended", facts, retry_in=SETTLE)
        raise Review([not_applied_problem(remaining, order.title, self.number)])

    def _settle(self, order: Order, body: Body, found: ExactOrder, step: str) -> None:
        """Record that the order in Exact is as approved."""
        facts = replace(
            _settled(self.tracked.facts),
            body=body,
            exact=self._exact(found),
            status=found.status,
        )
        if order.state is ApprovalState.PENDING:  # totals that are not approved do not count
            facts = replace(facts, is_pending=True)
        else:
            problems = total_problems(self.connection, order, found, self.number)
            facts = replace(with_approved(facts, order), problems=problems)
        self.tracked.step(OrderState.POSTED, step, facts)

    def _read_current(self) -> ExactOrder | None:
        return read_current(self.services, self.division, self.id, may_be_gone=self._may_be_gone)

    @property
    def _may_be_gone(self) -> bool:
        """Return whether a removal of ours is under way."""
        change = self.tracked.facts.change
        return change is not None and change.what == "removal"

    def _exact(self, found: ExactOrder) -> ExactReference:
        return ExactReference(self.id, self.number, found.amount)


def _settled(facts: OrderFacts) -> OrderFacts:
    """Return the facts with nothing left to do or to report."""
    return replace(
        facts,
        problems=(),
        waiting=None,
        change=None,
        is_changed_in_exact=False,
        is_pending=False,
    )


def recovered(facts: OrderFacts, found: ExactOrder, division: Division, body: Body) -> OrderFacts:
    """Return the facts of an order of ours found in Exact, to be brought in line with `body`."""
    return replace(
        facts,
        exact=ExactReference(found.id, found.number),
        division=division,
        body=body,
        change=Change("adoption", clock.now() - SETTLE, body),
        problems=(),
    )
