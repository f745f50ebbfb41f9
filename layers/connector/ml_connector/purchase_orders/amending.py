"""Amend or remove a posted order in Exact, and check what became of it.

An intent is recorded before each write; a worker that finds a change under way waits until it has
settled, reads again and continues.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal, TypeVar

from ml_connector import clock
from ml_connector.domain.exception_codes import delay
from ml_connector.domain.faults import Halt, Later, Review
from ml_connector.domain.orders.digest import digest
from ml_connector.domain.orders.edits import drift, not_applied
from ml_connector.domain.orders.exact_order import ExactOrder
from ml_connector.domain.orders.next_step import unposted_state
from ml_connector.domain.orders.outcome import (
    as_approved,
    as_found,
    not_applied_problem,
    unlinked,
)
from ml_connector.domain.orders.steps import Amend, Remove
from ml_connector.domain.records import (
    SETTLE,
    BegunChange,
    Body,
    OrderState,
    posted_facts,
)
from ml_connector.domain.unclear_refusals import with_refusal
from ml_connector.infrastructure.ledger import OrderRecord
from ml_connector.purchase_orders.exact_lookup import read_current
from ml_connector.purchase_orders.exact_requests import header_write, removal
from ml_connector.purchase_orders.line_changes import LineChanges
from ml_connector.records.tracked_record import TrackedOrder
from ml_connector.services import Services

_UNWANTED = {OrderState.CANCELLED, OrderState.NOT_AN_ORDER}  # states of orders not wanted in Exact

Written = TypeVar("Written")


def is_as_expected(record: OrderRecord, found: ExactOrder) -> bool:
    """Return whether a posted order, as Exact holds it, needs no further processing."""
    if record.problems:
        return False
    if record.state in _UNWANTED or found.is_cancelled:
        return record.state in _UNWANTED and found.is_cancelled
    posted = posted_facts(record.facts)
    return record.state == OrderState.CLOSED or not drift(posted.body, posted.exact.amount, found)


def note_refusal(tracked: TrackedOrder, of_write: str, later: Later) -> None:
    """Record that Exact refused a write in words that we do not know, put it off, or was silent."""
    known = tracked.facts.refusals
    refusals = with_refusal(known, of_write, later, clock.now())
    if refusals != known:
        facts = replace(tracked.facts, refusals=refusals)
        tracked.step(tracked.record.state, "refused_unclearly", facts, retry_in=SETTLE)


class OrderAmender:
    """Changes one posted order in Exact."""

    def __init__(self, services: Services, tracked: TrackedOrder) -> None:
        """Take the posted order of `tracked`."""
        self.services = services
        self.tracked = tracked
        posted = posted_facts(tracked.facts)
        self.id = posted.exact.id
        self.number = posted.exact.number
        self.division = posted.division
        self.last_written = posted.body
        self._before_intent = tracked.record

    def remove(self, step: Remove) -> None:
        """Delete the order; one that somebody else deleted first is gone as well.

        Raises `Review` when it may not be deleted, `Later` and `Halt` as the Exact client does.
        """
        order = step.order
        self._record_intent("removal", self.last_written)
        exact_client = self.services.exact(self.division)
        try:
            self._write(lambda: removal(self.id, order.title).send(exact_client, self.division))
        except Review:
            if self._has_refused_change():
                raise
        self.services.exact_orders(self.division).mark_deleted(self.id)
        self.tracked.step(unposted_state(order), "removed", unlinked(self.tracked.facts))

    def amend(self, step: Amend) -> None:
        """Write header and lines, and check the result: Exact may accept without applying.

        Raises `Review` for what was not applied, `Later` and `Halt` as the Exact client does.
        """
        shown = [each.as_dict() for each in step.differences]
        self._record_intent("amendment", step.body, differences=shown, mappings=step.mappings)
        lines = LineChanges(self.services, self.division, step.order.title)
        try:
            after = self._write(lambda: self._write_all(lines, step), lines)
        except Review:
            self._has_refused_change()
            raise
        self._confirm(step, after or self._read_current())

    def _write_all(self, lines: LineChanges, step: Amend) -> ExactOrder | None:
        """Write the header, then the lines; return the order if it was read afterwards."""
        if header := header_write(step.edits, step.body, self.id, step.order.title):
            header.send(self.services.exact(self.division), self.division)
            lines.has_written = True
        if not step.edits.changes_lines:
            return None
        return lines.apply(step.edits, step.body, self.last_written, step.found)

    def _record_intent(
        self, what: Literal["amendment", "removal"], body: Body, **detail: Any
    ) -> None:
        """Record what will be written before it is: a worker that finds this reads Exact first."""
        record = self.tracked.record
        self._before_intent = record
        change = BegunChange(what, clock.now(), body)
        # An order that people entered stays as it is until we write to it.
        facts = replace(record.facts, change=change, adopted_as=None, adopted_fingerprint="")
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
            if isinstance(fault, Later):
                body = change.body if (change := self.tracked.facts.change) else self.last_written
                note_refusal(self.tracked, digest(body), fault)
            if isinstance(fault, Later) and fault.outcome_unknown:
                until = clock.now() + SETTLE
                raise delay("OUTCOME_UNKNOWN", until, "reason", reason=fault.cause) from fault
            if lines is None or not lines.has_written:
                before = self._before_intent
                facts = replace(
                    self.tracked.facts,
                    change=before.facts.change,
                    adopted_as=before.facts.adopted_as,
                    adopted_fingerprint=before.facts.adopted_fingerprint,
                )
                self.tracked.step(before.state, "not_sent", facts, retry_in=SETTLE)
            raise

    def _has_refused_change(self) -> bool:
        """Record a refused change as Exact holds the order now; return False if it is gone."""
        found = self._read_current()
        if found:
            facts = as_found(self.tracked.facts, found, self.last_written)
            self.tracked.step(OrderState.POSTED, "change_refused", facts, retry_in=SETTLE)
        return found is not None

    def _confirm(self, step: Amend, found: ExactOrder | None) -> None:
        if found is None:
            raise delay("OUTCOME_UNKNOWN", clock.now() + SETTLE, "looked_up")
        remaining = not_applied(step.edits, step.body, found)
        if not remaining:
            facts = as_approved(
                self.services.connection, self.tracked.facts, step.order, step.body, found
            )
            self.tracked.step(OrderState.POSTED, "amended", facts)
            return
        facts = as_found(self.tracked.facts, found, step.body)
        self.tracked.step(OrderState.POSTED, "not_amended", facts, retry_in=SETTLE)
        raise Review([not_applied_problem(remaining, step.order.title, self.number)])

    def _read_current(self) -> ExactOrder | None:
        change = self.tracked.facts.change
        may_be_gone = change is not None and change.what == "removal"
        return read_current(self.services, self.division, self.id, may_be_gone=may_be_gone)
