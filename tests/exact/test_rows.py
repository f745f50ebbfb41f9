"""Which values of Exact's fields are read, and which are named as unreadable."""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.domain.faults import Review
from ml_connector.domain.ids import Division
from ml_connector.exact.purchase_orders import (
    read_header,
    read_line,
    read_order,
    read_stream_row,
)
from ml_connector.exact.reference_data import (
    LISTINGS,
    PROJECTS,
    STREAMS,
    read_deletion,
    read_item,
    read_supplier,
)
from ml_connector.exact.rows import RowReader, read_listed, read_required, read_rows
from ml_connector.exact.subscriptions import read_subscription

KEY = "0f8fad5b-d9cb-469f-a165-70867728950e"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def read(value: Any, how: Callable[[RowReader], Any]) -> tuple[Any, list[str]]:
    reader = RowReader({"F": value})
    return how(reader), reader.wrong


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("/Date(1782345600000)/", date(2026, 6, 25)),
        ("/Date(1782338400000+0200)/", date(2026, 6, 25)),
        ("/Date(1782345600000+0200)/", date(2026, 6, 25)),
        ("/Date(-62135596800000)/", None),
        ("0001-01-01T00:00:00", None),
        ("2026-06-25", date(2026, 6, 25)),
        ("2026-06-25T00:00:00", date(2026, 6, 25)),
        ("2026-06-25T00:00:00.000Z", date(2026, 6, 25)),
        ("9999-12-31T00:00:00", date(9999, 12, 31)),
        ("", None),
        (None, None),
    ],
)
def test_dates(value: Any, day: date | None) -> None:
    assert read(value, lambda row: row.day("F")) == (day, [])


@given(st.dates(date(1900, 1, 1), date(2200, 1, 1)))
def test_ticks_survive_a_round_trip(day: date) -> None:
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    ticks = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert read(f"/Date({ticks})/", lambda row: row.day("F")) == (day, [])


@pytest.mark.parametrize(
    "value", ["/Date(soon)/", "/Date(99999999999999999999)/", "25-06-2026", 1782345600000, [], {}]
)
def test_other_dates_are_named(value: Any) -> None:
    found, (wrong,) = read(value, lambda row: row.day("F"))
    assert found is None
    assert wrong.startswith("F is ")


@pytest.mark.parametrize(
    ("value", "number"),
    [("12.50", "12.50"), (12.5, "12.5"), (3, "3"), (1512.4999999999998, "1512.4999999999998")],
)
def test_numbers(value: Any, number: str) -> None:
    assert read(value, lambda row: row.number("F")) == (Decimal(number), [])


@pytest.mark.parametrize("value", ["1.234,56", math.nan, math.inf, True, [], "1e99", "twelve"])
def test_other_numbers_are_named(value: Any) -> None:
    found, wrong = read(value, lambda row: row.number("F"))
    assert (found, len(wrong)) == (None, 1)


@pytest.mark.parametrize(
    ("value", "flag"),
    [(True, True), ("true", True), (1, True), ("False", False), (0, False), (None, False)],
)
def test_flags(value: Any, *, flag: bool) -> None:
    assert read(value, lambda row: row.flag("F")) == (flag, [])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4400, "4400"),
        (4400.0, "4400"),
        (" VN ", "VN"),
        ("           0000011", "0000011"),
        (None, ""),
    ],
)
def test_texts(value: Any, text: str) -> None:
    assert read(value, lambda row: row.text("F")) == (text, [])


@pytest.mark.parametrize("value", [True, [], {"results": []}, "x" * 201, "\ud800"])
def test_other_texts_are_named(value: Any) -> None:
    found, wrong = read(value, lambda row: row.text("F"))
    assert (found, len(wrong)) == ("", 1)


@pytest.mark.parametrize("value", [KEY, KEY.upper(), f"{{{KEY}}}", f"guid'{KEY}'"])
def test_keys(value: str) -> None:
    assert read(value, lambda row: row.key("F")) == (KEY, [])


@pytest.mark.parametrize(
    "value", ["", None, "4400", 12, {}, "00000000-0000-0000-0000-000000000000"]
)
def test_a_rows_own_key_is_required(value: Any) -> None:
    found, wrong = read(value, lambda row: row.key("F"))
    assert (found, len(wrong)) == ("", 1)


@pytest.mark.parametrize("value", [None, "", "x", 0, -1, 2**63, 1.5, True, []])
def test_a_row_version_that_cannot_be_read_counts_for_nothing(value: Any) -> None:
    (found,) = read_rows([{"Timestamp": value, "F": "x"}], lambda row: row.text("F"))
    assert (found.value, found.version, found.wrong) == ("x", None, "")
    assert found.odd
    assert "Timestamp" in found.odd.wrong


def test_a_row_version_is_also_read_from_a_text() -> None:
    (found,) = read_rows([{"Timestamp": "12"}], lambda row: row.text("F"))
    assert (found.version, found.odd) == (12, None)


@pytest.mark.parametrize("row", [None, 3, "text", [], {}])
def test_a_row_that_is_no_object_stops_no_other(row: Any) -> None:
    good = {"Timestamp": 1, "ID": KEY, "Code": "11"}
    odd, fine = read_rows([row, good], read_supplier)
    assert odd.odd
    assert fine.odd is None


def test_a_row_that_is_needed_now_is_refused_with_its_reason() -> None:
    with pytest.raises(Review) as refused:
        read_required({"ID": KEY, "Code": "A", "GLCosts": "4400"}, read_item, "i", Division("nl.7"))
    (found,) = refused.value.problems
    assert found.code == "EXACT_RECORD_UNREADABLE"
    assert "i A in division nl.7: GLCosts is '4400', not a key" in found.cause


@pytest.mark.parametrize(
    "how",
    [
        *(stream.read for stream in STREAMS), *(listing.read for listing in (*LISTINGS, PROJECTS)),
        read_deletion, read_header, read_line, read_order, read_stream_row, read_subscription,
    ],
)  # fmt: skip
@given(data=st.data())
def test_no_value_of_any_field_raises(how: Callable[[RowReader], Any], data: Any) -> None:
    fields: list[str] = []

    class Asked(dict[str, Any]):
        def get(self, name: str, _default: Any = None) -> Any:
            fields.append(name)
            return None

    how(RowReader(Asked(a=1)))
    row = {name: data.draw(JSON) for name in dict.fromkeys(fields)}
    read_listed([row], how)
    read_rows([row], how)
