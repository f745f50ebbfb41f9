"""Texts as Exact takes them: without control characters, and counted in UTF-16 as .NET counts."""

import re

# Tab and the two line breaks are white space; the last two are no characters, and not in XML.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")
_BREAKS = re.compile("[\t\n\r]+")


def has_control_characters(text: str) -> bool:
    """Return whether the text has a control character, or a tab or line break."""
    return bool(_CONTROL.search(text) or _BREAKS.search(text))


def cleaned(text: str) -> str:
    """Return the text with a space for each control character; tabs and line breaks stay."""
    return _CONTROL.sub(" ", text)


def in_one_line(text: str) -> str:
    """Return the text with a space for each control character, and for tabs and line breaks."""
    return _BREAKS.sub(" ", cleaned(text))


def length(text: str) -> int:
    """Return the length in UTF-16 code units: an emoji has two."""
    return len(_units(text)) // 2


def cut(text: str, longest: int) -> str:
    """Return the beginning of the text, at most `longest` UTF-16 code units, no character split."""
    return _units(text)[: 2 * longest].decode("utf-16-le", "ignore")


def _units(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")
