"""What Exact holds is compared with what was approved, to the smallest unit of the currency."""

from decimal import Decimal
from typing import Any

import pytest

from ml_connector.domain.orders.outcome import amount_problems


def codes(approved: str, found: Any) -> list[str]:
    return [one.code for one in amount_problems("PO-1", Decimal(approved), found, 77)]


@pytest.mark.parametrize(
    ("approved", "posted"),
    [
        ("1234.50", 1234.5),
        ("1234.50", "1234.5000"),
        ("0.30", 0.1 + 0.2),
        ("1000", 1000.0),
        ("1.234", 1.234),
        ("9999999999999.99", 9999999999999.99),
    ],
)
def test_the_same_amount_in_another_form_is_the_same(approved: str, posted: Any) -> None:
    assert codes(approved, posted) == []


@pytest.mark.parametrize(
    ("approved", "posted"), [("1234.50", 1234.51), ("1.234", 1.235), ("1000", 0), ("5.00", -5)]
)
def test_the_smallest_difference_is_an_exception(approved: str, posted: Any) -> None:
    assert codes(approved, posted) == ["POSTED_AMOUNT_DIFFERS"]


def test_both_amounts_and_the_number_in_exact_are_reported() -> None:
    (found,) = amount_problems("PO-1", Decimal("100.00"), 99, 77)
    assert found.record == "PO-1"
    assert found.cause.endswith("Approved 100.00, in Exact 99.00 (order 77).")


def test_an_answer_without_the_amount_is_no_exception() -> None:
    assert codes("1.00", None) == []
