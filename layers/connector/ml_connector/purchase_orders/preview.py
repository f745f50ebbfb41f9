"""Preview an order: what would be sent to Exact now, or which exceptions would be raised.

Nothing is written. Airbase is asked for the order, and Exact for one that was posted and has
changed; `next_step` decides, as for the worker. Reads count against Exact's limits, and an expired
access token is renewed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, assert_never

from ml_connector import clock
from ml_connector.airbase.purchase_orders import FieldReader
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Halt, Later, Problem, Review
from ml_connector.domain.ids import Division, OrderId
from ml_connector.domain.orders.next_step import next_step, unposted_state
from ml_connector.domain.orders.order import Order
from ml_connector.domain.orders.questions import (
    AirbaseOrder,
    AnyQuestion,
    ConnectionStanding,
    Known,
)
from ml_connector.domain.orders.steps import (
    Adopt,
    Amend,
    Create,
    LeaveAside,
    Move,
    Post,
    Read,
    Refuse,
    Remove,
    Rest,
    Step,
    Wait,
)
from ml_connector.domain.records import OrderFacts, OrderState, posted_facts
from ml_connector.exact.purchase_orders import ORDERS_PATH
from ml_connector.infrastructure.ledger import (
    OrderRecord,
    UnreadableRecord,
    new_order,
    order_key,
)
from ml_connector.purchase_orders.exact_requests import ExactWrite, header_write, removal
from ml_connector.purchase_orders.line_changes import LineChanges
from ml_connector.purchase_orders.planned_prerequisites import PlannedPrerequisites
from ml_connector.purchase_orders.reader import OrderReader
from ml_connector.records.lookup import served_elsewhere
from ml_connector.records.tracked_record import state_in_review
from ml_connector.services import Services
from ml_connector.sweep.missed_approvals import LISTING, is_from_before, may_be_posted

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
    `warnings` do not keep it from being sent, but a person may have meant something else.
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
    warnings: Sequence[Problem] = ()
    waiting: Later | None = None
    prerequisites: Sequence[Mapping[str, Any]] = ()
    placeholders: Sequence[str] = ()
    exact_number: str = ""
    title: str = ""
    vendor: str = ""
    total: str = ""
    elsewhere: str = ""
    notes: list[Later] = field(default_factory=list)
    order: Order | None = None
    """The order as Airbase has it; None when it could not be read."""

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
            "served_elsewhere": self.elsewhere or None,
            "exact_number": self.exact_number or None,
            "needs": list(self.prerequisites),
            "placeholders": list(self.placeholders),
            "requests": [each.as_dict() for each in self.requests],
            "otherwise": [each.as_dict() for each in self.otherwise],
            "differences": list(self.differences),
            "exceptions": [each.as_dict() for each in self.problems],
            "warnings": [each.as_dict() for each in self.warnings],
            "waiting": _later(self.waiting) if self.waiting else None,
            "notes": [_later(each) for each in self.notes],
        }


def preview(
    services: Services,
    record: OrderRecord,
    *,
    by_hand: bool = False,
    reader_of: Callable[[OrderRecord], OrderReader] | None = None,
) -> Preview:
    """Return the preview of the order of `record`; `by_hand`: as if a person retried it.

    `reader_of` makes what answers the questions about it; by default both systems are asked.
    """
    made = reader_of or (lambda each: OrderReader(services, each, stores=False))
    return _PreviewRun(services, record, made, by_hand=by_hand).run()


def preview_open(services: Services) -> Iterator[Preview]:
    """Yield the preview of every order that waits, then of those not in the ledger yet.

    One whose record this version cannot read is shown as such.
    """
    known = set()
    for record in services.ledger.readable_or_not("order#"):
        known.add(record.key)
        if isinstance(record, UnreadableRecord):
            empty = new_order(record.connection, OrderId(record.key.partition("#")[2]))
            shown = replace(empty, state=record.state)
            yield Preview(shown, action="review", problems=[record.problem])
        elif _is_open(record):
            yield preview(services, record)
    for id in _approved(services):
        if order_key(id) not in known:
            yield preview(services, new_order(services.id, id))


class _PreviewRun:
    """Shows the steps that the worker would take, as far as they can be known without it."""

    def __init__(
        self,
        services: Services,
        record: OrderRecord,
        reader_of: Callable[[OrderRecord], OrderReader],
        *,
        by_hand: bool,
    ) -> None:
        self.services = services
        received = OrderState.RECEIVED if record.state == OrderState.NEW else record.state
        self.result = Preview(record, exact_number=_number(record.facts))
        if not record.version:
            record = replace(record, received_at=clock.now().isoformat())
        self.reader = reader_of(record)
        self.planned = PlannedPrerequisites()
        self.known = Known(
            now=clock.now(),
            connection=services.connection,
            id=OrderId(record.key.partition("#")[2]),
            state=OrderState(received),
            facts=record.facts,
            due_at=record.due_at,
            by_hand=by_hand,
        )

    def run(self) -> Preview:
        """Return what was shown until nothing is left, or only the worker can go on."""
        result = self.result
        try:
            while self._show(next_step(self.known)):
                pass
        except Review as review:
            self._show_refusal(Refuse(review.problems))
        except Halt as halt:
            result.action, result.problems = "halt", [halt.problem]
        except Later as later:
            result.action, result.waiting = "wait", later
        self._show_order()
        return result

    def _show(self, step: Step) -> bool:
        """Show a step; return whether there may be another."""
        match step:
            case Read(questions):
                read = self.reader.answers(questions)
                self.known = self.known.told({**read, **self.planned.answers})
            case Move():
                self._show_move(step)
                return not step.is_last
            case Adopt():
                self._show_adoption(step)
            case Create():
                names = self.planned.plan(step)
                self.known = self.known.having_created(names)
            case Wait(later, because):
                return self._show_delay(later, because)
            case Refuse():
                self._show_refusal(step)
                return False
            case _:
                self._show_last(step)
                return False
        return True

    def _show_last(self, step: Post | Amend | Remove | LeaveAside | Rest) -> None:
        match step:
            case Post(_, body):
                self._show_prerequisites()
                self._warn_of_vat(body)
                write = ExactWrite("POST", ORDERS_PATH, body)
                self._show_writes("post", OrderState.POSTED, [write])
            case Amend():
                self._show_amendment(step)
            case Remove(order):
                id = posted_facts(self.known.facts).exact.id
                self._show_writes("remove", unposted_state(order), [removal(id, order.title)])
            case LeaveAside() | Rest():
                self.result.elsewhere = served_elsewhere(self.result.record) or ""
            case _:
                assert_never(step)

    def _show_move(self, step: Move) -> None:
        result = self.result
        self._go_on(step.state, step.facts)
        if step.step == "posted_anew":
            result.exact_number = ""
        if step.is_last:
            result.becomes, result.problems = step.state, step.facts.problems
            is_elsewhere = step.state is OrderState.SERVED_ELSEWHERE
            result.elsewhere = str(step.facts.elsewhere or "") if is_elsewhere else ""
        if step.step == "ended":
            result.action = "end"
        elif step.step == "as_approved" and result.action != "adopt":
            result.action = "keep"

    def _show_adoption(self, step: Adopt) -> None:
        self._go_on(step.state, step.facts)
        result = self.result
        result.action, result.becomes = "adopt", OrderState.POSTED
        result.exact_number, result.problems = _number(step.facts), step.facts.problems
        self.known = replace(self.known, by_hand=False)

    def _go_on(self, state: OrderState, facts: OrderFacts) -> None:
        self.known = replace(self.known, state=state, facts=facts, due_at=None)

    def _show_delay(self, later: Later, because: AnyQuestion | None) -> bool:
        """Note what would make the worker wait, and go on as if it did not."""
        if because is None:
            raise later
        if later.code not in {each.code for each in self.result.notes}:
            self.result.notes.append(later)
        said = self.known.answers[because]
        is_standing = isinstance(said, ConnectionStanding)
        without = ConnectionStanding(looks_first=said.looks_first) if is_standing else None
        self.known = self.known.told({because: without})
        return True

    def _show_refusal(self, step: Refuse) -> None:
        result = self.result
        state = step.first.state if step.first else self.known.state
        result.action, result.problems = "review", step.problems
        result.becomes = state_in_review(state)
        result.differences = [each.as_dict() for each in step.differences]

    def _show_amendment(self, step: Amend) -> None:
        posted, order = posted_facts(self.known.facts), step.order
        self._show_prerequisites()
        self._warn_of_vat(step.body)
        header = header_write(step.edits, step.body, posted.exact.id, order.title)
        writes = [header] if header else []
        if step.edits.changes_lines:
            lines = LineChanges(self.services, posted.division, order.title)
            (_, first), (_, other) = lines.ways(step.edits, step.body, posted.body, step.found)
            writes += first
            self.result.otherwise = other
        self._show_writes("amend", OrderState.POSTED, writes)
        self.result.differences = [each.as_dict() for each in step.differences]

    def _show_writes(
        self, action: PreviewAction, becomes: OrderState, writes: Sequence[ExactWrite]
    ) -> None:
        result = self.result
        result.action, result.becomes, result.requests = action, becomes, writes
        result.problems = ()

    def _warn_of_vat(self, body: Mapping[str, Any]) -> None:
        """Name the lines that go to Exact without a VAT code."""
        lines = enumerate(body["PurchaseOrderLines"], start=1)
        bare = [str(number) for number, line in lines if "VATCode" not in line]
        if bare:
            order: Order = self.known.answers[AirbaseOrder()]
            found = problem(
                "NO_VAT_CODE", order.title, "lines", lines=", ".join(bare), order=order.title,
                connection=self.services.id, division=self.known.facts.division,
            )  # fmt: skip
            self.result.warnings = [found]

    def _show_prerequisites(self) -> None:
        self.result.prerequisites = self.planned.shown
        self.result.placeholders = self.planned.placeholders

    def _show_order(self) -> None:
        order: Order | None = self.known.answers.get(AirbaseOrder())
        self.result.division = self.known.facts.division
        if order:
            self.result.order = order
            self.result.title, self.result.vendor = order.title, str(order.vendor)
            self.result.total = str(order.total)


def _number(facts: OrderFacts) -> str:
    return str(facts.exact.number or "") if facts.exact else ""


def _is_open(record: OrderRecord) -> bool:
    if record.state == OrderState.SET_ASIDE:
        return False
    waits = record.problems or record.facts.waiting or record.facts.change
    return bool(waits) or record.state in _UNDER_WAY


def _approved(services: Services) -> Iterable[OrderId]:
    """Yield the orders of Airbase's listing that the sweep would post."""
    profile, added_at = services.connection.profile, services.notes.added_at()
    for row in services.airbase().orders():
        reader = FieldReader(row, profile, LISTING)
        id = reader.required_text(profile.order.id, "id")
        reader.day(profile.order.order_date, "order date")
        if (
            not reader.problems
            and not is_from_before(services.connection, added_at, row)
            and may_be_posted(row, profile)
        ):
            yield OrderId(id)


def _later(later: Later) -> dict[str, str]:
    return {"code": later.code, "cause": later.cause, "until": later.until.isoformat()}
