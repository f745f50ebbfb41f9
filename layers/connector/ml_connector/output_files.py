"""Write files all or nothing, readable by their owner alone; lists as CSV or xlsx.

No cell of a list is run by a spreadsheet as a formula, wherever the spreadsheet cuts the line.
"""

import csv
import io
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ml_connector.user_errors import UserError

_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
# A formula begins a cell, or what a spreadsheet takes for one: with settings of most of Europe it
# cuts our lines at semicolons. Blanks and quotes before it are skipped by some.
_FORMULA = rf"(?=[\s\"']*[{_SIGNS}])"
_TO_ESCAPE = re.compile(rf"\A(?='*[\t\r\n])|(?:\A|(?<=[;\t\r\n])){_FORMULA}")
_ESCAPED = re.compile(rf"\A'(?='*[\t\r\n])|(?:\A|(?<=[;\t\r\n]))'{_FORMULA}")
_NOT_WRITTEN = (".xls", ".xlsm", ".xlsb", ".ods", ".numbers")


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a private file beside `path` that replaces it at the end."""
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            try:
                yield file.file
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or 'cannot be written'}") from None


def write_list(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a header and all rows, or nothing: a workbook if `path` ends in .xlsx, else CSV.

    Raise `UserError` if that is not possible.
    """
    check_list_path(path)
    with atomic_file(path) as file:
        if path.suffix.lower() == ".xlsx":
            from ml_connector.workbooks import write_workbook  # noqa: PLC0415  only for a workbook

            write_workbook(file, columns, rows)
            return
        file.write(b"\xef\xbb\xbf")  # tells a spreadsheet that it is UTF-8
        file.write(csv_line(columns).encode())
        for row in rows:
            file.write(csv_line(row).encode())


def check_list_path(path: Path) -> None:
    """Raise `UserError` for a file that `write_list` would not write."""
    if path.suffix.lower() in _NOT_WRITTEN:
        raise UserError(f"{path}: is not written: name a file that ends in .csv or .xlsx")
    if not path.parent.is_dir():
        raise UserError(f"{path}: there is no folder {path.parent}")


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
