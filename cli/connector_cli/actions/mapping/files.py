"""The CSV form of mappings: one line for each thing, safe to open in a spreadsheet.

Columns `division,kind,airbase,exact,name`, in any order; others are ignored, `name` too, which is
for people. Written with commas; semicolons and tabs are read as well, with or without a BOM.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from connector_cli.complaints import Complaint, safe_lines

COLUMNS = ("division", "kind", "airbase", "exact", "name")
_NEEDED = COLUMNS[:4]
_DELIMITERS = ",;\t"
_LARGEST = 20_000_000
# A spreadsheet takes a cell that begins so for a formula; the quote before it says that it is text.
_FORMULA = "=+-@\t\r\n'"
_QUOTE = "'"


@dataclass(frozen=True)
class Line:
    """One line of a file, as it was entered; `number` is where it begins."""

    number: int
    division: str
    kind: str
    airbase: str
    exact: str


@dataclass(frozen=True)
class Wrong:
    """What is wrong with a line of a file."""

    number: int
    text: str


def read(path: Path) -> tuple[list[Line], list[Wrong]]:
    """Return the lines of a CSV file, and what is wrong with the others.

    Raises `Complaint` when it is no such file at all.
    """
    text = _text(path)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    numbered = _numbered(path.name, rows)
    number, header = next(numbered, (1, []))
    columns = [cell.strip().casefold() for cell in header]
    if missing := [name for name in _NEEDED if columns.count(name) != 1]:
        needed = ",".join(COLUMNS)
        what = f"needs each of the columns {needed} once; look at {', '.join(missing)}"
        raise complaint(path, [Wrong(number, what)])
    lines, wrong = [], []
    for number, row in numbered:
        if len(row) == len(columns):
            cells = dict(zip(columns, map(_plain, row), strict=True))
            known = (cells[name] for name in _NEEDED)
            lines.append(Line(number, *known))
        else:
            what = f"has {len(row)} cells, the header has {len(columns)}"
            wrong.append(Wrong(number, what))
    return lines, wrong


def write(rows: Iterable[Sequence[object]]) -> str:
    """Return the CSV text of rows in the order of `COLUMNS`."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows([_guarded(str(cell)) for cell in row] for row in rows)
    return out.getvalue()


def complaint(path: Path, wrong: Iterable[Wrong]) -> Complaint:
    """Return the refusal of a file: one line for each thing that is wrong with it."""
    found = sorted(wrong, key=lambda one: one.number)
    return Complaint(*safe_lines(*(f"{path.name}, line {w.number}: {w.text}" for w in found)))


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise Complaint(f"{path.name}: is larger than any file of mappings")
        data = path.read_bytes()
    except OSError as error:
        raise Complaint(f"{path}: {error.strerror or 'cannot be read'}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise complaint(path, [Wrong(number, "is not UTF-8 text")]) from None


def _delimiter(text: str) -> str:
    header = text.lstrip("\r\n").partition("\n")[0]
    return max(_DELIMITERS, key=header.count)


def _numbered(file: str, rows: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Number the rows by the line they begin on, and leave out those without any text."""
    number = 1
    try:
        for row in rows:
            if any(cell.strip() for cell in row):
                yield number, row
            number = getattr(rows, "line_num", number) + 1
    except csv.Error as error:
        raise Complaint(f"{file}, line {getattr(rows, 'line_num', number)}: {error}") from None


def _guarded(cell: str) -> str:
    return f"{_QUOTE}{cell}" if cell[:1] and cell[0] in _FORMULA else cell


def _plain(cell: str) -> str:
    """Take away the quote that `_guarded` put there."""
    return cell[1:] if cell[:1] == _QUOTE and cell[1:2] and cell[1] in _FORMULA else cell
