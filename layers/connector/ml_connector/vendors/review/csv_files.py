"""CSV files for spreadsheets: written all or nothing, with cells that are no formulas."""

import csv
import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from ml_connector.output_files import FORMULA_STARTS
from ml_connector.user_errors import UserError

# A spreadsheet would run these as a formula; an apostrophe before them makes them text.
_FORMULA = re.compile(f"'*[{re.escape(FORMULA_STARTS)}]")
_ESCAPED = re.compile(f"'+[{re.escape(FORMULA_STARTS)}]")


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a header and all rows, or nothing."""
    try:
        with tempfile.NamedTemporaryFile(
            "w",
            encoding="utf-8",
            newline="",
            dir=path.parent,
            prefix=f".{path.name}.",
            delete=False,
        ) as file:
            try:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(columns)
                writer.writerows(rows)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).chmod(0o666 & ~_umask())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or 'cannot be written'}") from None


def as_text(cell: str) -> str:
    """Escape a cell that a spreadsheet would take for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def from_text(cell: str) -> str:
    """Undo `as_text`; return other cells as they are."""
    return cell[1:] if _ESCAPED.match(cell) else cell


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
