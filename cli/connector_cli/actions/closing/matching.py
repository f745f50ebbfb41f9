"""Join the two sides of a month: each approved order gets one line, and so does each order left."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from connector_cli.actions.closing.approved import Approved, day_of
from connector_cli.actions.closing.lines import Category, Line
from connector_cli.actions.closing.months import Month
from ml_connector.codes import EXPLANATIONS
from ml_connector.connection import Connection
from ml_connector.doors.ledger import Record
from ml_connector.ids import Division, Guid, OrderId
from ml_connector.money import Money, round_to_cents
from ml_connector.open_exceptions import SET_ASIDE
from ml_connector.purchase_orders.amendment import drift
from ml_connector.purchase_orders.exact_order import ExactOrder
from ml_connector.purchase_orders.marker import mark, marks_in

_MOST_CODES = 5


@dataclass(frozen=True)
class Posted:
    """An approved order of the month that is in Exact, as the ledger has it."""

    order: Approved
    record: Record


@dataclass
class Matching:
    """Takes Airbase's orders, then the ledger's records, then each division's orders of Exact."""

    connection: Connection
    month: Month
    read_at: Mapping[Division, datetime | None]
    """When each division's orders were last read from Exact."""
    supplier_name: Callable[[Division, Guid], str]
    """Says what a supplier of a division is called."""
    undated: list[Approved] = field(default_factory=list)
    """Approved orders without a day on either side: no month can be said of them."""
    _orders: dict[OrderId, Approved] = field(default_factory=dict)
    _posted: dict[Guid, Posted] = field(default_factory=dict)
    _others: dict[Guid, str] = field(default_factory=dict)
    _marks: dict[str, str] = field(default_factory=dict)
    _without_record: dict[OrderId, Approved] = field(default_factory=dict)

    def take_airbase(self, orders: Iterable[Approved]) -> None:
        """Take all of Airbase's orders, of any month and state."""
        for order in orders:
            self._orders[order.id] = order
        self._without_record = {id: o for id, o in self._orders.items() if o.is_approved}

    def take_ledger(self, records: Iterable[Record]) -> Iterator[Line]:
        """Yield the lines of the month's orders that the ledger knows and Exact does not hold."""
        for record in records:
            id = OrderId(record.key.partition("#")[2])
            order = self._orders.get(id)
            title = str(record.facts.get("title") or id)
            self._marks[mark(self.connection.id, id)] = title
            self._without_record.pop(id, None)
            day = day_of(order, record, self.month.zone) if order else None
            is_ours = order is not None and order.is_approved and self._is_of_month(order, record)
            if exact := record.facts.get("exact"):
                if order and is_ours:
                    yield from self._take_posted(order, record)
                else:
                    self._others[Guid(exact["id"])] = _why_other(title, order, day)
            elif order and is_ours:
                yield self._not_posted(order, record)

    def _take_posted(self, order: Approved, record: Record) -> Iterator[Line]:
        """Keep it until Exact's orders are taken; two cannot be one and the same order there."""
        exact = record.facts["exact"]
        other = self._posted.setdefault(Guid(exact["id"]), Posted(order, record))
        if other.order.id != order.id:
            why = f"It claims the order in Exact that {other.order.title} claims."
            number = str(exact.get("number") or "")
            yield self._line("different", order, record, exact_number=number, why=why)

    def missing(self) -> Iterator[Line]:
        """Yield the lines of the month's orders that the ledger has never heard of."""
        for order in self._without_record.values():
            if self._is_of_month(order, None):
                yield self._line(
                    "missing",
                    order,
                    None,
                    why=_problems(order) or "It is approved in Airbase and unknown here.",
                    to_do=f"Run `connector fetch {self.connection.id} {order.id}`; if it was "
                    "entered in Exact by hand, adopt that order when it asks.",
                )

    def take_exact(self, division: Division, orders: Iterable[ExactOrder]) -> Iterator[Line]:
        """Yield a line for each of the division's orders that has to do with the month."""
        for found in orders:
            posted = self._posted.get(found.id)
            if posted and posted.record.facts["division"] == division:
                del self._posted[found.id]
                yield self._compared(posted, found)
            elif self.month.holds(found.order_date) and not found.is_cancelled:
                yield self._only_in_exact(division, found)

    def left(self) -> Iterator[Line]:
        """Yield the lines of posted orders that no division's orders held."""
        for posted in self._posted.values():
            yield self._gone(posted)

    def _is_of_month(self, order: Approved, record: Record | None) -> bool:
        day = day_of(order, record, self.month.zone)
        if day is None:
            self.undated.append(order)
        return self.month.holds(day)

    def _not_posted(self, order: Approved, record: Record) -> Line:
        facts = record.facts
        if record.state == SET_ASIDE:
            aside = facts.get("aside") or {}
            why = f"{aside.get('by', '')}: {aside.get('reason', '')}".strip(": ")
            return self._line("set_aside", order, record, why=why)
        problems, waiting = record.problems, facts.get("waiting") or {}
        codes = [str(each["code"]) for each in problems]
        if problems:
            causes = [f"{each['record']}: {each['cause']}" for each in problems[:_MOST_CODES]]
            to_do = str(problems[0]["remedy"])
            return self._line(
                "waiting", order, record, why=" ".join(causes), codes=codes, to_do=to_do
            )
        until = record.due_at.isoformat() if record.due_at and not record.parked else ""
        if code := str(waiting.get("code") or ""):
            known = EXPLANATIONS.get(code)
            why = known.cause if known else ""
            return self._line("waiting", order, record, why=why, codes=[code], until=until)
        why = f"It is {record.state.replace('_', ' ')} here."
        to_do = f"Run `connector retry {self.connection.id} {order.id}` if it stays so."
        return self._line("waiting", order, record, why=why, until=until, to_do=to_do)

    def _compared(self, posted: Posted, found: ExactOrder) -> Line:
        order, record = posted.order, posted.record
        facts, exact = record.facts, self._amount(found)
        held = facts["exact"].get("amount")
        written = drift(facts["body"], None if held is None else Decimal(held), found)
        shown = [each.as_dict() for each in written] + _told(record)
        if order.total and exact and order.total != exact:
            shown.append(_difference("total", str(order.total), str(exact)))
        if found.is_cancelled:
            shown.append(_difference("status", "open", "cancelled"))
        differences = list({tuple(each.items()): each for each in shown}.values())
        problems = record.problems
        codes = list(dict.fromkeys(str(each["code"]) for each in problems))
        if waiting := facts.get("waiting"):
            codes.append(str(waiting["code"]))
        is_equal = not differences and not codes and not order.problems
        why = " ".join(
            [*(str(each["cause"]) for each in problems[:_MOST_CODES]), _problems(order)]
        ).strip()
        return self._line(
            "equal" if is_equal else "different",
            order,
            record,
            exact=exact,
            exact_number=found.number,
            why=why,
            codes=codes,
            to_do=str(problems[0]["remedy"]) if problems else "",
            differences=differences,
        )

    def _gone(self, posted: Posted) -> Line:
        """Not among what Exact told of: deleted, or newer than what was read."""
        record = posted.record
        number = str(record.facts["exact"].get("number") or "")
        read_at = self.read_at.get(Division(record.facts["division"]))
        posted_at = record.facts.get("posted_at")
        if read_at is None or (posted_at and datetime.fromisoformat(posted_at) >= read_at):
            return self._line(
                "not_compared",
                posted.order,
                record,
                exact_number=number,
                why="It was posted after Exact's orders were last read.",
                to_do="Run this again without --no-refresh.",
            )
        codes = [str(each["code"]) for each in record.problems] or ["DELETED_IN_EXACT"]
        return self._line(
            "different",
            posted.order,
            record,
            exact_number=number,
            why="Exact no longer has it.",
            codes=codes,
            to_do=EXPLANATIONS["DELETED_IN_EXACT"].remedy,
            differences=[_difference("order", "in Exact", "")],
        )

    def _only_in_exact(self, division: Division, found: ExactOrder) -> Line:
        why, to_do = self._others.get(found.id, ""), ""
        copies = [self._marks[each] for each in marks_in(found.remarks) if each in self._marks]
        if not why and copies:
            why = f"It carries the marker of {copies[0]}, which is another order in Exact or none."
            to_do = "If both are there, delete the one that was not received or invoiced."
        return Line(
            category="only_in_exact",
            title=found.your_ref or found.description or found.number,
            division=division,
            day=found.order_date,
            vendor=self.supplier_name(division, found.supplier),
            exact=self._amount(found),
            exact_number=found.number,
            why=why or "It was entered in Exact.",
            to_do=to_do,
        )

    def _amount(self, found: ExactOrder) -> Money | None:
        is_gross = self.connection.amounts_include_vat
        amount = found.amount if is_gross else found.amount_without_vat
        if amount is None:
            return None
        return Money(round_to_cents(amount, found.currency), found.currency)

    def _line(
        self, category: Category, order: Approved, record: Record | None, **more: Any
    ) -> Line:
        placed = record.facts.get("division") if record else None
        return Line(
            category=category,
            title=order.title,
            order=order.id,
            division=Division(placed) if placed else order.division(self.connection),
            day=day_of(order, record, self.month.zone),
            vendor=order.vendor,
            airbase=order.total,
            **more,
        )


def _told(record: Record) -> list[dict[str, str]]:
    """Return the differences that the order's open exceptions show."""
    shown = ((each.get("evidence") or {}).get("differences", ()) for each in record.problems)
    return [dict(each) for differences in shown for each in differences]


def _difference(field_: str, expected: str, found: str) -> dict[str, str]:
    return {"where": "", "field": field_, "expected": expected, "found": found}


def _problems(order: Approved) -> str:
    return " ".join(f"{each.code}: {each.cause}" for each in order.problems)


def _why_other(title: str, order: Approved | None, day: Any) -> str:
    if order is None:
        return f"It is {title}, which Airbase no longer lists."
    if not order.is_approved:
        return f"It is {title}, which is {order.state} in Airbase."
    return f"It is {title}, approved on {day} in Airbase: of another month."
