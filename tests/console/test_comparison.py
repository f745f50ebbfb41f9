"""Line by line, what each of the three sides says stands in its own column."""

from datetime import UTC, datetime
from decimal import Decimal

from ml_connector.domain.ids import Guid
from ml_connector.domain.orders.exact_order import ExactLine, ExactOrder
from ml_connector.domain.records import OrderFacts
from ml_connector.domain.reports import ApprovedLine, OrderReport
from ml_connector.languages.locales import LOCALES
from ml_console.routes.comparison import compared


def approved(*lines: str) -> OrderReport:
    made = tuple(ApprovedLine(each, "4100", "1", "5.00", "5.00", "", "") for each in lines)
    at = datetime(2026, 11, 30, tzinfo=UTC)
    return OrderReport(at, "PO-1", "Vendor", "EUR 5.00", "Order", "2026-11-30", "", made)


def held(*lines: str) -> ExactOrder:
    made = tuple(
        ExactLine(Guid(each), number, Guid("item"), Decimal(1), Decimal(5), description=each)
        for number, each in enumerate(lines, 1)
    )
    return ExactOrder(Guid("order"), "1", Guid("supplier"), "EUR", None, None, lines=made)


def written(*lines: str) -> OrderFacts:
    made = [
        {"Description": each, "QuantityInPurchaseUnits": 1, "UnitPrice": 5, "NetPrice": 5}
        for each in lines
    ]
    return OrderFacts(body={"Currency": "EUR", "PurchaseOrderLines": made})


def descriptions(
    airbase: tuple[str, ...], last: tuple[str, ...], exact: tuple[str, ...]
) -> list[tuple[object, ...]]:
    """Return number, sign, the descriptions of the three sides, and whether Exact changed it."""
    parts = compared(written(*last), approved(*airbase), held(*exact), LOCALES["en"])[1:]
    cells = [(part, part.cells[0]) for part in parts]
    return [
        (part.number, part.sign, cell.airbase, cell.written, cell.exact, cell.changed)
        for part, cell in cells
    ]


def test_each_side_has_its_own_column() -> None:
    assert descriptions(("now",), ("last",), ("held",)) == [(1, "", "now", "last", "held", True)]


def test_a_line_that_only_exact_has_is_added_and_one_that_it_lacks_is_removed() -> None:
    assert descriptions((), ("one",), ("one", "two")) == [
        (1, "", None, "one", "one", False),
        (2, "+", None, None, "two", False),
    ]
    assert descriptions(("one", "two"), ("one", "two"), ("one",)) == [
        (1, "", "one", "one", "one", False),
        (2, "-", "two", "two", None, False),
    ]
