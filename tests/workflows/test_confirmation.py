"""What Exact holds is compared with what was approved, to the smallest unit of the currency."""

from typing import Any

import pytest

from ml_connector.workflows.confirmation import amount_problems


def codes(approved: str, answer: dict[str, Any], *, includes_vat: bool = False) -> list[str]:
    found = amount_problems("PO-1", {"amount": approved}, answer, includes_vat)
    return [one.code for one in found]


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
    assert codes(approved, {"AmountFCExclVat": posted}) == []


@pytest.mark.parametrize(
    ("approved", "posted"), [("1234.50", 1234.51), ("1.234", 1.235), ("1000", 0), ("5.00", -5)]
)
def test_the_smallest_difference_is_an_exception(approved: str, posted: Any) -> None:
    assert codes(approved, {"AmountFCExclVat": posted}) == ["POSTED_AMOUNT_DIFFERS"]


def test_both_amounts_and_the_number_in_exact_are_told() -> None:
    answer = {"AmountFCExclVat": 99, "OrderNumber": 77}
    (found,) = amount_problems("PO-1", {"amount": "100.00"}, answer, includes_vat=False)
    assert found.record == "PO-1"
    assert found.cause.endswith("Approved 100.00, in Exact 99.00 (order 77).")


def test_the_amount_with_vat_counts_where_amounts_include_it() -> None:
    answer = {"AmountFC": 121, "AmountFCExclVat": 100}
    assert codes("121.00", answer, includes_vat=True) == []
    assert codes("100.00", answer) == []
    assert codes("100.00", answer, includes_vat=True) == ["POSTED_AMOUNT_DIFFERS"]


@pytest.mark.parametrize("answer", [{}, {"AmountFCExclVat": None}, {"AmountFC": 5}])
def test_an_answer_without_the_amount_is_taken_as_it_is(answer: dict[str, Any]) -> None:
    assert codes("1.00", answer) == []
