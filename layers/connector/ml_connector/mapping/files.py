"""Mappings as CSV: one line per mapping, safe to open in a spreadsheet.

Columns `division,kind,airbase,exact,name`, in any order; others are ignored, as is `name`, which is
for people. Written with commas; `input_files` says what is read.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ml_connector.input_files import read_rows
from ml_connector.output_files import escaped, unescaped
from ml_connector.user_errors import UserError, safe_lines

COLUMNS = ("division", "kind", "airbase", "exact", "name")
_REQUIRED = COLUMNS[:4]


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
    numbered = read_rows(path)
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
