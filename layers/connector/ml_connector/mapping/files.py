"""Mappings as CSV: one line per mapping, safe to open in a spreadsheet.

Columns `division,kind,airbase,exact,name`, in any order; others are ignored, as is `name`, which is
for people. Written with commas; semicolons and tabs are read as well, with or without a BOM.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ml_connector.output_files import escaped, unescaped
from ml_connector.user_errors import UserError, safe_lines

COLUMNS = ("division", "kind", "airbase", "exact", "name")
_REQUIRED = COLUMNS[:4]
_DELIMITERS = ",;\t"
_LARGEST = 20_000_000


@dataclass(frozen=True)
class MappingLine:
    """One line of a file as entered; `number` is the line on which it begins."""

    number: int
    division: str
    kind: str
    airbase: str
    exact: str


@dataclass(frozen=True)
class InvalidLine:
    """A line of a file and its error."""

    number: int
    text: str


def read(path: Path) -> tuple[list[MappingLine], list[InvalidLine]]:
    """Return the valid lines of a CSV file, and the invalid ones.

    Raise `UserError` when it is not such a file at all.
    """
    text = _text(path)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    numbered = _numbered(path.name, rows)
    number, header = next(numbered, (1, []))
    columns = [cell.strip().casefold() for cell in header]
    if missing := [name for name in _REQUIRED if columns.count(name) != 1]:
        needed = ",".join(COLUMNS)
        what = f"needs each of the columns {needed} once; check {', '.join(missing)}"
        raise file_error(path, [InvalidLine(number, what)])
    lines, invalid = [], []
    for number, row in numbered:
        if len(row) == len(columns):
            cells = dict(zip(columns, map(unescaped, row), strict=True))
            known = (cells[name] for name in _REQUIRED)
            lines.append(MappingLine(number, *known))
        else:
            what = f"has {len(row)} cells, the header has {len(columns)}"
            invalid.append(InvalidLine(number, what))
    return lines, invalid


def write(rows: Iterable[Sequence[object]]) -> str:
    """Return the CSV text of rows in the order of `COLUMNS`."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(escaped, row) for row in rows)
    return out.getvalue()


def file_error(path: Path, invalid: Iterable[InvalidLine]) -> UserError:
    """Return the error of a file: one line for each invalid line."""
    found = sorted(invalid, key=lambda one: one.number)
    return UserError(*safe_lines(*(f"{path.name}, line {w.number}: {w.text}" for w in found)))


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise UserError(f"{path.name}: is too large for a file of mappings")
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or 'cannot be read'}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise file_error(path, [InvalidLine(number, "is not UTF-8 text")]) from None


def _delimiter(text: str) -> str:
    header = text.lstrip("\r\n").partition("\n")[0]
    return max(_DELIMITERS, key=header.count)


def _numbered(file: str, rows: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Number the rows by the line they begin on; omit those without text."""
    number = 1
    try:
        for row in rows:
            if any(cell.strip() for cell in row):
                yield number, row
            number = getattr(rows, "line_num", number) + 1
    except csv.Error as error:
        raise UserError(f"{file}, line {getattr(rows, 'line_num', number)}: {error}") from None
