"""Lists that a page gives as a file for spreadsheets."""

from collections.abc import Iterable, Sequence

from ml_connector.lists.cells import csv_line
from ml_console.web import Answer


def as_text(rows: Iterable[Sequence[object]]) -> str:
    """Return the lines of a CSV file."""
    return "".join(map(csv_line, rows))


def as_csv(text: str, name: str) -> Answer:
    """Return a file to be saved."""
    named = "".join(c for c in name if c.isalnum() or c in "-_.")
    headers = {
        "content-type": "text/csv; charset=utf-8",
        "content-disposition": f'attachment; filename="{named}"',
    }
    return Answer(200, "\ufeff" + text, headers)
