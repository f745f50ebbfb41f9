"""Cells of a list: none that we write is a formula to a spreadsheet, wherever it cuts a line."""

import csv
import io
import re
from collections.abc import Iterable
from typing import Self

_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
# A formula begins a cell, or what a spreadsheet takes for one: with settings of most of Europe it
# cuts our lines at semicolons. Blanks and quotes before it are skipped by some.
_FORMULA = rf"(?=[\s\"']*[{_SIGNS}])"
_TO_ESCAPE = re.compile(rf"\A(?='*[\t\r\n])|(?:\A|(?<=[;\t\r\n])){_FORMULA}")
_ESCAPED = re.compile(rf"\A'(?='*[\t\r\n])|(?:\A|(?<=[;\t\r\n]))'{_FORMULA}")


class OddCell(str):
    """A cell whose text is no value that somebody entered; `why` says what it is."""

    __slots__ = ("why",)
    why: str

    def __new__(cls, text: str, why: str) -> Self:
        """Return a cell with its reason."""
        self = super().__new__(cls, text)
        self.why = why
        return self


def csv_line(cells: Iterable[object], end: str = "\r\n", *, is_quoted: bool = False) -> str:
    """Return a line of CSV in which no cell is a formula; None is an empty one.

    `is_quoted`: every cell is in quotes, not only those that need it.
    """
    out = io.StringIO(newline="")
    csv.writer(
        out, lineterminator=end, quoting=csv.QUOTE_ALL if is_quoted else csv.QUOTE_MINIMAL
    ).writerow("" if cell is None else escaped(str(cell)) for cell in cells)
    return out.getvalue()


def escaped(text: str) -> str:
    """Return a CSV cell that no spreadsheet takes for a formula, wherever it cuts the line."""
    return _TO_ESCAPE.sub("'", text)


def unescaped(cell: str) -> str:
    """Return the text of a cell that `escaped` made; other cells as they are."""
    return _ESCAPED.sub("", cell) if "'" in cell else cell
