"""What an order would do to Exact now, or which exceptions it would raise; nothing is written.

It asks Airbase for the order, and Exact for one that was posted and has changed, as the worker
does, and lets the worker's own code decide. Only calls that read are made: they count against
Exact's limits, and an access token that has expired is renewed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal

from ml_connector import clock
from ml_connector.airbase.orders import FieldReader
from ml_connector.connection import Connection, ExactDivision
from ml_connector.doors.ledger import Record, order_key
from ml_connector.exact.orders import ORDERS_PATH
from ml_connector.faults import Halt, Later, Problem, Review
from ml_connector.ids import Division, Guid, OrderId
from ml_connector.open_exceptions import SET_ASIDE
from ml_connector.purchase_orders.amendment import Edits
from ml_connector.purchase_orders.comparison import Body
from ml_connector.purchase_orders.exact_order import ExactOrder
from ml_connector.purchase_orders.model import Order
from ml_connector.purchase_orders.plan import pick_division
from ml_connector.workflows.case import state_in_review
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.orders.amending import taken_over
from ml_connector.workflows.orders.confirmation import confirmed, kept_problems
from ml_connector.workflows.orders.fetching import fetch_order, is_wanted
from ml_connector.workflows.orders.judging import (
    Judge,
    Verdict,
    ended,
    find_posted,
    intended,
    judge_new,
    refuse_unsettled,
    refuse_when_halted,
    refuse_without_budget,
)
from ml_connector.workflows.orders.line_changes import LineChanges
from ml_connector.workflows.orders.promised import Promises
from ml_connector.workflows.orders.reports import report_problem
from ml_connector.workflows.orders.writes import Write, header_write, removal
from ml_connector.workflows.upkeep.airbase_sweep import LISTING, first_day, may_be_posted

Act = Literal["post", "adopt", "amend", "remove", "keep", "end", "none", "review", "wait", "halt"]
"""What would be done: see docs/cli.md."""

_UNDER_WAY = {"received", "review", "posting", "amending"}


@dataclass
class Preview:
    """What would become of one order. `becomes` is the state it would be in afterwards.

    `requests` are sent in turn; `otherwise` instead of those for lines, where Exact refuses them.
    `notes` say what keeps all this from happening at once: a halt, calls used up, an outage.
    """

    record: Record
    act: Act = "none"
    becomes: str = ""
    division: Division | None = None
    requests: Sequence[Write] = ()
    otherwise: Sequence[Write] = ()
    differences: Sequence[Mapping[str, str]] = ()
    problems: Sequence[Problem] = ()
    waiting: Later | None = None
    needs: Sequence[Mapping[str, Any]] = ()
    placeholders: Sequence[str] = ()
    exact_number: str = ""
    title: str = ""
    vendor: str = ""
    total: str = ""
    notes: list[Later] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form, of a stable shape."""
        facts = self.record.facts
        return {
            "connection": self.record.connection,
            "order": self.record.key.partition("#")[2],
            "title": self.title or facts.get("title") or self.record.key.partition("#")[2],
            "vendor": self.vendor or facts.get("vendor"),
            "total": self.total or facts.get("total"),
            "division": self.division or facts.get("division"),
            "state": self.record.state,
            "act": self.act,
            "becomes": self.becomes or self.record.state,
            "exact_number": self.exact_number or None,
            "needs": list(self.needs),
            "placeholders": list(self.placeholders),
            "requests": [each.as_dict() for each in self.requests],
            "otherwise": [each.as_dict() for each in self.otherwise],
            "differences": list(self.differences),
            "exceptions": [each.as_dict() for each in self.problems],
            "waiting": _later(self.waiting) if self.waiting else None,
            "notes": [_later(each) for each in self.notes],
        }


def preview(
    doors: Doors, connection: Connection, record: Record, *, by_hand: bool = False
) -> Preview:
    """Return what would become of the order of `record`; `by_hand`: if a person retried it."""
    return _Previewing(doors, connection, record, by_hand=by_hand).run()


