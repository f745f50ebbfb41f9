"""Read CSV files as people and spreadsheets write them.

With commas, semicolons or tabs, with or without a byte order mark. Whatever is wrong with a file is
a `UserError` that names the line.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from ml_connector.user_errors import UserError, safe_lines

_DELIMITERS = ",;\t"
_LARGEST = 200_000_000
"""Bytes; 100,000 vendors in three divisions have 60 MB."""


def read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that has any text, with the line on which it begins.

    Raises `UserError` for what is not such a file.
    """
    text = _text(path)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    line = 1
    try:
        for row in rows:
            if any(cell.strip() for cell in row):
                yield line, row
            line = rows.line_num + 1
    except csv.Error as error:
        raise line_error(path, rows.line_num, str(error)) from None


def line_error(path: Path, line: int, what: str) -> UserError:
    """Return the error about a line of the file."""
    return UserError(*safe_lines(f"{path.name}, line {line}: {what}"))


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise UserError(f"{path.name}: is larger than {_LARGEST // 1_000_000} MB")
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or 'cannot be read'}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise line_error(path, line, "is not UTF-8 text") from None


def _delimiter(text: str) -> str:
    header = text.lstrip("\r\n").partition("\n")[0]
    return max(_DELIMITERS, key=header.count)
