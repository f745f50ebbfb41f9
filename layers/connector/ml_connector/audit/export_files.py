"""Write an audit export as JSON Lines or CSV: line by line, all of it or nothing."""

import json
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from ml_connector.audit.export_rows import rows
from ml_connector.audit.record_rows import FIELDS, ExportPeriod, ExportRow, end_row, json_line
from ml_connector.domain.ids import Actor
from ml_connector.lists.cells import csv_line
from ml_connector.output.files import atomic_file
from ml_connector.stack import Stack
from ml_connector.user_errors import UserError


def export(
    stack: Stack,
    actor: Actor,
    id: str,
    order: str | None,
    asked: ExportPeriod,
    form: str,
    path: Path,
) -> dict[str, Any]:
    """Write the trails of a connection, an order or a period to `path`; return what was written.

    `form` is `jsonl` or `csv`; `left_out` names the records that this version cannot read. Raise
    `UserError` if the file exists already.
    """
    if form not in _WRITERS:
        raise UserError(f"--format {form!r} is not known: use {' or '.join(_WRITERS)}")
    if order is not None and not asked.is_all:
        raise UserError("give either --order or a period")
    if path.exists():
        raise UserError(f"{path} exists already: name another file")
    with atomic_file(path) as file:
        counted = _write(file, rows(stack, actor, id, order, asked), _WRITERS[form], form)
    return {"connection": id, "file": str(path), "format": form, **counted}


def _write(
    file: IO[bytes], found: Iterator[ExportRow], line_of: Callable[[ExportRow], str], form: str
) -> dict[str, Any]:
    digest, counts = sha256(), {"entry": 0, "anchor": 0, "export": 0}
    connection, left_out = "", []

    def put(line: str) -> None:
        digest.update(line.encode())
        file.write(line.encode())

    if form == "csv":
        put(_cells(FIELDS))
    for row in found:
        counts[row["kind"]] += 1
        if row["kind"] == "export":
            connection, left_out = row["record"], row["detail"].get("left_out", [])
        put(line_of(row))
    end = end_row(connection, counts["entry"], counts["anchor"], digest.hexdigest())
    put(line_of(end))
    return {"records": counts["anchor"], "entries": counts["entry"], "left_out": left_out}


def _csv_line(row: ExportRow) -> str:
    detail = json.dumps(row["detail"], ensure_ascii=False, separators=(",", ":"))
    cells = row | {"detail": detail}
    return _cells(cells[name] for name in FIELDS)


def _cells(values: Iterable[object]) -> str:
    """Return a line in which each cell is quoted, so that the change of any character is found."""
    return csv_line(values, "\n", is_quoted=True)


_WRITERS: dict[str, Callable[[ExportRow], str]] = {"jsonl": json_line, "csv": _csv_line}
