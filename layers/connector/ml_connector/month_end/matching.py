"""Match the two sides of a month: one line per approved order, and per other order in Exact."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ml_connector.domain.exception_codes import CATALOGUE
from ml_connector.domain.exception_codes.difference_words import TOTAL
from ml_connector.domain.exception_codes.readable import readable_text
from ml_connector.domain.faults import Problem
from ml_connector.domain.ids import Division, Guid, OrderId
from ml_connector.domain.money import Money, round_to_cents
from ml_connector.domain.orders.edits import drift
from ml_connector.domain.orders.exact_order import ExactOrder
from ml_connector.domain.orders.marker import order_token, order_tokens_in
from ml_connector.domain.people import name_of
from ml_connector.domain.records import OrderState, posted_facts
from ml_connector.domain.words import command
from ml_connector.infrastructure.ledger import OrderRecord, UnreadableRecord
from ml_connector.month_end.approved_orders import ApprovedOrder, order_day
from ml_connector.month_end.months import Month
from ml_connector.month_end.report_lines import Category, ReportLine
from ml_connector.settings.connection import Connection

_MOST_CODES = 5


@dataclass(frozen=True)
class PostedOrder:
    """An approved order of the month that is in Exact according to the ledger."""

    order: ApprovedOrder
    record: OrderRecord


@dataclass
class MonthMatching:
    """Matches Airbase's orders, then the ledger's records, then each division's orders in Exact."""

    connection: Connection
    month: Month
    read_at: Mapping[Division, datetime | None]
    """When each division's orders were last read from Exact."""
    supplier_name: Callable[[Division, Guid], str]
    """Returns the name of a supplier of a division."""
    undated: list[ApprovedOrder] = field(default_factory=list)
    """Approved orders without a day on either side, so of no known month."""
    unread: list[UnreadableRecord] = field(default_factory=list)
    """Records that this version cannot read."""
    _orders: dict[OrderId, ApprovedOrder] = field(default_factory=dict)
    _posted: dict[Guid, PostedOrder] = field(default_factory=dict)
    _others: dict[Guid, str] = field(default_factory=dict)
    _titles_by_token: dict[str, str] = field(default_factory=dict)
    _unread_by_token: dict[str, UnreadableRecord] = field(default_factory=dict)
    _by_reference: dict[tuple[Division, str], OrderRecord] = field(default_factory=dict)
    _without_record: dict[OrderId, ApprovedOrder] = field(default_factory=dict)

    def add_airbase_orders(self, orders: Iterable[ApprovedOrder]) -> None:
        """Add all of Airbase's orders, of any month and state."""
        for order in orders:
            self._orders[order.id] = order
        self._without_record = {id: o for id, o in self._orders.items() if o.is_approved}

    def match_ledger(
        self, records: Iterable[OrderRecord | UnreadableRecord]
    ) -> Iterator[ReportLine]:
        """Yield the lines of the month's orders that are in the ledger but not in Exact."""
        for record in records:
            id = OrderId(record.key.partition("#")[2])
            order = self._orders.get(id)
            if isinstance(record, UnreadableRecord):
                yield from self._not_read(record, id, order)
                continue
            title = record.facts.title or id
            self._titles_by_token[order_token(self.connection.id, id)] = title
            self._without_record.pop(id, None)
            day = order_day(order, record, self.connection) if order else None
            is_of_month = (
                order is not None and order.is_approved and self._is_of_month(order, record)
            )
            if exact := record.facts.exact:
                self._note_reference(record)
                if order and is_of_month:
                    yield from self._add_posted(order, record)
                else:
                    self._others[exact.id] = _why_other(title, order, day)
            elif order and is_of_month:
                yield self._not_posted(order, record)

    def _not_read(
        self, record: UnreadableRecord, id: OrderId, order: ApprovedOrder | None
    ) -> Iterator[ReportLine]:
        self.unread.append(record)
        self._unread_by_token[order_token(self.connection.id, id)] = record
        self._without_record.pop(id, None)
        if order and order.is_approved and self._is_of_month(order, None):
            yield self._line("not_compared", order, None, **_why_not_read(record))

    def _note_reference(self, record: OrderRecord) -> None:
        posted = posted_facts(record.facts)
        if reference := str(posted.body.get("YourRef") or ""):
            self._by_reference[posted.division, reference.casefold()] = record

    def _add_posted(self, order: ApprovedOrder, record: OrderRecord) -> Iterator[ReportLine]:
        """Keep the order until Exact's are matched; yield a line if two have one Exact order."""
        exact = posted_facts(record.facts).exact
        other = self._posted.setdefault(exact.id, PostedOrder(order, record))
        if other.order.id != order.id:
            why = f"It is linked to the same order in Exact as {other.order.title}."
            number = str(exact.number or "")
            yield self._line("different", order, record, exact_number=number, why=why)

    def missing_lines(self) -> Iterator[ReportLine]:
        """Yield the lines of the month's orders that are not in the ledger."""
        for order in self._without_record.values():
            if not self._is_of_month(order, None):
                continue
            if elsewhere := order.elsewhere(self.connection):
                yield self._line("served_elsewhere", order, None, why=f"{elsewhere}.")
            else:
                by_hand = command("adopt", self.connection.id, order.id, "--exact-number", "NUMBER")
                yield self._line(
                    "missing",
                    order,
                    None,
                    why=_problems(order) or "It is approved in Airbase, but was never received.",
                    to_do=f"Run {command('fetch', self.connection.id, order.id)}; if it was "
                    f"entered in Exact by hand, run {by_hand} instead.",
                )

    def match_exact(self, division: Division, orders: Iterable[ExactOrder]) -> Iterator[ReportLine]:
        """Yield a line for each of the division's orders that concerns the month."""
        for found in orders:
            posted = self._posted.get(found.id)
            if posted and posted.record.facts.division == division:
                del self._posted[found.id]
                yield self._compared(posted, found)
            elif self.month.includes(found.order_date) and not found.is_cancelled:
                yield self._only_in_exact(division, found)

    def unmatched_lines(self) -> Iterator[ReportLine]:
        """Yield the lines of posted orders that were not found in Exact."""
        for posted in self._posted.values():
            yield self._not_found(posted)

    def _is_of_month(self, order: ApprovedOrder, record: OrderRecord | None) -> bool:
        day = order_day(order, record, self.connection)
        if day is None:
            self.undated.append(order)
        return self.month.includes(day)

    def _not_posted(self, order: ApprovedOrder, record: OrderRecord) -> ReportLine:
        facts = record.facts
        if record.state == OrderState.SET_ASIDE:
            why = f"{name_of(facts.aside.by)}: {facts.aside.reason}" if facts.aside else ""
            return self._line("set_aside", order, record, why=why)
        if record.state == OrderState.SERVED_ELSEWHERE:
            return self._line("served_elsewhere", order, record, why=f"{facts.elsewhere}.")
        problems = record.problems
        codes = [each.code for each in problems]
        if problems:
            causes = [f"{each.record}: {_cause(each)}" for each in problems[:_MOST_CODES]]
            to_do = problems[0].remedy
            return self._line(
                "waiting", order, record, why=" ".join(causes), codes=codes, to_do=to_do
            )
        until = record.due_at.isoformat() if record.due_at and not record.parked else ""
        if facts.waiting:
            code = facts.waiting.code
            known = CATALOGUE.get(code)
            why = known.cause if known else ""
            return self._line("waiting", order, record, why=why, codes=[code], until=until)
        why = f"Its state is {record.state.replace('_', ' ')}."
        again = command("retry", self.connection.id, order.id)
        to_do = f"Run {again} if that does not change."
        return self._line("waiting", order, record, why=why, until=until, to_do=to_do)

    def _compared(self, posted: PostedOrder, found: ExactOrder) -> ReportLine:
        order, record = posted.order, posted.record
        facts, exact = posted_facts(record.facts), self._amount(found)
        written = drift(facts.body, facts.exact.amount, found)
        shown = [each.as_dict() for each in written] + _exception_differences(record)
        if order.total and exact and order.total != exact:
            shown.append(_difference(TOTAL, str(order.total), str(exact)))
        if found.is_cancelled:
            shown.append(_difference("status", "open", "cancelled"))
        differences = list({tuple(each.items()): each for each in shown}.values())
        problems = record.problems
        codes = list(dict.fromkeys(each.code for each in problems))
        if record.facts.waiting:
            codes.append(record.facts.waiting.code)
        is_equal = not differences and not codes and not order.problems
        why = " ".join([*map(_cause, problems[:_MOST_CODES]), _problems(order)]).strip()
        return self._line(
            "equal" if is_equal else "different",
            order,
            record,
            exact=exact,
            exact_number=found.number,
            why=why,
            codes=codes,
            to_do=problems[0].remedy if problems else "",
            differences=differences,
        )

    def _not_found(self, posted: PostedOrder) -> ReportLine:
        """Return the line of an order that was not read: deleted, or posted since."""
        record = posted.record
        facts = posted_facts(record.facts)
        number = str(facts.exact.number or "")
        read_at = self.read_at.get(facts.division)
        posted_at = record.facts.posted_at
        if read_at is None or (posted_at and posted_at >= read_at):
            return self._line(
                "not_compared",
                posted.order,
                record,
                exact_number=number,
                why="It was posted after Exact's orders were last read.",
                to_do="Run this again without --no-refresh.",
            )
        codes = [each.code for each in record.problems] or ["DELETED_IN_EXACT"]
        return self._line(
            "different",
            posted.order,
            record,
            exact_number=number,
            why="Exact no longer has it.",
            codes=codes,
            to_do=CATALOGUE["DELETED_IN_EXACT"].remedy,
            differences=[_difference("order", "in Exact", "")],
        )

    def _only_in_exact(self, division: Division, found: ExactOrder) -> ReportLine:
        category: Category = "only_in_exact"
        codes: list[str] = []
        why, to_do = self._others.get(found.id, ""), ""
        for token in order_tokens_in(found.remarks):
            if not why and token in self._unread_by_token:
                category = "not_compared"
                why, to_do, codes = _why_not_read(self._unread_by_token[token]).values()
        copied = [
            self._titles_by_token[each]
            for each in order_tokens_in(found.remarks)
            if each in self._titles_by_token
        ]
        if not why and copied:
            category = "possible_duplicate"
            why = f"It carries the marker of {copied[0]}, which is another order in Exact or none."
            to_do = "If both exist, delete the one that was not received or invoiced."
        twin = self._by_reference.get((division, found.your_ref.casefold()))
        if not why and twin:
            category = "possible_duplicate"
            number = posted_facts(twin.facts).exact.number
            is_marked = bool(order_tokens_in(found.remarks))
            why = "Another connector made it" if is_marked else "It was entered in Exact"
            why += f"; it has the reference of {twin.facts.title}, Exact order {number}."
            to_do = "If both are one purchase, delete the one that was not received or invoiced."
        return ReportLine(
            category=category,
            title=found.your_ref or found.description or found.number,
            division=division,
            day=found.order_date,
            vendor=self.supplier_name(division, found.supplier),
            exact=self._amount(found),
            exact_number=found.number,
            why=why or "It was entered in Exact.",
            codes=codes,
            to_do=to_do,
        )

    def _amount(self, found: ExactOrder) -> Money | None:
        is_gross = self.connection.amounts_include_vat
        amount = found.amount if is_gross else found.amount_without_vat
        if amount is None:
            return None
        return Money(round_to_cents(amount, found.currency), found.currency)

    def _line(
        self, category: Category, order: ApprovedOrder, record: OrderRecord | None, **more: Any
    ) -> ReportLine:
        is_here = category != "served_elsewhere"
        placed = record.facts.division if record else None
        return ReportLine(
            category=category,
            title=order.title,
            order=order.id,
            division=placed or (order.division(self.connection) if is_here else None),
            day=order_day(order, record, self.connection),
            vendor=order.vendor,
            airbase=order.total,
            **more,
        )


def _why_not_read(record: UnreadableRecord) -> dict[str, Any]:
    found = record.problem
    return {"why": found.cause, "to_do": found.remedy, "codes": [found.code]}


def _exception_differences(record: OrderRecord) -> list[dict[str, str]]:
    """Return the differences in the order's open exceptions."""
    shown = (each.evidence.get("differences", ()) for each in record.problems)
    return [dict(each) for differences in shown for each in differences]


def _difference(field_: str, expected: str, found: str) -> dict[str, str]:
    return {"where": "", "field": field_, "expected": expected, "found": found}


def _problems(order: ApprovedOrder) -> str:
    return " ".join(f"{each.code}: {_cause(each)}" for each in order.problems)


def _cause(problem: Problem) -> str:
    return readable_text(problem.code, problem.cause)


def _why_other(title: str, order: ApprovedOrder | None, day: Any) -> str:
    if order is None:
        return f"It is {title}, which Airbase no longer lists."
    if not order.is_approved:
        return f"It is {title}, which is {order.state} in Airbase."
    return f"It is {title}, approved on {day} in Airbase: of another month."
