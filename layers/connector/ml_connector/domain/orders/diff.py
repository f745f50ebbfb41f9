"""Compare the fields and lines of a purchase order with what is expected.

The expected side is a body as sent: Exact's own field names, JSON values. A field that was not
sent is filled by Exact and not compared; one that is None has to be empty.
"""

from collections.abc import Hashable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from msgspec import Struct

from ml_connector.domain.orders.exact_order import ExactLine, ExactOrder

Body = Mapping[str, Any]
LINES = "PurchaseOrderLines"
"""The field of a body that holds its lines."""

_STEP = Decimal("0.00000001")
_HALF_A_CENT = Decimal("0.005")

HEADER: dict[str, str] = {
    "Supplier": "supplier",
    "Currency": "currency",
    "OrderDate": "order_date",
    "ReceiptDate": "receipt_date",
    "YourRef": "your_ref",
    "Description": "description",
    "PaymentCondition": "payment_condition",
    "Warehouse": "warehouse",
}
LINE: dict[str, str] = {
    "Item": "item",
    "QuantityInPurchaseUnits": "quantity",
    "UnitPrice": "unit_price",
    "VATCode": "vat_code",
    "CostCenter": "cost_centre",
    "CostUnit": "cost_unit",
    "Project": "project",
    "Description": "description",
    "Notes": "notes",
    "ReceiptDate": "receipt_date",
}
APPROVED_FIELDS = frozenset(
    {
        "Supplier", "Currency", "Item", "QuantityInPurchaseUnits", "UnitPrice", "VATCode",
        "CostCenter", "CostUnit", "Project",
    }
)  # fmt: skip
"""The fields that an approval covers. Users of Exact may change texts and dates."""

_LESS_AND_LESS_ALIKE: tuple[tuple[str, ...], ...] = (
    tuple(name for name in LINE if name in APPROVED_FIELDS),
    ("Item", "Description", "UnitPrice"),
    ("Item", "Description"),
    ("Item",),
)


class LinePair(Struct, frozen=True):
    """An expected line and its line in Exact; None where there is none."""

    expected: Body | None
    found: ExactLine | None


def changed_header(expected: Body, order: ExactOrder) -> dict[str, Any]:
    """Return the header fields to send so that the order is as expected."""
    return {
        name: expected[name]
        for name, attribute in HEADER.items()
        if name in expected and not _same(expected[name], getattr(order, attribute))
    }


def changed_fields(expected: Body, line: ExactLine) -> dict[str, Any]:
    """Return the fields to send so that the line is as expected."""
    return {
        name: expected[name]
        for name, attribute in LINE.items()
        if name in expected
        and not _same(expected[name], getattr(line, attribute))
        and not (name == "UnitPrice" and _is_same_price(expected, line))
    }


def pair_lines(expected: Sequence[Body], found: Sequence[ExactLine]) -> list[LinePair]:
    """Pair the lines that are equal, then the most similar ones, then the rest in their order.

    Exact numbers lines itself and stores no id of ours, so lines are paired by their content.
    What a line buys counts before its texts, which people may change in Exact.
    """
    unpaired, lines = list(expected), list(found)
    pairs = _take_alike(unpaired, lines, tuple(LINE), every_field=True)
    for names in _LESS_AND_LESS_ALIKE:
        pairs += _take_alike(unpaired, lines, names)
    both = min(len(unpaired), len(lines))
    pairs += [LinePair(e, f) for e, f in zip(unpaired[:both], lines[:both], strict=True)]
    pairs += [LinePair(e, None) for e in unpaired[both:]]
    return pairs + [LinePair(None, f) for f in lines[both:]]


def _take_alike(
    unpaired: list[Body], lines: list[ExactLine], names: Sequence[str], *, every_field: bool = False
) -> list[LinePair]:
    """Take out the pairs that are equal in these fields, as far as the expected line has them.

    Lines with more fields come first, since fewer lines in Exact can match them. `every_field`:
    a field that is not expected has to be empty.
    """
    free: dict[Sequence[str], dict[Hashable, list[ExactLine]]] = {}
    pairs: dict[int, LinePair] = {}
    taken: set[str] = set()
    compared = [tuple(n for n in names if every_field or n in one) for one in unpaired]
    for at in sorted(range(len(unpaired)), key=lambda at: -len(compared[at])):
        fields = compared[at]
        index = free.setdefault(fields, {}) or _index(free[fields], lines, fields)
        alike = index.get(tuple(plain(unpaired[at].get(name)) for name in fields), [])
        while alike and alike[-1].id in taken:
            alike.pop()
        if alike:
            taken.add(alike[-1].id)
            pairs[at] = LinePair(unpaired[at], alike.pop())
    unpaired[:] = [one for at, one in enumerate(unpaired) if at not in pairs]
    lines[:] = [line for line in lines if line.id not in taken]
    return list(pairs.values())


def _index(
    index: dict[Hashable, list[ExactLine]], lines: Sequence[ExactLine], names: Sequence[str]
) -> dict[Hashable, list[ExactLine]]:
    for line in reversed(lines):
        key = tuple(plain(getattr(line, LINE[name])) for name in names)
        index.setdefault(key, []).append(line)
    return index


def _is_same_price(expected: Body, line: ExactLine) -> bool:
    """Compare the line's amount, since Exact may keep fewer decimals of a price."""
    price, quantity = expected["UnitPrice"], expected.get("QuantityInPurchaseUnits")
    if price is None:
        return False
    largest = max(Decimal(str(quantity or 1)), line.quantity, Decimal(1))
    return abs(Decimal(str(price)) - line.unit_price) * largest < _HALF_A_CENT


def _same(expected: Any, found: Any) -> bool:
    return plain(expected) == plain(found)


def plain(value: Any) -> str:
    """Return a value in the same form for both sides: 2, 2.0 and Decimal("2.00") are equal."""
    if isinstance(value, int | float | Decimal):
        return f"{Decimal(str(value)).quantize(_STEP).normalize():f}"
    if isinstance(value, date):
        return value.isoformat()
    return " ".join(str(value or "").split())
