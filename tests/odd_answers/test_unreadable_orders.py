"""Approved orders with contradictory values or impossible dates."""

from typing import Any

import pytest

from local.in_memory.environment import InMemoryEnvironment
from tests.odd_answers.hostile import record_crashes

# ---------------------------------------------------------------- two values for one dimension

MARKETING, OPERATIONS = ("Department", "MKT"), ("Department", "OPS")
BOTH = {
    "a line split between two": [MARKETING, OPERATIONS],
    "the other way round": [OPERATIONS, MARKETING],
    "under two labels of one dimension": [MARKETING, ("Cost centre", "OPS")],
    "under two labels, the other way round": [("Cost centre", "OPS"), MARKETING],
}


def assert_exception_and_not_posted(env: InMemoryEnvironment, order: dict[str, Any]) -> None:
    assert env.codes(order), "no exception is open"
    assert env.record(order).state == "review"
    assert env.in_exact() == []


@pytest.mark.parametrize("name", BOTH)
def test_a_line_with_two_values_for_one_dimension_is_an_exception(
    env: InMemoryEnvironment, name: str
) -> None:
    env.connect()
    tags = [env.airbase.tag(*each) for each in BOTH[name]]
    order = env.order(lines=[env.airbase.line("4500", "100.00", "Advice", tags=tags)])
    env.post(order)
    assert_exception_and_not_posted(env, order)


def test_an_order_with_two_values_for_one_dimension_is_an_exception(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    tags = [env.airbase.tag(*each) for each in (MARKETING, OPERATIONS)]
    lines = [env.airbase.line("4500", "100.00", "Advice")]
    order = env.order(lines=lines, transaction_tags=tags)
    env.post(order)
    assert_exception_and_not_posted(env, order)


# ---------------------------------------------------------------- impossible dates

FIRST_DAY, LAST_DAY = "0001-01-01T00:00:00", "9999-12-31T23:59:59"
SECONDS, MILLISECONDS = 1_795_082_400, 1_795_082_400_000
_IMPOSSIBLE = [SECONDS, MILLISECONDS, "1899-12-30", "2206-11-20"]
_REFUSED_BY_EXACT = ["0206-11-20", "1752-12-31"]


@pytest.mark.parametrize(
    ("field", "day"),
    [
        *(
            (field, day)
            for field in ("approved_date", "expected_date")
            for day in (LAST_DAY, "9999-12-15", *_IMPOSSIBLE)
        ),
        ("approved_date", FIRST_DAY),
        ("expected_date", FIRST_DAY),
        *((f, day) for f in ("approved_date", "expected_date") for day in _REFUSED_BY_EXACT),
    ],
)
def test_an_impossible_date_is_an_exception(env: InMemoryEnvironment, field: str, day: Any) -> None:
    env.connect()
    crashes = record_crashes(env, OverflowError)
    order = env.order(**{field: day})
    env.post(order)
    assert crashes == []
    assert_exception_and_not_posted(env, order)
