"""Write a file all or nothing, with CSV cells that no spreadsheet runs as a formula."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ml_connector.user_errors import UserError

# Spreadsheets take a cell that begins so for a formula; an apostrophe escapes it, and itself.
_FORMULA = tuple("=+-@\t\r\n'\uff1d\uff0b\uff0d\uff20")


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
    return f"'{text}" if text.startswith(_FORMULA) else text
