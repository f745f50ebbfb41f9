"""CSV files as spreadsheets write and read them; raises `UserError` with the line of an error."""

import csv
import io
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ml_connector.output_files import FORMULA_STARTS
from ml_connector.user_errors import UserError, safe_lines

_DELIMITERS = ",;\t"
# A spreadsheet would run these as a formula; an apostrophe before them makes them text.
_FORMULA = re.compile(f"'*[{re.escape(FORMULA_STARTS)}]")
_ESCAPED = re.compile(f"'+[{re.escape(FORMULA_STARTS)}]")


def read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows with the line each begins on, including empty ones; detect the delimiter."""
    text = _text(path)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    line = 1
    try:
        for row in rows:
            yield line, row
            line = rows.line_num + 1
    except csv.Error as error:
        raise UserError(f"{path.name}, line {rows.line_num}: {error}") from None


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


def line_error(path: Path, line: int, what: str) -> UserError:
    """Return the error about a line of the file."""
    return UserError(*safe_lines(f"{path.name}, line {line}: {what}"))


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


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or 'cannot be read'}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path.name}, line {line}: is not UTF-8 text") from None


def _delimiter(text: str) -> str:
    header = text.lstrip("\r\n").partition("\n")[0]
    return max(_DELIMITERS, key=header.count)
