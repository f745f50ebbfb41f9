"""Literals, answers, dates and codes in Exact's dialect."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.exact import odata
from ml_connector.exact.odata import UnreadableAnswerError

KEY = "0f8fad5b-d9cb-469f-a165-70867728950e"
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


def test_literals_have_exacts_form() -> None:
    assert odata.guid_literal("{" + KEY.upper() + "}") == f"guid'{KEY}'"
    assert odata.text_literal("d'Or") == "'d''Or'"
    assert odata.int64_literal(123) == "123L"
    assert odata.address("crm/Accounts", KEY) == f"crm/Accounts(guid'{KEY}')"


@pytest.mark.parametrize("text", ["", "11", KEY[:-1], f"{KEY}' or 1 eq 1", KEY + "\n0"])
def test_only_a_guid_becomes_a_guid_literal(text: str) -> None:
    with pytest.raises(ValueError, match="not a GUID"):
        odata.guid_literal(text)


@given(st.text())
def test_a_text_cannot_leave_its_quotes(text: str) -> None:
    inner = odata.text_literal(text)[1:-1]
    assert "'" not in inner.replace("''", "")
    assert inner.replace("''", "'") == text


def _written(moment: datetime) -> str:
    """Return the moment as Exact writes it."""
    return f"/Date({(moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)})/"


@given(MOMENTS)
def test_moments_survive_a_round_trip(moment: datetime) -> None:
    expected = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert odata.parse_moment(_written(expected)) == expected


def test_recorded_dates_are_read() -> None:
    assert odata.parse_moment(None) is None
    assert odata.parse_moment("/Date(1782404890063)/") == datetime(
        2026, 6, 25, 16, 28, 10, 63000, tzinfo=UTC
    )


@pytest.mark.parametrize("text", ["2026-06-25", "/Date()/", "/Date(99999999999999999999)/"])
def test_odd_dates_are_refused(text: str) -> None:
    with pytest.raises(UnreadableAnswerError):
        odata.parse_moment(text)


@pytest.mark.parametrize(
    ("body", "rows", "following"),
    [
        ({"d": [{"ID": 1}, {"ID": 2}]}, [{"ID": 1}, {"ID": 2}], None),
        ({"d": {"results": [{"ID": 1}], "__next": "https://x/y"}}, [{"ID": 1}], "https://x/y"),
        ({"d": {"results": []}}, [], None),
        ({"d": {"ID": 1}}, [{"ID": 1}], None),
        ({"d": {"results": {"ID": 1}}}, [{"ID": 1}], None),
        ({"d": {"d": {"results": [{"ID": 1}]}}}, [{"ID": 1}], None),
        ({"d": {"results": {"results": [{"ID": 1}]}}}, [{"ID": 1}], None),
        ({"d": [{"ID": 1}, None, 3, []]}, [{"ID": 1}, {}, {}, {}], None),
    ],
)
def test_the_shapes_of_answers(body: object, rows: list[object], following: str | None) -> None:
    assert odata.read_page(json.dumps(body).encode()) == (rows, following)


def test_one_entity_is_read_bare_or_from_results() -> None:
    assert odata.read_entity(b'{"d": {"ID": 1}}') == {"ID": 1}
    assert odata.read_entity(b'{"d": {"results": [{"ID": 1}]}}') == {"ID": 1}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"d": 1}',
        b'{"d": {"results": null}}',
        b'{"d": {"results": {}}}',
        b"\xff",
        b'{"d": {"results": [], "__next": 3}}',
        b"<feed/>",
        b'{"d": null}',
        b"[" * 100_000,
    ],
)
def test_garbage_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableAnswerError):
        odata.read_page(body)


@pytest.mark.parametrize("body", [b'{"d": []}', b'{"d": {}}', b'{"d": [{"a": 1}, {"b": 2}]}'])
def test_one_entity_means_one(body: bytes) -> None:
    with pytest.raises(UnreadableAnswerError):
        odata.read_entity(body)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    try:
        odata.read_page(body)
    except UnreadableAnswerError:
        return
