"""Write a file all or nothing, with CSV cells that no spreadsheet runs as a formula."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ml_connector.user_errors import UserError

FORMULA_STARTS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
"""Spreadsheets take a cell that begins with one of these for a formula."""
_ESCAPED = (*FORMULA_STARTS, "'")  # an apostrophe escapes it, and itself


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


def escaped(value: object) -> str:
    """Return a CSV cell that no spreadsheet takes for a formula."""
    text = str(value)
    return f"'{text}" if text.startswith(_ESCAPED) else text


def unescaped(cell: str) -> str:
    """Return the text of a cell that `escaped` made; other cells as they are."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_ESCAPED) else cell
