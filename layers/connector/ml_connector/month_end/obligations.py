"""What orders in Exact still oblige to: what is ordered, or received, and not invoiced yet.

From the orders as Exact reported them last, at their own prices. So it is what they are now: Exact
does not tell what had been received or invoiced at an earlier day.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from ml_connector.domain.ids import Division
from ml_connector.domain.money import round_to_cents
from ml_connector.domain.orders.exact_order import COMPLETE, ExactOrder
from ml_connector.domain.reports import Obligation


@dataclass
class _Sum:
    orders: int = 0
    ordered: Decimal = Decimal(0)
    received: Decimal = Decimal(0)


def obligations_of(division: Division, orders: Iterable[ExactOrder]) -> list[Obligation]:
    """Return what is not invoiced of a division's orders, by currency.

    A cancelled order obliges to nothing, nor does one that Exact says to be invoiced. An order that
    could not be read when it changed last is left out.
    """
    found: defaultdict[str, _Sum] = defaultdict(_Sum)
    for order in orders:
        if order.is_cancelled or order.invoice_status == COMPLETE or order.unreadable:
            continue
        ordered, received = _open(order)
        if ordered or received:
            each = found[order.currency]
            each.orders += 1
            each.ordered += ordered
            each.received += received
    return [
        Obligation(division, currency, each.orders, f"{each.ordered:f}", f"{each.received:f}")
        for currency, each in sorted(found.items())
    ]


def _open(order: ExactOrder) -> tuple[Decimal, Decimal]:
    """Return the amounts that are ordered, and received, and not invoiced."""
    ordered = received = Decimal(0)
    for line in order.lines:
        ordered += max(line.quantity - line.invoiced, Decimal(0)) * line.unit_price
        received += max(line.received - line.invoiced, Decimal(0)) * line.unit_price
    return round_to_cents(ordered, order.currency), round_to_cents(received, order.currency)
