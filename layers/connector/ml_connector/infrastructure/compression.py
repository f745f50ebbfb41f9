"""Long JSON texts in DynamoDB, whose items hold at most 400 KB: compressed, then cut into rows."""

import base64
import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ml_connector.infrastructure.dynamodb import Item

_MAX_PLAIN_LENGTH = 50_000
_PART_LENGTH = 350_000  # ASCII characters; the rest of an item's 400 KB is for other attributes
_IN_ROWS = "rows:"


class PartsGoneError(ValueError):
    """The rows of a text were replaced since its item was read: read the item again."""


class Packed(NamedTuple):
    """A text as stored: the `value` of an attribute, and the texts of further rows, mostly none."""

    value: str
    parts: Sequence[str] = ()


def compress(text: str) -> str:
    """Return JSON text as it is, or compressed when long."""
    if len(text) <= _MAX_PLAIN_LENGTH:
        return text
    return base64.b64encode(zlib.compress(text.encode())).decode()


def decompress(text: str) -> str:
    """Return the JSON text given to `compress`."""
    return text if text.startswith(("{", "[")) else zlib.decompress(base64.b64decode(text)).decode()


def pack(text: str) -> Packed:
    """Return how to store a JSON text of any length."""
    value = compress(text)
    if len(value) <= _PART_LENGTH:
        return Packed(value)
    starts = range(0, len(value), _PART_LENGTH)
    parts = [value[start : start + _PART_LENGTH] for start in starts]
    return Packed(f"{_IN_ROWS}{len(parts)}", parts)


def packed_in(value: str, number: int) -> Packed:
    """Return how to store a text that is compressed already, in this number of further rows."""
    if not number:
        return Packed(value)
    length = -(-len(value) // number) or 1
    parts = [value[at * length : (at + 1) * length] for at in range(number)]
    return Packed(f"{_IN_ROWS}{number}", parts)


def unpack(value: str, read: Callable[[int], Item | None]) -> str:
    """Return the text that was packed; `read` returns the row of a part, by its index.

    Raises `PartsGoneError` when a row is missing.
    """
    rows = [read(index) for index in range(number_of_parts(value))]
    if None in rows:
        raise PartsGoneError(value)
    return decompress("".join(str(row["text"]) for row in rows if row) or value)


def number_of_parts(value: str) -> int:
    """Return in how many rows the text of an attribute lies besides its item."""
    return int(value.removeprefix(_IN_ROWS)) if value.startswith(_IN_ROWS) else 0


def part_row(pk: str, key: str, index: int, text: str) -> Item:
    """Return the row of one part of a text."""
    return {"pk": pk, "sk": part_key(key, index), "text": text}


def part_key(key: str, index: int) -> str:
    """Return the sort key of one part of the text that has this key."""
    return f"{key}#{index:03d}"
