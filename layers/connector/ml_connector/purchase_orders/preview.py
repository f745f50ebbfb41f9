"""Preview an order: what would be sent to Exact now, or which exceptions would be raised.

Nothing is written. Airbase is asked for the order, and Exact for one that was posted and has
changed; the worker's own code decides. Reads count against Exact's limits, and an expired access
token is renewed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ml_connector import clock
from ml_connector.airbase.purchase_orders import FieldReader
from ml_connector.domain.faults import Halt, Later, Problem, Review
from ml_connector.domain.ids import Division, Guid, OrderId
from ml_connector.domain.orders.edits import Edits
from ml_connector.domain.orders.exact_order import ExactOrder
from ml_connector.domain.orders.mapping import pick_division
from ml_connector.domain.orders.order import Order
from ml_connector.domain.records import Body, Intent, OrderState, posted_facts
from ml_connector.exact.purchase_orders import ORDERS_PATH
from ml_connector.infrastructure.ledger import OrderRecord, new_order, order_key
from ml_connector.purchase_orders.amending import recovered
from ml_connector.purchase_orders.exact_requests import ExactWrite, header_write, removal
from ml_connector.purchase_orders.fetch import fetch_order, is_wanted
from ml_connector.purchase_orders.line_changes import LineChanges
from ml_connector.purchase_orders.next_step import (
    NextStep,
    PostedOrderDecider,
    decide_new_order,
    find_posted,
    unposted_state,
)
from ml_connector.purchase_orders.outcome import posted_order, report_problem, total_problems
from ml_connector.purchase_orders.preconditions import (
    new_intent,
    refuse_unsettled_intent,
    refuse_when_halted,
    refuse_without_calls_left,
)
from ml_connector.purchase_orders.preview_prerequisites import PreviewPrerequisites
from ml_connector.services import Services
from ml_connector.settings.connection import ExactDivision
from ml_connector.sweep.missed_approvals import LISTING, first_day, may_be_posted
from ml_connector.tracked_record import state_in_review

PreviewAction = Literal[
    "post", "adopt", "amend", "remove", "keep", "end", "none", "review", "wait", "halt"
]
"""What would be done: see docs/cli.md."""

_UNDER_WAY = {
    OrderState.RECEIVED, OrderState.REVIEW, OrderState.POSTING, OrderState.AMENDING,
}  # fmt: skip


@dataclass
class Preview:
    """What would happen to one order; `becomes` is its state afterwards.

    `requests` are sent in turn; `otherwise` replaces those for lines where Exact refuses them.
    `notes` say what would delay all this: a halt, calls used up, an outage.
    """

    record: OrderRecord
    action: PreviewAction = "none"
    becomes: str = ""
    division: Division | None = None
    requests: Sequence[ExactWrite] = ()
    otherwise: Sequence[ExactWrite] = ()
    differences: Sequence[Mapping[str, str]] = ()
    problems: Sequence[Problem] = ()
    waiting: Later | None = None
    prerequisites: Sequence[Mapping[str, Any]] = ()
    placeholders: Sequence[str] = ()
    exact_number: str = ""
    title: str = ""
    vendor: str = ""
    total: str = ""
    notes: list[Later] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form, of a stable shape."""
        facts = self.record.facts
        id = self.record.key.partition("#")[2]
        return {
            "connection": self.record.connection,
            "order": id,
            "title": self.title or facts.title or id,
            "vendor": self.vendor or facts.vendor or None,
            "total": self.total or facts.total or None,
            "division": self.division or facts.division,
            "state": self.record.state,
            "act": self.action,
            "becomes": self.becomes or self.record.state,
            "exact_number": self.exact_number or None,
            "needs": list(self.prerequisites),
            "placeholders": list(self.placeholders),
            "requests": [each.as_dict() for each in self.requests],
            "otherwise": [each.as_dict() for each in self.otherwise],
            "differences": list(self.differences),
            "exceptions": [each.as_dict() for each in self.problems],
            "waiting": _later(self.waiting) if self.waiting else None,
            "notes": [_later(each) for each in self.notes],
        }


