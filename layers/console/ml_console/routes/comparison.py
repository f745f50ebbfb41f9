"""An order on three sides: as Airbase has it, as it was written last, and as Exact holds it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from itertools import zip_longest
from typing import Any

from msgspec import Struct

from ml_connector.domain.money import minor_digits
from ml_connector.domain.orders.diff import LINES
from ml_connector.domain.orders.exact_order import ExactLine, ExactOrder
from ml_connector.domain.records import OrderFacts
from ml_connector.domain.reports import ApprovedLine, OrderReport
from ml_connector.languages.figures import amount, day, price
from ml_connector.languages.locales import Locale
from ml_console.formats import money

_HEADER = ("description", "order_date", "payment_condition", "sum")
_LINE = ("description", "quantity", "unit_price", "vat_code", "cost_centre")
_Show = Callable[[str, Any], str]


class Cell(Struct, frozen=True):
    """One value on each side; None where a side has no such line, or was not read.

    `changed`: Exact holds another value than was written.
    """

    name: str
    airbase: str | None
    written: str | None
    exact: str | None
    changed: bool


class Part(Struct, frozen=True):
    """The header (`number` 0) or one line, value by value; `received` and `invoiced` are in Exact.

    `sign`: "+" for a line that only Exact has, "-" for one that Exact has no more.
    """

    number: int
    cells: list[Cell]
    sign: str = ""
    received: str = ""
    invoiced: str = ""


def compared(
    facts: OrderFacts, approved: OrderReport | None, held: ExactOrder | None, locale: Locale
) -> list[Part]:
    """Return header and lines of an order; empty when nothing was written or read."""
    if not (facts.body or approved or held):
        return []
    show = partial(_shown, locale=locale, currency=_currency(facts.body, approved, held))
    return [_header(facts, approved, held, show), *_lines(facts.body, approved, held, show)]


def _currency(
    body: Mapping[str, Any] | None, approved: OrderReport | None, held: ExactOrder | None
) -> str:
    written = str((body or {}).get("Currency") or "")
    return written or (held.currency if held else approved.total[:3] if approved else "")


def _header(
    facts: OrderFacts, approved: OrderReport | None, held: ExactOrder | None, show: _Show
) -> Part:
    body = facts.body or {}
    left: Mapping[str, Any] | None = None
    if approved:
        left = {name: getattr(approved, name) for name in _HEADER[:-1]}
        currency = approved.total.partition(" ")[0] or approved.total.rpartition(" ")[2]
        left = {**left, "sum": _sum(currency, (Decimal(line.amount) for line in approved.lines))}
    middle = {
        "description": body.get("Description"),
        "order_date": str(body.get("OrderDate") or "")[:10],
        "payment_condition": body.get("PaymentCondition"),
        "sum": _sum(body.get("Currency"), map(_amount_of, body.get(LINES, ()))),
    }
    right: Mapping[str, Any] | None = None
    if held:
        names = ("description", "order_date", "payment_condition")
        right = {name: getattr(held, name) for name in names}
        lines = (line.quantity * line.unit_price for line in held.lines)
        right = {**right, "sum": _sum(held.currency, lines)}
    return Part(0, _cells(_HEADER, left, middle if body else None, right, show))


def _lines(
    body: Mapping[str, Any] | None,
    approved: OrderReport | None,
    held: ExactOrder | None,
    show: _Show,
) -> Iterator[Part]:
    written: Sequence[Mapping[str, Any]] = (body or {}).get(LINES, ())
    airbase = approved.lines if approved else ()
    exact = held.lines if held else ()
    for at, (left, middle, right) in enumerate(zip_longest(airbase, written, exact), 1):
        is_added, is_removed = right and body and not middle, held and middle and not right
        sign = "+" if is_added else "-" if is_removed else ""
        values = _read_line(left), _written_line(middle), _read_line(right)
        cells = _cells(_LINE, *values, show)
        received = show("quantity", right.received) if right and right.received else ""
        invoiced = show("quantity", right.invoiced) if right and right.invoiced else ""
        yield Part(at, cells, sign, received, invoiced)


def _read_line(line: ApprovedLine | ExactLine | None) -> Mapping[str, Any] | None:
    return None if line is None else {name: getattr(line, name) for name in _LINE}


def _written_line(line: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return line and {
        "description": line.get("Description"),
        "quantity": line.get("QuantityInPurchaseUnits"),
        "unit_price": line.get("UnitPrice"),
        "vat_code": line.get("VATCode"),
        "cost_centre": line.get("CostCenter"),
    }


def _cells(
    names: Sequence[str],
    airbase: Mapping[str, Any] | None,
    written: Mapping[str, Any] | None,
    exact: Mapping[str, Any] | None,
    show: _Show,
) -> list[Cell]:
    made = []
    for name in names:
        left, middle, right = (
            None if side is None else show(name, side.get(name))
            for side in (airbase, written, exact)
        )
        changed = middle is not None and right is not None and middle != right
        if any((left, middle, right)):
            made.append(Cell(name, left, middle, right, changed))
    return made


def _shown(name: str, value: Any, locale: Locale, currency: str) -> str:
    if value is None or value == "":
        return ""
    if name == "quantity":
        return price(value, locale, 0)
    if name == "unit_price":
        return price(value, locale, minor_digits(currency))
    if name == "order_date":
        return day(value if isinstance(value, date) else str(value), locale)
    if name == "sum":
        return amount(str(value), locale)
    return str(value).strip()


def _amount_of(line: Mapping[str, Any]) -> Decimal:
    values = (line.get(name) or 0 for name in ("QuantityInPurchaseUnits", "UnitPrice"))
    quantity, price = (Decimal(str(each)) for each in values)
    return quantity * price


def _sum(currency: str | None, amounts: Iterable[Decimal]) -> str:
    """Return the sum of the lines: it is the same on each side, with VAT or without."""
    return money(currency, sum(amounts, Decimal())) if currency else ""
