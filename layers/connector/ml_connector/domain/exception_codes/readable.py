"""Causes, remedies and evidence as a terminal, a printed page and a message show them.

Records keep the values in them as stored, because a cause is part of an exception's identity. What
is not known to be a figure (a name, a code, an answer of a remote) stays as it is.
"""

import re
from collections.abc import Mapping, Sequence

from ml_connector.domain.exception_codes.difference_words import (
    clauses_in_words,
    in_words,
    price,
    quantity,
)
from ml_connector.domain.exception_codes.said_texts import put_together, taken_apart
from ml_connector.domain.money import readable
from ml_connector.domain.words import moment

_COUNTED = frozenset({
    "calls", "count", "day", "left", "length", "longest", "minute", "most", "quantity", "remaining",
    "seconds", "share", "stored", "times",
})  # fmt: skip
_FIGURES = frozenset({"amount", "approved", "largest", "posted", "price", "total"})
_COUNTED_IN, _FIGURES_IN = {"EXACT_LISTING_SHRANK": "found"}, {"TOTAL_MISMATCH": "lines"}
"""Names that mean something else in other codes."""
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?([+-]\d{2}:\d{2}|Z)")


def readable_text(code: str, text: str) -> str:
    """Return a cause or remedy of this code with its figures as people read them."""
    found = taken_apart(code, text)
    if found is None:
        return text
    values = {name: _value(code, name, value) for name, value in found.values.items()}
    return " ".join(put_together(each, values) for each in found.templates)


def coded_text(code: str, cause: str) -> str:
    """Return a cause behind its code: `UNKNOWN_VENDOR: The vendor ...`."""
    return f"{code}: {readable_text(code, cause)}"


def readable_evidence(name: str, value: object) -> str:
    """Return a value of the evidence: amounts, moments, differences and lists in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return _figure_or_moment(name, value)
    if isinstance(value, Mapping):
        if value.keys() == {"where", "field", "expected", "found"}:
            return in_words(value)
        return ", ".join(f"{key} {readable_evidence(key, each)}" for key, each in value.items())
    if isinstance(value, Sequence):
        return "; ".join(readable_evidence(name, each) for each in value)
    return "" if value is None else str(value)


def _value(code: str, name: str, value: str) -> str:
    if name == "differences":
        return clauses_in_words(value)
    if name in _COUNTED or name == _COUNTED_IN.get(code):
        return quantity(value)
    if name == _FIGURES_IN.get(code):
        return price(readable(value))
    return _figure_or_moment(name, value)


def _figure_or_moment(name: str, value: str) -> str:
    if name in _FIGURES:
        return price(readable(value))
    return moment(value) if _MOMENT.fullmatch(value) else value
