"""From an approved order to what Exact shall be sent, or to everything that is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ml_connector.connection import Connection, ExactDivision
from ml_connector.money import to_wire
from ml_connector.purchase_orders.books import Books, GLAccount, Item, Supplier
from ml_connector.purchase_orders.carriers import (
    CarrierNeeded,
    Need,
    find_carrier,
    find_gl_account,
    find_missing_link,
)
from ml_connector.purchase_orders.coding import dimensions, payment_condition, vat_code
from ml_connector.purchase_orders.desk import Desk
from ml_connector.purchase_orders.marker import marker, your_ref
from ml_connector.purchase_orders.model import Order, OrderLine
from ml_connector.purchase_orders.problems import Problems
from ml_connector.purchase_orders.sourcing import choose_supplier

_DESCRIPTION_LENGTH = 60


@dataclass(frozen=True)
class Plan:
    """What shall happen in Exact: first the needs, then one POST of `body`."""

    body: Mapping[str, Any]
    needs: tuple[Need, ...]


def pick_division(order: Order, connection: Connection) -> ExactDivision:
    """Return the division that serves the order's subsidiary.

    Raises `Review` when none does: never Exact's own "current division".
    """
    for key in order.subsidiary.keys:
        for division in connection.divisions:
            if key in division.subsidiaries:
                return division
    problems = Problems(order.title)
    problems.add("UNKNOWN_SUBSIDIARY", subsidiary=str(order.subsidiary))
    raise problems.as_review()


def plan(order: Order, connection: Connection, division: ExactDivision, books: Books) -> Plan:
    """Return what to send for the order.

    Raises `Review` with all problems of header and lines together.
    """
    desk = Desk(order, connection, division, books, Problems(order.title))
    _check_total(desk)
    _check_currency(desk)
    supplier = choose_supplier(desk)
    header = _header(desk, supplier)
    lines = _Lines(desk, supplier)
    body = header | {"PurchaseOrderLines": [lines.plan(line) for line in order.lines]}
    desk.problems.raise_if_any()
    return Plan(body, tuple(lines.needs.values()))


def _check_total(desk: Desk) -> None:
    approved = desk.order.total
    total = sum(line.amount for line in desk.order.lines)
    if total != approved.amount:
        desk.report("TOTAL_MISMATCH", total=str(approved), lines=str(total))
    if approved.amount <= 0:
        desk.report("NOT_POSITIVE", total=str(approved))


def _check_currency(desk: Desk) -> None:
    currency = desk.order.total.currency
    if currency not in {desk.division.currency, *desk.division.other_currencies}:
        desk.report("CURRENCY_NOT_ACTIVE", currency=currency)


def _header(desk: Desk, supplier: Supplier | None) -> dict[str, Any]:
    order = desk.order
    mark = marker(desk.connection.id, order.id, order.revision)
    title = order.title.replace("[", "(")  # can not pose as another order's marker
    return _without_blanks(
        {
            "Supplier": supplier and supplier.id,
            "OrderDate": order.order_date.isoformat(),
            "ReceiptDate": _iso(order.receipt_date),
            "Currency": order.total.currency,
            "YourRef": your_ref(order.number, order.id),
            "Description": order.description[:_DESCRIPTION_LENGTH],
            "Remarks": f"Airbase {title} {mark}",
            "PaymentCondition": payment_condition(desk, supplier),
            "Warehouse": desk.division.warehouse,
        }
    )


@dataclass
class _Lines:
    """Plans the lines of one order and gathers what they need; each need once."""

    desk: Desk
    supplier: Supplier | None
    needs: dict[str, Need] = field(default_factory=dict)

    def plan(self, line: OrderLine) -> dict[str, Any]:
        desk, where = self.desk, f"line {line.number}"
        if line.amount <= 0:
            desk.report("NOT_POSITIVE", where=where, total=str(line.amount))
        account = find_gl_account(desk, line, where)
        item = self._item(account, line, where) if account else None
        return _without_blanks(
            {
                "Item": item and item.id,
                "QuantityInPurchaseUnits": to_wire(line.quantity),
                "UnitPrice": to_wire(line.unit_price),
                "Description": line.description[:_DESCRIPTION_LENGTH],
                "Notes": _notes(line, account),
                "ReceiptDate": _iso(line.receipt_date or desk.order.receipt_date),
                "VATCode": vat_code(desk, line, account, self.supplier, where),
                **dimensions(desk, line, account, where),
            }
        )

    def _item(self, account: GLAccount, line: OrderLine, where: str) -> Item | None:
        found = find_carrier(self.desk, account, where)
        if isinstance(found, CarrierNeeded):
            self.needs[found.name] = found
            return None
        if found and self.supplier:
            link = find_missing_link(self.desk, found, self.supplier, line)
            if link:
                self.needs.setdefault(link.name, link)
        return found


def _notes(line: OrderLine, account: GLAccount | None) -> str:
    """Return the requested GL account in words: the line itself can not hold it."""
    text = line.description if len(line.description) > _DESCRIPTION_LENGTH else ""
    return f"GL account {account.code}. {text}".strip() if account else text


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _without_blanks(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "")}