def preview_open(doors: Doors, connection: Connection) -> Iterator[Preview]:
    """Yield a preview of every order that waits, then of those approved and not known here."""
    known = set()
    for record in doors.ledger.records(connection.id, "order#"):
        known.add(record.key)
        if _is_open(record):
            yield preview(doors, connection, record)
    for id in _approved(doors, connection):
        if order_key(id) not in known:
            yield preview(doors, connection, Record(connection.id, order_key(id)))


class _Previewing:
    def __init__(
        self, doors: Doors, connection: Connection, record: Record, *, by_hand: bool
    ) -> None:
        self.doors = doors
        self.connection = connection
        self.record = record
        self.by_hand = by_hand
        self.id = OrderId(record.key.partition("#")[2])
        self.seen = Preview(record)
        self.promises = Promises(doors, connection)
        if not record.version:
            received = replace(record, received_at=clock.now().isoformat())
            self.record = received.now("received")

    def run(self) -> Preview:
        seen = self.seen
        if self.record.state == SET_ASIDE:
            return seen
        try:
            self._go()
        except Review as review:
            seen.act, seen.problems = "review", review.problems
            seen.becomes = state_in_review(self.record)
        except Halt as halt:
            seen.act, seen.problems = "halt", [halt.problem]
        except Later as later:
            seen.act, seen.waiting = "wait", later
        return seen

    def _go(self) -> None:
        """Follow the steps of `posting.advance`."""
        self._note(lambda: refuse_when_halted(self.doors, self.connection))
        if self.record.state == "posting":
            self._look()
        self._note(lambda: refuse_without_budget(self.doors, self.connection, self.record))
        order = fetch_order(self.doors, self.connection, self.id, self.record)
        self.seen.title, self.seen.vendor = order.title, str(order.vendor)
        self.seen.total = str(order.total)
        gone = None
        if self.record.facts.get("exact"):
            is_over, gone = self._follow(order)
            if is_over:
                return
        if is_wanted(order):
            self._post(order, pick_division(order, self.connection), gone)
        else:
            self.seen.becomes = ended(order)

    def _look(self) -> None:
        intent = self.record.facts["intent"]
        refuse_unsettled(intent)
        self._adopt(intent, Decimal(intent["amount"]))

    def _adopt(self, intent: Mapping[str, Any], approved: Decimal) -> bool:
        """See an order as taken for ours that an earlier attempt has left in Exact."""
        record = self.record
        found = find_posted(self.doors, self.connection, record, intent, may_note=False)
        if found is None:
            self.record = record.now("received")
            return False
        title = str(record.facts.get("title") or self.id)
        facts = confirmed(self.connection, title, approved, found)
        self.record = record.now("posted", **facts)
        self.seen.act, self.seen.becomes = "adopt", "posted"
        self.seen.exact_number = str(facts["exact"]["number"])
        self.seen.problems = [Problem(**each) for each in facts["problems"]]
        return True

    def _follow(self, order: Order) -> tuple[bool, Guid | None]:
        """Return whether that is all, and else which order of Exact is gone."""
        exact = self.record.facts["exact"]
        self.seen.division = Division(self.record.facts["division"])
        self.seen.exact_number = str(exact["number"] or "")
        plan = self.promises.plan
        judge = Judge(self.doors, self.connection, self.record, plan, by_hand=self.by_hand)
        verdict = judge.judge(order)
        if not isinstance(verdict, Verdict):
            return True, None
        if verdict.decision.act == "repost":
            self.record = self.record.now("received", problems=[], change=None, exact=None)
            self.seen.exact_number = ""
            return False, Guid(exact["id"])
        self._show(order, verdict)
        return True, None

    def _show(self, order: Order, verdict: Verdict) -> None:
        seen, decision, found = self.seen, verdict.decision, verdict.found
        body = verdict.body or self.record.facts["body"]
        seen.differences = [each.as_dict() for each in decision.differences]
        if decision.act == "report":
            if found and self.record.facts.get("change"):
                self.record = self.record.now("posted")
            raise Review([report_problem(decision, order.title, seen.exact_number)])
        seen.problems = ()
        id = Guid(self.record.facts["exact"]["id"])
        if decision.act == "end":
            seen.act, seen.becomes = "end", ended(order)
        elif decision.act == "remove":
            seen.act, seen.becomes = "remove", ended(order)
            seen.requests = [removal(id, order.title)]
        elif decision.act == "amend" and found and decision.edits:
            seen.act, seen.becomes = "amend", "posted"
            self._need()
            header = header_write(decision.edits, body, id, order.title)
            seen.requests = [header] if header else []
            if decision.edits.changes_lines:
                self._show_lines(order, decision.edits, body, found)
        elif found:
            seen.act = "adopt" if seen.act == "adopt" else "keep"
            seen.becomes = "posted"
            seen.problems = kept_problems(self.connection, order, found, seen.exact_number)

    def _show_lines(self, order: Order, change: Edits, body: Body, found: ExactOrder) -> None:
        facts = self.record.facts
        division = Division(facts["division"])
        lines = LineChanges(self.doors, self.connection, division, order.title)
        (_, first), (_, other) = lines.ways(change, body, facts["body"], found)
        self.seen.requests, self.seen.otherwise = [*self.seen.requests, *first], other

    def _post(self, order: Order, division: ExactDivision, gone: Guid | None) -> None:
        doors, connection, seen = self.doors, self.connection, self.seen
        seen.division = division.division
        placed = self.record.now(self.record.state, division=division.division, title=order.title)
        self._note(lambda: refuse_when_halted(doors, connection, division.division))
        self._note(lambda: refuse_without_budget(doors, connection, placed))
        plan = self.promises.plan
        decided = judge_new(doors, connection, self.record, order, division, plan, gone)
        seen.becomes = "posted"
        if decided.left:
            facts = taken_over(decided.left, division.division, decided.plan.body)
            seen.act, self.record, self.by_hand = "adopt", placed.now("amending", **facts), False
            self._follow(order)
            return
        if doors.ledger.looks_first(connection.id):
            intent = intended(doors, connection, order, division, is_restored=True)
            self.record = placed
            if self._adopt(intent, order.total.amount):
                return
        self._need()
        seen.act, seen.requests = "post", [Write("POST", ORDERS_PATH, decided.plan.body)]

    def _need(self) -> None:
        self.seen.needs = self.promises.needs()
        self.seen.placeholders = self.promises.placeholders()

    def _note(self, refuse: Callable[[], None]) -> None:
        """Say what would keep the worker from going on, and go on."""
        try:
            refuse()
        except Later as later:
            if later.code not in {each.code for each in self.seen.notes}:
                self.seen.notes.append(later)


def _is_open(record: Record) -> bool:
    if record.state == SET_ASIDE:
        return False
    waits = record.problems or record.facts.get("waiting") or record.facts.get("change")
    return bool(waits) or record.state in _UNDER_WAY


def _approved(doors: Doors, connection: Connection) -> Iterable[OrderId]:
    """Yield the orders of Airbase's listing that the sweep would have posted."""
    since = first_day(doors, connection)
    for row in doors.airbase(connection).orders():
        reader = FieldReader(row, connection.profile, LISTING)
        id = reader.required_text(connection.profile.order.id, "id")
        day = reader.day(connection.profile.order.order_date, "order date")
        is_readable = not reader.problems
        if is_readable and (day is None or day >= since) and may_be_posted(row, connection.profile):
            yield OrderId(id)


def _later(later: Later) -> dict[str, str]:
    return {"code": later.code, "cause": later.cause, "until": later.until.isoformat()}
