"""The fields of every endpoint: which exist, which are writable, and their valid values."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.exact_simulator.refusals import bad_request, bad_stream

GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_WIRE_DATE = re.compile(r"/Date\((-?\d+)\)/")
_DAY_MS = 86_400_000
_LARGEST = 1e15
# 1753 to 9999, the range of SQL Server.
_FIRST_MS, _LAST_MS = -6_847_804_800_000, 253_402_300_799_999


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its Edm type's short name, and whether a caller may or must send it."""

    name: str
    type: str
    writable: bool
    mandatory: bool


def _field(token: str) -> Field:
    name, kind = token.split(":")
    return Field(name, kind.rstrip("+*"), "+" in kind, kind.endswith("*"))


def _table(lines: list[str]) -> dict[str, Field]:
    return {(read := _field(token)).name: read for line in lines for token in line.split()}


_RAW: Mapping[str, Any] = json.loads(Path(__file__).with_name("fields.json").read_text("utf-8"))
FIELDS: Mapping[str, Mapping[str, Field]] = {
    path: _table(entry["fields"]) for path, entry in _RAW.items()
}
METHODS: Mapping[str, frozenset[str]] = {
    path: frozenset(entry["methods"].split()) for path, entry in _RAW.items()
}
BLANK: Mapping[str, Mapping[str, None]] = {path: dict.fromkeys(f) for path, f in FIELDS.items()}
COLLECTIONS: Mapping[str, tuple[str, ...]] = {
    path: tuple(f.name for f in table.values() if f.type == "Collection")
    for path, table in FIELDS.items()
}


def wire_date(milliseconds: int) -> str:
    """Return milliseconds since 1970 as Exact writes a date."""
    return f"/Date({milliseconds})/"


def wire_ms(text: str) -> int:
    """Return the milliseconds of a date as Exact writes it."""
    found = _WIRE_DATE.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return int(found[1])


def _date(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    if value.startswith("/Date("):
        milliseconds = wire_ms(value)
    else:
        moment = datetime.fromisoformat(value).replace(tzinfo=UTC)
        milliseconds = int(moment.timestamp()) * 1000
    if not _FIRST_MS <= milliseconds <= _LAST_MS:
        raise ValueError(value)
    return wire_date(milliseconds // _DAY_MS * _DAY_MS)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    value.encode()  # refuses a lone surrogate
    return value


def _guid(value: Any) -> str:
    if not isinstance(value, str) or not GUID.fullmatch(value):
        raise ValueError(value)
    return value.lower()


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _double(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(value)
    number = float(value)
    if not abs(number) <= _LARGEST:
        raise ValueError(value)
    return number


def _integer(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        number = _double(value)
        if not number.is_integer() or not low <= number <= high:
            raise ValueError(value)
        return int(value)

    return read


def _binary(value: Any) -> str:
    return base64.b64encode(base64.b64decode(_text(value), validate=True)).decode()


def _collection(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ValueError(value)
    return value


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "String": _text,
    "Guid": _guid,
    "Boolean": _boolean,
    "Double": _double,
    "Byte": _integer(0, 255),
    "Int16": _integer(-(2**15), 2**15 - 1),
    "Int32": _integer(-(2**31), 2**31 - 1),
    "Int64": _integer(-(2**63), 2**63 - 1),
    "DateTime": _date,
    "Binary": _binary,
    "Collection": _collection,
}


def read_body(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a request (raises the 400 for any other body)."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        raise bad_stream() from None
    if not isinstance(parsed, dict):
        raise bad_stream()
    return parsed


def read_values(endpoint: str, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the writable fields that were sent, in wire form; read-only ones are ignored.

    Raises the 400 for an unknown field or a value that does not convert.
    """
    table = FIELDS[endpoint]
    values: dict[str, Any] = {}
    for name, value in sent.items():
        field = table.get(name)
        if field is None:
            model = endpoint.rsplit("/", 1)[1]
            raise bad_stream(f"The property name '{name}' is not valid for the type '{model}'.")
        if field.writable:
            values[name] = None if value is None else _converted(field, value)
    return values


def _converted(field: Field, value: Any) -> Any:
    try:
        return _READERS[field.type](value)
    except (TypeError, ValueError, OverflowError):
        text = f"Error in converting value for property {field.name} to type {field.type}"
        raise bad_request(text) from None
