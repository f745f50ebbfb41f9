"""What orders in Exact still oblige to, by currency."""

from decimal import Decimal

from ml_connector.domain.ids import Division, Guid
from ml_connector.domain.orders.exact_order import CANCELLED, COMPLETE, ExactLine, ExactOrder
from ml_connector.month_end.obligations import obligations_of

DIVISION = Division("nl.2101")


def order(
    id: str, *lines: tuple[str, str, str, str], currency: str = "EUR", **more: object
) -> ExactOrder:
    """Return an order; lines are quantity, price, received and invoiced quantity."""
    made = tuple(
        ExactLine(
            Guid(f"{id}-{at}"), at, Guid("item"), Decimal(quantity), Decimal(price),
            received=Decimal(received), invoiced=Decimal(invoiced),
        )
        for at, (quantity, price, received, invoiced) in enumerate(lines, start=1)
    )  # fmt: skip
    return ExactOrder(Guid(id), id, Guid("supplier"), currency, None, None, lines=made, **more)  # type: ignore[arg-type]


def test_what_is_not_invoiced_is_summed_by_currency() -> None:
    found = obligations_of(
        DIVISION,
        [
            order("open", ("10", "2.50", "4", "0"), ("1", "0.335", "0", "0")),
            order("partly", ("10", "1.00", "8", "5")),
            order("dollars", ("1", "7.00", "1", "0"), currency="USD"),
        ],
    )
    assert [(each.currency, each.orders, each.ordered, each.received) for each in found] == [
        ("EUR", 2, "30.34", "13.00"),
        ("USD", 1, "7.00", "7.00"),
    ]


def test_nothing_is_owed_for_what_is_invoiced_cancelled_or_unreadable() -> None:
    line = ("1", "5.00", "1", "0")
    settled = [
        order("invoiced", ("2", "5.00", "2", "2")),
        order("more", ("2", "5.00", "2", "3")),
        order("complete", line, invoice_status=COMPLETE),
        order("cancelled", line, order_status=CANCELLED),
        order("odd", line, unreadable="a date"),
    ]
    assert obligations_of(DIVISION, settled) == []
