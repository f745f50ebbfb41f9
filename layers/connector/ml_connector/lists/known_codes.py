"""Recognise a code that a spreadsheet has changed: lost zeros, a number's form, a date.

Excel in most of Europe makes 7 of 007, 4.400 of 4400, 5,96E+07 of 59600000 and 02-jan of 2-1.
"""

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import cached_property
from itertools import chain

_GROUPS = re.compile(r"\d{1,3}(?:([.,' \xa0\u202f\u2019])\d{3})(?:\1\d{3})*")
_POWER = re.compile(r"(\d+)(?:[.,](\d+))?E([+-]?\d{1,3})", re.IGNORECASE)
_PARTS = re.compile(r"(\d{1,4})[-/. ](\d{1,4})(?:[-/. ]\d{2,4})?")
_NAMED = re.compile(r"(\d{1,4})[-/. ]?([^\W\d_]{3,5})\.?|([^\W\d_]{3,5})\.?[-/. ]?(\d{1,4})")
# As spreadsheets shorten the months in Dutch, English, German, French and Spanish.
_MONTHS = (
    "jan janv ene", "feb fev févr fév", "mar mrt mars mär märz mrz", "apr avr avril abr",
    "may mei mai", "jun juin", "jul juil", "aug août aou ago", "sep sept set", "oct okt",
    "nov", "dec dez déc dic",
)  # fmt: skip
_MONTH = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}


def same_code(text: str, code: str) -> bool:
    """Tell whether a spreadsheet makes `text` of the code and no digit but zeros was lost."""
    one, other = text.strip().casefold(), code.strip().casefold()
    return one == other or bool(_values(one) & _values(other))


class KnownCodes:
    """Codes among which to look for the one that a spreadsheet has changed."""

    def __init__(self, codes: Iterable[str]) -> None:
        """Keep the codes; they are indexed when first needed."""
        self._codes = dict.fromkeys(codes)

    def __contains__(self, code: str) -> bool:
        """Tell whether the code is known as it is."""
        return code in self._codes

    def __iter__(self) -> Iterator[str]:
        """Yield the codes."""
        return iter(self._codes)

    def same(self, text: str) -> list[str]:
        """Return the codes of which a spreadsheet makes `text`, without loss."""
        found = (self._by_value.get(key, ()) for key in _keys(text))
        return list(dict.fromkeys(chain.from_iterable(found)))

    def possible(self, text: str) -> list[str]:
        """Return the codes of which a spreadsheet may have made `text`, digits lost or not."""
        return [code for code in self._codes if _may_be(text.strip(), code.strip())]

    @cached_property
    def _by_value(self) -> dict[str | Decimal, list[str]]:
        found: dict[str | Decimal, list[str]] = {}
        for code in self._codes:
            for key in _keys(code):
                found.setdefault(key, []).append(code)
        return found


def spreadsheet_form(text: str) -> str:
    """Say which form of a spreadsheet a text has that hardly is a code; empty if none."""
    if _POWER.fullmatch(text.strip()) and re.search(r"[.,+]", text):
        return "a number as a spreadsheet shortens it"
    if _days(text.strip()) and re.search(r"[^\W\d_]", text):
        return "a date as a spreadsheet writes it"
    return ""


def _keys(text: str) -> list[str | Decimal]:
    return [text.strip().casefold(), *_values(text.strip())]


def _may_be(text: str, code: str) -> bool:
    if same_code(text, code):
        return True
    if power := _POWER.fullmatch(text):
        shown = Decimal(f"{power[1]}.{power[2] or 0}E{power[3]}")
        step = Decimal(f"1E{int(power[3]) - len(power[2] or '')}")
        return any(abs(value - shown) * 2 <= step for value in _values(code))
    return bool(_days(text) & _days(code))


def _values(text: str) -> set[Decimal]:
    """Return the numbers that a text can be, by one country's marks or another's."""
    if power := _POWER.fullmatch(text):
        return {Decimal(f"{power[1]}.{power[2] or 0}E{power[3]}").normalize()}
    found = set()
    for mark in ".,":
        whole, _, part = text.partition(mark)
        if (whole.isdecimal() or _GROUPS.fullmatch(whole)) and (part.isdecimal() or not part):
            digits = re.sub(r"\D", "", whole)
            found.add(Decimal(f"{digits}.{part or 0}").normalize())
    return found


def _days(text: str) -> set[tuple[int, int]]:
    """Return the days and months that a text can be; the day may be a year of two digits."""
    lower = text.casefold()
    if named := _NAMED.fullmatch(lower):
        month = _MONTH.get(named[2] or named[3])
        return {(int(named[1] or named[4]), month)} if month else set()
    if parts := _PARTS.fullmatch(lower):
        one, other = int(parts[1]), int(parts[2])
        return {(d, m) for d, m in ((one, other), (other, one)) if d <= 31 and 1 <= m <= 12}
    return set()
