"""Exact's dialect of OData 2: literals for queries, the shapes of answers, dates."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ml_connector.domain.ids import Guid
from ml_connector.infrastructure.answer_texts import read_json

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")
_DEEPEST = 3
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class UnreadableAnswerError(ValueError):
    """An answer has no shape that Exact is known to use."""


def guid(text: str) -> Guid:
    """Return a key in normal form: lower case, no braces.

    Raises:
        ValueError: the text is no GUID.
    """
    found = text.strip().strip("{}").lower()
    if not _GUID.fullmatch(found):
        raise ValueError(f"not a GUID: {text!r}")
    return Guid(found)


def guid_literal(key: str) -> str:
    """Return `guid'...'` for a filter or an address."""
    return f"guid'{guid(key)}'"


def text_literal(text: str) -> str:
    """Return a quoted string; a quote inside is doubled."""
    return "'" + text.replace("'", "''") + "'"


def int64_literal(number: int) -> str:
    """Return an Edm.Int64, as `Timestamp` filters want it."""
    return f"{number}L"


def address(path: str, key: str) -> str:
    """Return the path of one entity, such as `crm/Accounts(guid'...')`."""
    return f"{path}({guid_literal(key)})"


def parse_moment(value: str | None) -> datetime | None:
    """Return the moment of `/Date(ms)/` as UTC, or None.

    `Created` and `Modified` are Exact's local time written as if it were UTC: compare them only
    with each other.

    Raises:
        UnreadableAnswerError: the text has another shape.
    """
    if not value:
        return None
    found = _DATE.fullmatch(value)
    if not found:
        raise UnreadableAnswerError(f"not a date: {value!r}")
    return _moment(int(found[1]))


def read_page(body: bytes) -> tuple[list[dict[str, Any]], str | None]:
    """Return the rows of an answer and the address of its next page.

    Accepts `{"d": [...]}`, `{"d": {"results": [...], "__next": "..."}}`, one bare entity in place
    of a list, and each of them in a further `d`. A row that is no object becomes an empty one.

    Raises:
        UnreadableAnswerError: the body is none of these.
    """
    inner = _inner(body)
    if isinstance(inner, Mapping) and "results" in inner:
        return _rows(inner["results"]), _next(inner.get("__next"))
    if isinstance(inner, Mapping):
        if not inner:
            raise UnreadableAnswerError("an entity without fields")
        return [dict(inner)], None
    return _rows(inner), None


def read_entity(body: bytes) -> dict[str, Any]:
    """Return the single entity of an answer.

    Raises:
        UnreadableAnswerError: there is none, or more than one.
    """
    rows, following = read_page(body)
    if len(rows) != 1 or following or not rows[0]:
        raise UnreadableAnswerError(f"one entity expected, {len(rows)} found")
    return rows[0]


def _moment(milliseconds: int) -> datetime:
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError as error:
        raise UnreadableAnswerError(f"not a date: {milliseconds} ms") from error


def _inner(body: bytes) -> Any:
    try:
        outer = read_json(body)
    except ValueError as error:
        raise UnreadableAnswerError("not JSON") from error
    if not isinstance(outer, Mapping) or "d" not in outer:
        raise UnreadableAnswerError("no `d` in the answer")
    inner = outer["d"]
    for _ in range(_DEEPEST):
        if isinstance(inner, Mapping) and inner.keys() == {"d"}:
            inner = inner["d"]
    return inner


def _rows(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, Mapping) and value:
        value = value.get("results", [value])
    if not isinstance(value, list):
        raise UnreadableAnswerError("the rows are no list of entities")
    return [dict(row) if isinstance(row, Mapping) else {} for row in value]


def _next(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise UnreadableAnswerError("the next page has no address")
    return value or None
