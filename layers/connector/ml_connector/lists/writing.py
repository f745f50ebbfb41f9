"""Write lists as CSV or xlsx, all or nothing."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from ml_connector.lists.cells import csv_line
from ml_connector.output.files import atomic_file
from ml_connector.user_errors import UserError

_WRITTEN = (".csv", ".xlsx", "")
"""How files may end that are written: another ending would promise another kind of file."""


def write_list(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a header and all rows, or nothing: a workbook if `path` ends in .xlsx, else CSV.

    Raise `UserError` if that is not possible.
    """
    check_list_path(path)
    with atomic_file(path) as file:
        if path.suffix.lower() == ".xlsx":
            from ml_connector.lists.workbooks import write_workbook  # noqa: PLC0415  only for a workbook

            write_workbook(file, columns, rows)
            return
        file.write(b"\xef\xbb\xbf")  # tells a spreadsheet that it is UTF-8
        file.write(csv_line(columns).encode())
        for row in rows:
            file.write(csv_line(row).encode())


def check_list_path(path: Path) -> None:
    """Raise `UserError` for a file that `write_list` would not write."""
    if path.suffix.lower() not in _WRITTEN:
        raise UserError(f"{path}: is not written: name a file that ends in .csv or .xlsx")
    if not path.parent.is_dir():
        raise UserError(f"{path}: there is no folder {path.parent}")