def preview(services: Services, record: OrderRecord, *, by_hand: bool = False) -> Preview:
    """Return the preview of the order of `record`; `by_hand`: as if a person retried it."""
    return _PreviewRun(services, record, by_hand=by_hand).run()


def preview_open(services: Services) -> Iterator[Preview]:
    """Yield the preview of every order that waits, then of those not in the ledger yet."""
    known = set()
    for record in services.ledger.orders():
        known.add(record.key)
        if _is_open(record):
            yield preview(services, record)
    for id in _approved(services):
        if order_key(id) not in known:
            yield preview(services, new_order(services.id, id))


class _PreviewRun:
    def __init__(self, services: Services, record: OrderRecord, *, by_hand: bool) -> None:
        self.services = services
        self.connection = services.connection
        self.record = record
        self.by_hand = by_hand
        self.id = OrderId(record.key.partition("#")[2])
        self.result = Preview(record)
        self.prerequisites = PreviewPrerequisites(services)
        if not record.version:
            received = replace(record, received_at=clock.now().isoformat())
            self.record = received.now(OrderState.RECEIVED)

    def run(self) -> Preview:
        result = self.result
        if self.record.state == OrderState.SET_ASIDE:
            return result
        try:
            self._follow_steps()
        except Review as review:
            result.action, result.problems = "review", review.problems
            result.becomes = state_in_review(self.record)
        except Halt as halt:
            result.action, result.problems = "halt", [halt.problem]
        except Later as later:
            result.action, result.waiting = "wait", later
        return result

    def _follow_steps(self) -> None:
        """Follow the steps of `posting.advance_order`."""
        self._run_check(lambda: refuse_when_halted(self.services.ledger))
        if self.record.state == OrderState.POSTING:
            self._resolve_intent()
        self._check_calls_left(self.record)
        order = fetch_order(self.services, self.id, self.record)
        self.result.title, self.result.vendor = order.title, str(order.vendor)
        self.result.total = str(order.total)
        deleted = None
        if self.record.facts.exact:
            is_done, deleted = self._amend(order)
            if is_done:
                return
        if is_wanted(order):
            self._post(order, pick_division(order, self.connection), deleted)
        else:
            self.result.becomes = unposted_state(order)

    def _resolve_intent(self) -> None:
        intent = self.record.facts.intent
        if intent:
            refuse_unsettled_intent(intent)
            self._adopt(intent)

    def _adopt(self, intent: Intent) -> bool:
        """Continue as if an order that an earlier attempt created in Exact were adopted."""
        record = self.record
        found = find_posted(self.services, record, intent, remember=False)
        if found is None:
            self.record = record.now(OrderState.RECEIVED)
            return False
        title = record.facts.title or self.id
        exact, problems = posted_order(self.connection, title, intent.amount, found)
        facts = replace(record.facts, exact=exact, problems=problems, waiting=None)
        self.record = record.now(OrderState.POSTED, facts)
        self.result.action, self.result.becomes = "adopt", OrderState.POSTED
        self.result.exact_number = str(exact.number)
        self.result.problems = problems
        return True

    def _amend(self, order: Order) -> tuple[bool, Guid | None]:
        """Return whether the preview is complete, and if not, which Exact order is deleted."""
        posted = posted_facts(self.record.facts)
        self.result.division = posted.division
        self.result.exact_number = str(posted.exact.number or "")
        map_order = self.prerequisites.map_order
        decider = PostedOrderDecider(self.services, self.record, map_order, by_hand=self.by_hand)
        next_step = decider.decide_next(order)
        if not isinstance(next_step, NextStep):
            return True, None
        if next_step.decision.action == "repost":
            facts = replace(self.record.facts, problems=(), change=None, exact=None)
            self.record = self.record.now(OrderState.RECEIVED, facts)
            self.result.exact_number = ""
            return False, posted.exact.id
        self._show(order, next_step)
        return True, None

    def _show(self, order: Order, next_step: NextStep) -> None:
        result, decision, found = self.result, next_step.decision, next_step.found
        posted = posted_facts(self.record.facts)
        body = next_step.body or posted.body
        result.differences = [each.as_dict() for each in decision.differences]
        if decision.action == "report":
            if found and self.record.facts.change:
                self.record = self.record.now(OrderState.POSTED)
            raise Review([report_problem(decision, order.title, result.exact_number)])
        result.problems = ()
        id = posted.exact.id
        if decision.action == "end":
            result.action, result.becomes = "end", unposted_state(order)
        elif decision.action == "remove":
            result.action, result.becomes = "remove", unposted_state(order)
            result.requests = [removal(id, order.title)]
        elif decision.action == "amend" and found and decision.edits:
            result.action, result.becomes = "amend", OrderState.POSTED
            self._show_prerequisites()
            header = header_write(decision.edits, body, id, order.title)
            result.requests = [header] if header else []
            if decision.edits.changes_lines:
                self._show_lines(order, decision.edits, body, found)
        elif found:
            result.action = "adopt" if result.action == "adopt" else "keep"
            result.becomes = OrderState.POSTED
            result.problems = total_problems(self.connection, order, found, result.exact_number)

    def _show_lines(self, order: Order, change: Edits, body: Body, found: ExactOrder) -> None:
        posted = posted_facts(self.record.facts)
        lines = LineChanges(self.services, posted.division, order.title)
        (_, first), (_, other) = lines.ways(change, body, posted.body, found)
        self.result.requests = [*self.result.requests, *first]
        self.result.otherwise = other

    def _post(self, order: Order, division: ExactDivision, deleted: Guid | None) -> None:
        services, result = self.services, self.result
        result.division = division.division
        facts = replace(self.record.facts, division=division.division, title=order.title)
        placed = self.record.now(self.record.state, facts)
        self._run_check(lambda: refuse_when_halted(services.ledger, division.division))
        self._check_calls_left(placed)
        map_order = self.prerequisites.map_order
        step = decide_new_order(services, self.record, order, division, map_order, deleted)
        result.becomes = OrderState.POSTED
        if step.unrecorded:
            facts = recovered(facts, step.unrecorded, division.division, step.mapped.body)
            result.action, self.by_hand = "adopt", False
            self.record = placed.now(OrderState.AMENDING, facts)
            self._amend(order)
            return
        if services.ledger.must_look_up_first():
            intent = new_intent(
                services.reference_store(division.division), order, division, is_restored=True
            )
            self.record = placed
            if self._adopt(intent):
                return
        self._show_prerequisites()
        result.action = "post"
        result.requests = [ExactWrite("POST", ORDERS_PATH, step.mapped.body)]

    def _show_prerequisites(self) -> None:
        self.result.prerequisites = self.prerequisites.missing()
        self.result.placeholders = self.prerequisites.placeholders()

    def _check_calls_left(self, record: OrderRecord) -> None:
        self._run_check(lambda: refuse_without_calls_left(self.services, record))

    def _run_check(self, check: Callable[[], None]) -> None:
        """Note what would make the worker wait, and continue."""
        try:
            check()
        except Later as later:
            if later.code not in {each.code for each in self.result.notes}:
                self.result.notes.append(later)


def _is_open(record: OrderRecord) -> bool:
    if record.state == OrderState.SET_ASIDE:
        return False
    waits = record.problems or record.facts.waiting or record.facts.change
    return bool(waits) or record.state in _UNDER_WAY


def _approved(services: Services) -> Iterable[OrderId]:
    """Yield the orders of Airbase's listing that the sweep would post."""
    since = first_day(services)
    for row in services.airbase().orders():
        reader = FieldReader(row, services.connection.profile, LISTING)
        id = reader.required_text(services.connection.profile.order.id, "id")
        day = reader.day(services.connection.profile.order.order_date, "order date")
        is_readable = not reader.problems
        if (
            is_readable
            and (day is None or day >= since)
            and may_be_posted(row, services.connection.profile)
        ):
            yield OrderId(id)


def _later(later: Later) -> dict[str, str]:
    return {"code": later.code, "cause": later.cause, "until": later.until.isoformat()}
