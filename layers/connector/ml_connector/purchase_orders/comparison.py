"""Which fields and lines of a purchase order are not as they were to be.

The expected side is a body as it was sent: Exact's own field names, JSON values. A field that was
not sent is Exact's to fill and is not compared; one that is None was there and has to be gone.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ml_connector.purchase_orders.exact_order import ExactLine, ExactOrder

Body = Mapping[str, Any]
LINES = "PurchaseOrderLines"
"""The field of a body that holds its lines."""

_STEP = Decimal("0.000001")
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
WEIGHTY = frozenset(
    {
        "Supplier", "Currency", "Item", "QuantityInPurchaseUnits", "UnitPrice", "VATCode",
        "CostCenter", "CostUnit", "Project",
    }
)  # fmt: skip
"""What an approval is about. Texts and dates in Exact belong to whoever works there."""

_LIKENESSES: tuple[tuple[str, ...], ...] = (
    tuple(name for name in LINE if name in WEIGHTY),
    ("Item", "Description", "UnitPrice"),
    ("Item", "Description"),
    ("Item",),
)


@dataclass(frozen=True)
class Pair:
    """An expected line and the line of Exact that stands for it; None where there is none."""

    expected: Body | None
    found: ExactLine | None


def changed_header(expected: Body, order: ExactOrder) -> dict[str, Any]:
    """Return the header fields to be sent so that the order is as expected."""
    return {
        name: expected[name]
        for name, attribute in HEADER.items()
        if name in expected and not _same(expected[name], getattr(order, attribute))
    }


def changed_fields(expected: Body, line: ExactLine) -> dict[str, Any]:
    """Return the fields to be sent so that the line is as expected."""
    return {
        name: expected[name]
        for name, attribute in LINE.items()
        if name in expected
        and not _same(expected[name], getattr(line, attribute))
        and not (name == "UnitPrice" and _is_same_price(expected, line))
    }


def pair_lines(expected: Sequence[Body], found: Sequence[ExactLine]) -> list[Pair]:
    """Join the lines that are equal, then those most alike, then the rest in their order.

    Exact numbers lines itself and knows nothing of ours, so likeness is all there is. What a line
    buys counts before its texts, which people in Exact may change.
    """
    wanted, there = list(expected), list(found)
    pairs = _take_alike(wanted, there, tuple(LINE), is_whole=True)
    for names in _LIKENESSES:
        pairs += _take_alike(wanted, there, names)
    both = min(len(wanted), len(there))
    pairs += [Pair(w, t) for w, t in zip(wanted[:both], there[:both], strict=True)]
    pairs += [Pair(w, None) for w in wanted[both:]]
    return pairs + [Pair(None, t) for t in there[both:]]


def _take_alike(
    wanted: list[Body], there: list[ExactLine], names: Sequence[str], *, is_whole: bool = False
) -> list[Pair]:
    """Take out the pairs that are equal in these fields, as far as the expected line names them.

    Those that name more come first: for one that names less, another line would do as well.
    `is_whole`: what is not named has to be empty.
    """
    free: dict[Sequence[str], dict[Hashable, list[ExactLine]]] = {}
    pairs: dict[int, Pair] = {}
    taken: set[str] = set()
    named = [tuple(n for n in names if is_whole or n in one) for one in wanted]
    for at in sorted(range(len(wanted)), key=lambda at: -len(named[at])):
        index = free.setdefault(named[at], {}) or _index(free[named[at]], there, named[at])
        alike = index.get(tuple(plain(wanted[at].get(name)) for name in named[at]), [])
        while alike and alike[-1].id in taken:
            alike.pop()
        if alike:
            taken.add(alike[-1].id)
            pairs[at] = Pair(wanted[at], alike.pop())
    wanted[:] = [one for at, one in enumerate(wanted) if at not in pairs]
    there[:] = [line for line in there if line.id not in taken]
    return list(pairs.values())


def _index(
    index: dict[Hashable, list[ExactLine]], lines: Sequence[ExactLine], names: Sequence[str]
) -> dict[Hashable, list[ExactLine]]:
    for line in reversed(lines):
        key = tuple(plain(getattr(line, LINE[name])) for name in names)
        index.setdefault(key, []).append(line)
    return index


def _is_same_price(expected: Body, line: ExactLine) -> bool:
    """Exact may keep fewer decimals of a price: what counts is the line's amount."""
    price, quantity = expected["UnitPrice"], expected.get("QuantityInPurchaseUnits")
    if price is None:
        return False
    most = max(Decimal(str(quantity or 1)), line.quantity, Decimal(1))
    return abs(Decimal(str(price)) - line.unit_price) * most < _HALF_A_CENT


def _same(expected: Any, found: Any) -> bool:
    return plain(expected) == plain(found)


def plain(value: Any) -> str:
    """Write a value of either side alike: 2, 2.0 and Decimal("2.00") are one number."""
    if isinstance(value, int | float | Decimal):
        return f"{Decimal(str(value)).quantize(_STEP).normalize():f}"
    if isinstance(value, date):
        return value.isoformat()
    return " ".join(str(value or "").split())
