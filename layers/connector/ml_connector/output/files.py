"""Write files all or nothing, readable by their owner alone."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ml_connector.user_errors import UserError

STANDARD_OUTPUT = Path("-")
"""As a path: what is written goes to standard output."""


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a private file beside `path` that replaces it at the end."""
    if path == STANDARD_OUTPUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
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
