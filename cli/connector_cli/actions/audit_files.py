"""Write an exported audit trail as JSON Lines or CSV: line by line, all of it or nothing."""

import csv
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from connector_cli.actions.audit_exports import FIELDS, Period, Row, end_row, rows
from connector_cli.complaints import Complaint
from connector_cli.stack import Stack

# A spreadsheet takes a cell that begins with one of these for a formula; the quote marks itself.
_GUARDED = tuple("=+-@\t\r\n'\uff1d\uff0b\uff0d\uff20")


def export(
    stack: Stack, id: str, order: str | None, asked: Period, form: str, path: Path
) -> dict[str, Any]:
    """Write the trails of a connection, an order or a period to `path`; return what was written.

    `form` is `jsonl` or `csv`. A file that is there already stays: raises `Complaint`.
    """
    if form not in _WRITERS:
        raise Complaint(f"--format {form!r} is not known: say {' or '.join(_WRITERS)}")
    if order is not None and not asked.is_all:
        raise Complaint("say either --order or a period")
    if path.exists():
        raise Complaint(f"{path} is there already: name another file")
    with written_whole(path) as file:
        counted = _write(file, rows(stack, id, order, asked), _WRITERS[form], form)
    return {"connection": id, "file": str(path), "format": form, **counted}


def _write(
    file: IO[bytes], found: Iterator[Row], line_of: Callable[[Row], str], form: str
) -> dict[str, int]:
    digest, counts = sha256(), {"entry": 0, "anchor": 0, "export": 0}
    connection = ""

    def put(line: str) -> None:
        digest.update(line.encode())
        file.write(line.encode())

    if form == "csv":
        put(_cells(FIELDS))
    for row in found:
        counts[row["kind"]] += 1
        connection = connection or row["record"]
        put(line_of(row))
    end = end_row(connection, counts["entry"], counts["anchor"], digest.hexdigest())
    put(line_of(end))
    return {"records": counts["anchor"], "entries": counts["entry"]}


def _json_line(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"


def _csv_line(row: Row) -> str:
    detail = json.dumps(row["detail"], ensure_ascii=False, separators=(",", ":"))
    cells = row | {"detail": detail}
    return _cells([cells[name] for name in FIELDS])


def _cells(values: Iterable[object]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(map(guarded, values))
    return text.getvalue()


def guarded(value: object) -> str:
    """Return the text of a CSV cell that no spreadsheet takes for a formula."""
    text = str(value)
    return f"'{text}" if text.startswith(_GUARDED) else text


_WRITERS: dict[str, Callable[[Row], str]] = {"jsonl": _json_line, "csv": _csv_line}


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """Open a file beside `path` that takes its place at the end; it stays private meanwhile."""
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
        raise Complaint(f"{path}: {error.strerror or 'cannot be written'}") from None
