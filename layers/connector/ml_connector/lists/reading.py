"""Read lists as people and spreadsheets write them: CSV in its many forms, and xlsx.

CSV has commas, semicolons or tabs, or what its first line names (`sep=;`); it is UTF-8, UTF-16 or
the ANSI text of Western Europe. What a file is, its bytes say, not its name. Whatever is wrong with
it is a `UserError` that names the line; a line of xlsx is a row.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ml_connector.lists.cells import OddCell, unescaped
from ml_connector.user_errors import UserError, safe_lines

_DELIMITERS = ",;\t|"
_LARGEST = 200_000_000
"""Bytes; 100,000 vendors in three divisions have 60 MB."""
_LONGEST_CELL = 10_000_000
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEP = re.compile(r'"?sep=([^\w\s"]|\t)"?;*,*(\r\n|\r|\n|$)', re.IGNORECASE)
_LINE_END = re.compile(r"\r\n|\r|\n")
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_UTF8_LETTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}")
# Bytes that are letters for MS-DOS or an old Macintosh, and in ANSI signs that stand in no word.
_OTHER_LETTER = re.compile(
    rb"[A-Za-z][\x81-\x84\x86-\x89\x8b\x8d\x8f\x90\x93\x94\x98\x9b\x9d][A-Za-z]|[a-z][\x8a\x8c\x8e]"
)
_NO_TEXTS = (
    (b"\xd0\xcf\x11\xe0", "an .xls workbook, or one with a password"),
    (b"PK\x05\x06", "an empty archive"),
    (b"%PDF", "a PDF"),
    (b"{\\rtf", "a text document"),
    (b"<html", "a web page"),
    (b"<!doctype", "a web page"),
    (b"<?xml", "an XML file"),
    (b"\x1f\x8b", "a compressed file"),
)
_SAVE_AS = "save it as CSV UTF-8, or as .xlsx"
_TEXT_AS_FORMULA = re.compile(r'\s*="((?:[^"]|"")*)"\s*')


@dataclass(frozen=True)
class TableRow:
    """A row's cells by column. `number` is the line on which it begins, `row` a spreadsheet's."""

    number: int
    row: int
    cells: dict[str, str]

    def where(self, column: str) -> str:
        """Return the cell's name in a spreadsheet, with its column: `D3 (exact)`."""
        return f"{_letters(list(self.cells).index(column))}{self.row} ({column})"


@dataclass(frozen=True)
class InvalidLine:
    """A line of a file and its error."""

    number: int
    text: str


