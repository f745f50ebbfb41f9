"""Bodies of webhook events as JSON objects, whatever a sender or a proxy has made of them."""

import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from ml_connector.infrastructure.answer_texts import decode

_MOST_DECOMPRESSED = 16 * 1024 * 1024
_LONGEST_INTEGER = 300  # Python converts no more than 4,300 digits, and the field may be any
_GZIP = b"\x1f\x8b"
_PLAIN = ("", "identity")


class UnreadableBodyError(ValueError):
    """A body that is no JSON object; `cause` names the detail of UNREADABLE_EVENT."""

    def __init__(self, cause: str) -> None:
        """Take the cause."""
        super().__init__(cause)
        self.cause = cause


def strict_json(text: str, parse_int: Callable[[str], Any] = int) -> Any:
    """Return the JSON value, numbers exact.

    Raises `ValueError` for anything without one meaning: NaN, a name that an object has twice,
    nesting without end; and for an integer that `parse_int` refuses.
    """
    try:
        return json.loads(
            text, parse_float=Decimal, parse_int=parse_int, parse_constant=_refuse,
            object_pairs_hook=_each_once,
        )  # fmt: skip
    except (ArithmeticError, RecursionError) as error:
        raise ValueError("not JSON that can be kept exactly") from error


def parse_body(body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the object in a body, compressed (gzip, deflate) or not, in any encoding.

    Raises `UnreadableBodyError`.
    """
    raw = decompressed(body, headers.get("content-encoding", ""))
    try:
        value = strict_json(decode(raw), _integer)
    except ValueError:
        is_form = "form" in headers.get("content-type", "").lower()
        raise UnreadableBodyError("form" if is_form else "not_json") from None
    if not isinstance(value, dict):
        raise UnreadableBodyError("not_object")
    return value


def decompressed(body: bytes, encoding: str) -> bytes:
    """Return the body without its compression, at most 16 MB; see `parse_body` for errors."""
    encoding = encoding.strip().lower()
    if body.startswith(_GZIP):
        return _inflated(body, zlib.MAX_WBITS | 16)
    if encoding == "deflate":  # with its header or, as many send it, without
        try:
            return _inflated(body, zlib.MAX_WBITS)
        except UnreadableBodyError:
            return _inflated(body, -zlib.MAX_WBITS)
    if encoding not in _PLAIN and not body.lstrip().startswith(b"{"):
        raise UnreadableBodyError("compressed")
    return body


def _inflated(body: bytes, form: int) -> bytes:
    inflater = zlib.decompressobj(form)
    try:
        raw = inflater.decompress(body, _MOST_DECOMPRESSED)
    except zlib.error:
        raise UnreadableBodyError("compressed") from None
    if not inflater.eof:  # cut off, or too large
        raise UnreadableBodyError("compressed")
    return raw


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else Decimal(digits)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _each_once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name!r} is there twice")
        found[name] = value
    return found
