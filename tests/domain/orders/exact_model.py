"""A small model of how Exact applies edits, and strategies for orders to apply them to."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

from hypothesis import strategies as st

from ml_connector.domain.ids import Guid
from ml_connector.domain.orders.diff import HEADER, LINE, LINES
from ml_connector.domain.orders.edits import Edits
from ml_connector.domain.orders.exact_order import (
    CANCELLED,
    COMPLETE,
    OPEN,
    PARTIAL,
    ExactLine,
    ExactOrder,
)

ORDER_ID = Guid("11111111-0000-4000-8000-000000000001")
_DATES, _NUMBERS = {"order_date", "receipt_date"}, {"quantity", "unit_price"}


def apply(change: Edits, order: ExactOrder) -> ExactOrder:
    """Return the order after the edits: a field that was not sent stays, None empties it."""
    gone = {line.id for line in change.removed}
    changed = {line.id: fields for line, fields in change.changed}
    kept = [_on_line(o, changed.get(o.id, {})) for o in order.lines if o.id not in gone]
    used = {line.id for line in order.lines}
    free = (number for number in count(1) if f"line-{number}" not in used)
    added = [a_line(next(free), fields) for fields in change.added]
    header = {HEADER[n]: _read(HEADER[n], v) for n, v in change.header.items() if n in HEADER}
    return replace(order, lines=(*kept, *added), **header)


def as_posted(body: Mapping[str, Any], **more: Any) -> ExactOrder:
    """Return the order that Exact creates from a body."""
    empty = ExactOrder(ORDER_ID, "1", Guid(""), "", None, None)
    header = {HEADER[n]: _read(HEADER[n], v) for n, v in body.items() if n in HEADER}
    lines = tuple(a_line(number, line) for number, line in enumerate(body[LINES], start=1))
    return replace(empty, lines=lines, **header, **more)


def a_line(number: int, fields: Mapping[str, Any]) -> ExactLine:
    """Return line `number` with what was sent for it."""
    empty = ExactLine(Guid(f"line-{number}"), number, Guid(""), Decimal(0), Decimal(0))
    return _on_line(empty, fields)


def _on_line(line: ExactLine, fields: Mapping[str, Any]) -> ExactLine:
    return replace(line, **{LINE[n]: _read(LINE[n], v) for n, v in fields.items() if n in LINE})


def _read(attribute: str, value: Any) -> Any:
    if attribute in _NUMBERS:
        return Decimal(str(value or 0))
    if attribute in _DATES:
        return date.fromisoformat(value) if value else None
    return value or ""


_PRICES = ("1", "2.5", "100", "0.12345678", "33.33333333", "33.33333334", "1.004", "0.00000001")
_DAYS = ("2026-11-01", "2026-12-01")


def _optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def _some_of(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


a_sent_line: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    st.fixed_dictionaries(
        {
            "Item": _some_of("item-1", "item-2"),
            "QuantityInPurchaseUnits": _some_of(1, 2, 3.5, 1000),
            "UnitPrice": _some_of(*map(float, _PRICES)),
        }
    ),
) | st.builds(
    lambda least, more: {**least, **more},
    st.fixed_dictionaries(
        {
            "Item": _some_of("item-1", "item-2"),
            "QuantityInPurchaseUnits": _some_of(1, 2, 1000),
            "UnitPrice": _some_of(*map(float, _PRICES)),
        }
    ),
    _optional(
        Description=_some_of("Paper", "Pens", "2.0"),
        Notes=_some_of("GL account 4100.", "GL account 4200."),
        ReceiptDate=_some_of(*_DAYS),
        VATCode=_some_of("5", "4"),
        CostCenter=_some_of("MKT", "OPS"),
        CostUnit=_some_of("A"),
        Project=_some_of("project-1"),
    ),
)

a_body = st.builds(
    lambda least, more, lines: {**least, **more, LINES: lines},
    st.fixed_dictionaries(
        {
            "Supplier": _some_of("supplier-1", "supplier-2"),
            "Currency": _some_of("EUR", "USD"),
            "OrderDate": _some_of(*_DAYS),
            "YourRef": _some_of("PO-1", "PO-2"),
            "Remarks": st.just("[marker]"),
        }
    ),
    _optional(
        ReceiptDate=_some_of(*_DAYS),
        Description=_some_of("For the office", "Later"),
        PaymentCondition=_some_of("30", "14"),
        Warehouse=_some_of("warehouse-1", "warehouse-2"),
    ),
    st.lists(a_sent_line, min_size=1, max_size=4),
)

_a_status = _some_of(OPEN, OPEN, OPEN, PARTIAL, COMPLETE, CANCELLED, 7)


@st.composite
def a_found(draw: st.DrawFn, *bodies: Mapping[str, Any]) -> ExactOrder:
    """Draw an order in Exact: one of the bodies or another, permuted, shortened or received."""
    order = as_posted(draw(st.sampled_from(bodies) | a_body if bodies else a_body))
    lines = draw(st.permutations(order.lines))
    lines = lines[: draw(st.integers(1, len(lines)))]
    amount = draw(st.none() | st.sampled_from([Decimal(1), Decimal("33.33")]))
    return replace(
        order,
        amount=amount,
        amount_without_vat=amount,
        lines=tuple(replace(line, number=n) for n, line in enumerate(lines, start=1)),
        order_status=draw(_a_status),
        receipt_status=draw(_a_status),
        invoice_status=draw(_a_status),
    )