def read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that has any text, with the line on which it begins.

    A cell that is no plain value is an `OddCell`. Raises `UserError` for what is not such a file.
    """
    return ((number, cells) for number, _, cells in _rows(path))


def read_table(
    path: Path,
    needed: Sequence[str],
    known: Sequence[str] = (),
    plain: Sequence[str] | None = None,
) -> Iterator[TableRow | InvalidLine]:
    """Yield the rows below the header, or what is wrong with them.

    `needed` columns must be there once, `known` ones at most once; others may be anything. A row
    may end before its last columns, unless they are needed. In the columns `plain`, by default all
    that are needed, an `OddCell` is an error. Raises `UserError` for another header.
    """
    rows = _rows(path)
    first = next(rows, None)
    if first is None:
        names = ", ".join(needed)
        raise line_error(path, 1, f"is empty; the first line names the columns {names}")
    columns = _columns(path, first[0], first[2], needed, known)
    for number, row, cells in rows:
        yield _table_row(number, row, columns, cells, needed, needed if plain is None else plain)


def line_error(path: Path, line: int, what: str) -> UserError:
    """Return the error about a line of the file."""
    return UserError(*safe_lines(f"{path.name}, line {line}: {what}"))


def lines_error(path: Path, invalid: Sequence[InvalidLine]) -> UserError:
    """Return the error of a file: one line for each invalid line."""
    found = sorted(invalid, key=lambda one: one.number)
    return UserError(*safe_lines(*(f"{path.name}, line {w.number}: {w.text}" for w in found)))


def _columns(
    path: Path, line: int, header: Sequence[str], needed: Sequence[str], known: Sequence[str]
) -> list[str]:
    columns = [" ".join(cell.split()).casefold() for cell in header]
    while columns and not columns[-1]:
        columns.pop()
    if missing := [name for name in needed if name not in columns]:
        has = ", ".join(filter(None, columns))
        lacks = f"lacks the {'columns' if missing[1:] else 'column'} {', '.join(missing)}"
        raise line_error(path, line, f"{lacks}; it has {has}")
    if doubled := [name for name in (*needed, *known) if columns.count(name) > 1]:
        raise line_error(path, line, f"has the column {doubled[0]} twice")
    return [
        name if columns.count(name) == 1 else f"{name}\0{at}" for at, name in enumerate(columns)
    ]


def _table_row(
    number: int,
    row: int,
    columns: Sequence[str],
    cells: list[str],
    needed: Sequence[str],
    plain: Sequence[str],
) -> TableRow | InvalidLine:
    least = 1 + max(columns.index(name) for name in needed)
    if len(cells) < least or any(cell.strip() for cell in cells[len(columns) :]):
        return InvalidLine(number, f"has {len(cells)} cells, the header has {len(columns)}")
    cells += [""] * (len(columns) - len(cells))
    found = TableRow(number, row, dict(zip(columns, cells, strict=False)))
    for name in plain:
        cell = found.cells[name]
        if isinstance(cell, OddCell):
            return InvalidLine(number, f"cell {found.where(name)} {cell.why}")
    return found


def _rows(path: Path) -> Iterator[tuple[int, int, list[str]]]:
    """Yield line, row and cells of each row that has any text."""
    data = _read(path)
    rows: Iterator[tuple[int, int, list[str]]]
    if data.startswith(b"PK\x03\x04"):
        from ml_connector.lists.workbooks import workbook_rows  # noqa: PLC0415  only for a workbook

        rows = ((row, row, cells) for row, cells in workbook_rows(path.name, data))
    else:
        rows = _csv_rows(path, _text(path, data))
    return (found for found in rows if any(cell.strip() for cell in found[2]))


def _csv_rows(path: Path, text: str) -> Iterator[tuple[int, int, list[str]]]:
    line, named = 1, _SEP.match(text)
    if named:
        text, line = text[named.end() :], 2
    delimiter = named.group(1) if named else _delimiter(text)
    csv.field_size_limit(_LONGEST_CELL)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    above, row = line, 0
    try:
        for cells in rows:
            row += 1
            yield line, row, [_cell(cell) for cell in cells]
            line = rows.line_num + above
    except csv.Error as error:
        raise line_error(path, rows.line_num + above - 1, str(error)) from None


def _cell(raw: str) -> str:
    if not raw.lstrip().startswith("="):
        return unescaped(raw)
    if text := _TEXT_AS_FORMULA.fullmatch(raw):  # ="007", which keeps the zeros
        return text.group(1).replace('""', '"')
    return OddCell(raw, "is a formula: give the value itself")


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise UserError(f"{path.name}: is larger than {_LARGEST // 1_000_000} MB")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or 'cannot be read'}") from None


def _text(path: Path, data: bytes) -> str:
    start = data[:64].lstrip().lower()
    for sign, what in _NO_TEXTS:
        if start.startswith(sign.lower()):
            raise UserError(f"{path.name}: is {what}: {_SAVE_AS}")
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _decoded(path, data, encoding)
    if b"\0" in data:
        return _decoded(path, data, _wide_encoding(path, data))
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        if _UTF8_LETTER.search(data) or _OTHER_LETTER.search(data):
            line = data.count(b"\n", 0, error.start) + 1
            raise line_error(
                path, line, f"is neither UTF-8 nor ANSI text (Windows-1252): {_SAVE_AS}"
            ) from None
    return _decoded(path, data, "cp1252")


def _wide_encoding(path: Path, data: bytes) -> str:
    """Return which UTF-16 a text is that has no mark; most of its characters have a zero byte."""
    even, odd = data[0::2].count(0), data[1::2].count(0)
    if len(data) % 2 or max(even, odd) < len(data) // 4 or min(even, odd):
        raise UserError(f"{path.name}: is not text: {_SAVE_AS}")
    return "utf-16-be" if even else "utf-16-le"


def _decoded(path: Path, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise line_error(path, line, f"is not {encoding.upper()} text: {_SAVE_AS}") from None


def _delimiter(text: str) -> str:
    """Return what separates the cells of the first line that has words."""
    header = next((line for line in _LINE_END.split(text) if re.search(r"\w", line)), "")
    return max(_DELIMITERS, key=_QUOTED.sub("", header).count)


def _letters(column: int) -> str:
    """Return a spreadsheet's name of a column, counted from 0."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
