"""Which fields and lines of a purchase order are not as they were to be.

The expected side is a body as it was sent: Exact's own field names, JSON values. A field that was
not sent is Exact's to fill and is not compared; one that is None was there and has to be gone.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
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
        if name in expected and not _same_on_line(name, expected[name], line, attribute)
    }


def pair_lines(expected: Sequence[Body], found: Sequence[ExactLine]) -> list[Pair]:
    """Join the lines that are equal, then those most alike, then the rest in their order.

    Exact numbers lines itself and knows nothing of ours, so likeness is all there is.
    """
    wanted, there = list(expected), list(found)
    pairs: list[Pair] = []
    for key_of_wanted, key_of_there in _LIKENESSES:
        pairs += _take_alike(wanted, there, key_of_wanted, key_of_there)
    both = min(len(wanted), len(there))
    pairs += [Pair(w, t) for w, t in zip(wanted[:both], there[:both], strict=True)]
    pairs += [Pair(w, None) for w in wanted[both:]]
    return pairs + [Pair(None, t) for t in there[both:]]


def _take_alike(
    wanted: list[Body],
    there: list[ExactLine],
    key_of_wanted: Callable[[Body], Hashable],
    key_of_there: Callable[[ExactLine], Hashable],
) -> list[Pair]:
    free: defaultdict[Hashable, list[ExactLine]] = defaultdict(list)
    for line in reversed(there):
        free[key_of_there(line)].append(line)
    pairs, left = [], []
    for one in wanted:
        alike = free[key_of_wanted(one)]
        if alike:
            pairs.append(Pair(one, alike.pop()))
        else:
            left.append(one)
    taken = {pair.found.id for pair in pairs if pair.found}
    wanted[:], there[:] = left, [line for line in there if line.id not in taken]
    return pairs


_LIKENESSES: tuple[tuple[Callable[[Body], Hashable], Callable[[ExactLine], Hashable]], ...] = (
    (
        lambda b: tuple(plain(b.get(name)) for name in LINE),
        lambda t: tuple(plain(getattr(t, attribute)) for attribute in LINE.values()),
    ),
    (
        lambda b: (b.get("Item"), plain(b.get("Description")), plain(b.get("UnitPrice"))),
        lambda t: (t.item, plain(t.description), plain(t.unit_price)),
    ),
    (
        lambda b: (b.get("Item"), plain(b.get("Description"))),
        lambda t: (t.item, plain(t.description)),
    ),
    (lambda b: b.get("Item"), lambda t: t.item),
)


def _same_on_line(name: str, expected: Any, line: ExactLine, attribute: str) -> bool:
    if name == "UnitPrice" and expected is not None:
        # Exact may keep fewer decimals of a price: what counts is the line's amount.
        off = abs(Decimal(str(expected)) - line.unit_price) * max(line.quantity, Decimal(1))
        return off < _HALF_A_CENT
    return _same(expected, getattr(line, attribute))


def _same(expected: Any, found: Any) -> bool:
    return plain(expected) == plain(found)


def plain(value: Any) -> str:
    """Write a value of either side alike: 2, 2.0 and Decimal("2.00") are one number."""
    if isinstance(value, int | float | Decimal):
        return f"{Decimal(str(value)).quantize(_STEP).normalize():f}"
    if isinstance(value, date):
        return value.isoformat()
    return " ".join(str(value or "").split())
