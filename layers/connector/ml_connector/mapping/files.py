"""Mappings as a list for a spreadsheet, CSV or xlsx: one line per mapping.

Columns `division,kind,airbase,exact,name`, in any order; others are ignored, as is `name`, which is
for people. `lists` says how lists are read and written.
"""

from dataclasses import dataclass
from pathlib import Path

from ml_connector.lists.reading import InvalidLine, TableRow, read_table

COLUMNS = ("division", "kind", "airbase", "exact", "name")
_NEEDED = COLUMNS[:4]


@dataclass(frozen=True)
class MappingLine:
    """One line of a file as entered; `number` is the line on which it begins.

    The cells are named as a spreadsheet does: `C3 (airbase)`.
    """

    number: int
    division: str
    kind: str
    airbase: str
    exact: str
    airbase_cell: str = ""
    exact_cell: str = ""


def read(path: Path) -> tuple[list[MappingLine], list[InvalidLine]]:
    """Return the valid lines of a file, and the invalid ones.

    Raise `UserError` when it is not such a file at all.
    """
    lines, invalid = [], []
    for row in read_table(path, _NEEDED):
        if isinstance(row, TableRow):
            division, kind, airbase, exact = (row.cells[name] for name in _NEEDED)
            cells = row.where("airbase"), row.where("exact")
            lines.append(MappingLine(row.number, division, kind, airbase, exact, *cells))
        else:
            invalid.append(row)
    return lines, invalid
