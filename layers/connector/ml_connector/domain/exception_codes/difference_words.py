"""Differences between the two systems as people read them; lists and records keep them as stored.

A difference is `{"where", "field", "expected", "found"}`, as `Difference.as_dict`.
"""

import re
from collections.abc import Mapping
from decimal import Decimal

from ml_connector.domain.exception_codes.changes import NOTHING
from ml_connector.domain.money import figure, readable

A_LINE = "line"
"""The field of a difference that is a whole line."""
TOTAL = "total"
"""The field of a difference between both systems' totals, with their currencies."""
PRICES, QUANTITIES = frozenset({"UnitPrice", "AmountFC"}), frozenset({"QuantityInPurchaseUnits"})
CLAUSE = re.compile(
    r"(?:(?P<where>line (?P<number>\d+)|a line), )?"
    r"(?P<field>\w+): (?P<expected>.*), in Exact (?P<found>.*)"
)
"""A difference as a cause says it."""
LINE_TEXT = re.compile(r"(?P<text>.*): (?P<quantity>\S+) x (?P<price>\S+)", re.DOTALL)
"""A whole line as a difference says it."""
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,12})?", re.ASCII)


def in_words(difference: Mapping[str, str], in_exact: str = "in Exact") -> str:
    """Return a difference as a clause: `line 2, UnitPrice: 1,200.00, in Exact 1,100.00`."""
    where = f"{difference['where']}, " if difference["where"] else ""
    field = difference["field"]
    expected, found = (side(field, difference[name]) for name in ("expected", "found"))
    return f"{where}{field}: {expected}, {in_exact} {found}"


def side(field: str, value: str) -> str:
    """Return one side of a difference: figures with separators, an empty value as `nothing`."""
    if not value or value == NOTHING:
        return NOTHING
    if field in PRICES:
        return price(value)
    if field in QUANTITIES:
        return quantity(value)
    if field == TOTAL:
        return readable(value)
    if field == A_LINE and (line := LINE_TEXT.fullmatch(value)):
        return f"{line['text']}: {quantity(line['quantity'])} x {price(line['price'])}"
    return value


def clauses_in_words(text: str) -> str:
    """Return the differences in a cause; as they are when a text in them reads like a clause."""
    found = [CLAUSE.fullmatch(each) for each in text.split("; ")]
    if not all(found):
        return text
    return "; ".join(in_words({**each.groupdict(), "where": each["where"] or ""})
                     for each in found if each)  # fmt: skip


def price(value: str) -> str:
    """Return a number with separators and two decimals at least; another text as it is."""
    return figure(Decimal(value), "") if _NUMBER.fullmatch(value) else value


def quantity(value: str) -> str:
    """Return a number with separators; another text as it is."""
    return f"{Decimal(value):,f}" if _NUMBER.fullmatch(value) else value
