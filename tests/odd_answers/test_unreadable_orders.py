"""An approved order that says two things at once, or a day that no order has."""

from typing import Any

import pytest

from local.office import Office
from tests.odd_answers.hostile import note_crashes

# ---------------------------------------------------------------- two values for one dimension

MARKETING, OPERATIONS = ("Department", "MKT"), ("Department", "OPS")
BOTH = {
    "a line split between two": [MARKETING, OPERATIONS],
    "the other way round": [OPERATIONS, MARKETING],
    "under two labels of one dimension": [MARKETING, ("Cost centre", "OPS")],
    "under two labels, the other way round": [("Cost centre", "OPS"), MARKETING],
}
_LAST_WINS = pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="of two tags for one dimension the last is posted, and nobody is told",
)


def assert_told_and_not_posted(office: Office, order: dict[str, Any]) -> None:
    assert office.codes(order), "no exception is open"
    assert office.record(order).state == "review"
    assert office.in_exact() == []


@_LAST_WINS
@pytest.mark.parametrize("name", BOTH)
def test_a_line_with_two_values_for_one_dimension_is_an_exception(
    office: Office, name: str
) -> None:
    office.connect()
    tags = [office.airbase.tag(*each) for each in BOTH[name]]
    order = office.order(lines=[office.airbase.line("4500", "100.00", "Advice", tags=tags)])
    office.post(order)
    assert_told_and_not_posted(office, order)


@_LAST_WINS
def test_an_order_with_two_values_for_one_dimension_is_an_exception(office: Office) -> None:
    office.connect()
    tags = [office.airbase.tag(*each) for each in (MARKETING, OPERATIONS)]
    lines = [office.airbase.line("4500", "100.00", "Advice")]
    order = office.order(lines=lines, transaction_tags=tags)
    office.post(order)
    assert_told_and_not_posted(office, order)


# ---------------------------------------------------------------- days out of reach

_CRASHES = pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="a day at the end of the calendar crashes the worker, with no exception",
)
_POSTED = pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="an order is posted with a day that was never meant",
)
FIRST_DAY, LAST_DAY = "0001-01-01T00:00:00", "9999-12-31T23:59:59"
SECONDS, MILLISECONDS = 1_795_082_400, 1_795_082_400_000
_NEVER_MEANT = [SECONDS, MILLISECONDS, "1899-12-30", "2206-11-20"]
_REFUSED_BY_EXACT = ["0206-11-20", "1752-12-31"]


@pytest.mark.parametrize(
    ("field", "day"),
    [
        *(
            pytest.param("approved_date", day, marks=_CRASHES)
            for day in (FIRST_DAY, LAST_DAY, "9999-12-15")
        ),
        *(pytest.param("expected_date", day, marks=_POSTED) for day in (LAST_DAY, "9999-12-15")),
        *(
            pytest.param(field, day, marks=_POSTED)
            for field in ("approved_date", "expected_date")
            for day in _NEVER_MEANT
        ),
        ("expected_date", FIRST_DAY),
        *((f, day) for f in ("approved_date", "expected_date") for day in _REFUSED_BY_EXACT),
    ],
)
def test_a_day_out_of_reach_is_an_exception(office: Office, field: str, day: Any) -> None:
    office.connect()
    crashes = note_crashes(office, OverflowError)
    order = office.order(**{field: day})
    office.post(order)
    assert crashes == []
    assert_told_and_not_posted(office, order)
