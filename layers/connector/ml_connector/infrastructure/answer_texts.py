"""The texts in the answers of both systems: their encoding, their JSON, and pages of HTML.

Servers on the way answer too: with pages, and in encodings that neither system uses itself.
"""

import codecs
import html
import json
import re
from collections.abc import Callable
from typing import Any

# The longer byte order mark first: one begins like the other.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"), (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
_LOOKED_AT = 200
_PAGE = re.compile(
    r"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_TITLES = re.compile(r"<(title|h1|h2)\b[^>]*>(.*?)</\1\s*>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


def decode(body: bytes) -> str:
    """Return an answer's text: UTF-8, UTF-16 or UTF-32 with or without a mark, else Latin-1."""
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, errors="replace")
    head = body[:_LOOKED_AT]
    if b"\0" in head:  # no text of JSON or XML has one in UTF-8
        even, odd = head[::2].count(0), head[1::2].count(0)
        encoding = "utf-16-le" if odd >= even else "utf-16-be"
        return body.decode(encoding, errors="replace")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("cp1252", errors="replace")


def read_json(body: bytes, parse_float: Callable[[str], Any] = float) -> Any:
    """Return the JSON of an answer; raises `ValueError` when it is none."""
    try:
        return json.loads(decode(body), parse_float=parse_float)
    except (RecursionError, ArithmeticError) as error:
        raise ValueError("not JSON that can be kept exactly") from error


def texts_in(value: Any, depth: int = 4) -> list[str]:
    """Return all texts in a JSON value, in order and each once."""
    if isinstance(value, str):
        return [value.strip()] if value.strip() else []
    inner: list[Any] = []
    if isinstance(value, dict):
        inner = list(value.values())
    elif isinstance(value, list):
        inner = value
    found = [text for each in inner if depth for text in texts_in(each, depth - 1)]
    return list(dict.fromkeys(found))


def page_title(text: str) -> str | None:
    """Return the headings of a page of HTML, empty without any; None when it is no page."""
    if not _PAGE.match(text):
        return None
    headings = (plain(found[2]) for found in _TITLES.finditer(text))
    return " / ".join(dict.fromkeys(each for each in headings if each))


def plain(markup: str) -> str:
    """Return the text of a piece of HTML or XML, on one line for each of its own lines."""
    text = html.unescape(_TAG.sub(" ", markup.replace("<![CDATA[", "").replace("]]>", "")))
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)
