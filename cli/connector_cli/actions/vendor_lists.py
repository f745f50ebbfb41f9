"""Read the two vendor lists of a preview, and write what was decided; nothing else is opened."""

import csv
import io
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from connector_cli.complaints import Complaint, safe_lines
from ml_connector.vendors.party import Decision, Party

_NEEDED = ("id", "name")
_KNOWN = (
    *_NEEDED, "email", "vat_number", "chamber_of_commerce", "iban", "country", "city", "code",
)  # fmt: skip
_REFERENCE = "erp_reference_id"
_COLUMNS = ("airbase_id", "exact_id", "decision", "score", "rule", "candidates")
_DELIMITERS = ",;\t"
# Ids are joined with it in the output.
_JOINT = "|"


def read_list(path: Path) -> list[Party]:
    """Return the companies of a CSV file; raises `Complaint` with the line of the first error."""
    text = _text(path)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        return list(_parties(path.name, rows))
    except csv.Error as error:
        raise Complaint(f"{path.name}, line {rows.line_num}: {error}") from None


def write_decisions(path: Path, decisions: Iterable[Decision]) -> None:
    """Write one row for each decision, all of them or nothing; raises `Complaint`."""
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
                writer.writerow(_COLUMNS)
                writer.writerows(map(_row, decisions))
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).chmod(0o666 & ~_umask())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise Complaint(f"{path}: {error.strerror or 'cannot be written'}") from None


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _row(decision: Decision) -> tuple[str, ...]:
    candidates = _JOINT.join(each.id for each in decision.candidates)
    return (
        decision.vendor_id,
        decision.supplier_id,
        decision.verdict,
        f"{decision.score:.4f}",
        decision.rule,
        candidates,
    )


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Complaint(f"{path}: {error.strerror or 'cannot be read'}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Complaint(f"{path.name}, line {line}: is not UTF-8 text") from None


def _delimiter(text: str) -> str:
    header = text.lstrip("\r\n").partition("\n")[0]
    return max(_DELIMITERS, key=header.count)


def _parties(file: str, rows: Iterator[list[str]]) -> Iterator[Party]:
    columns: Sequence[str] = ()
    seen: dict[str, int] = {}
    for line, row in _numbered(rows):
        if not any(cell.strip() for cell in row):
            continue
        if not columns:
            columns = _columns(file, line, row)
            continue
        party = _party(file, line, columns, row)
        if party.id in seen:
            raise _wrong(file, line, f"id {party.id} is on line {seen[party.id]} already")
        seen[party.id] = line
        yield party
    if not columns:
        raise _wrong(file, 1, "is empty; the first line names the columns, at least id and name")


def _numbered(rows: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Number the rows by the line they begin on; a quoted cell may hold line breaks."""
    line = 1
    for row in rows:
        yield line, row
        line = getattr(rows, "line_num", line) + 1


def _columns(file: str, line: int, row: Sequence[str]) -> list[str]:
    columns = [cell.strip().casefold() for cell in row]
    if missing := [name for name in _NEEDED if name not in columns]:
        raise _wrong(file, line, f"lacks the column {' and '.join(missing)}")
    known = [name for name in columns if name in (*_KNOWN, _REFERENCE)]
    if doubled := sorted({name for name in known if known.count(name) > 1}):
        raise _wrong(file, line, f"has the column {doubled[0]} twice")
    return columns


def _party(file: str, line: int, columns: Sequence[str], row: Sequence[str]) -> Party:
    if len(row) != len(columns):
        raise _wrong(file, line, f"has {len(row)} cells, the header has {len(columns)}")
    cells = {name: cell.strip() for name, cell in zip(columns, row, strict=True)}
    if not cells["id"]:
        raise _wrong(file, line, "has no id")
    if _JOINT in cells["id"]:
        raise _wrong(file, line, f"has a {_JOINT} in its id, which parts the ids in the result")
    known = {name: cells.get(name, "") for name in _KNOWN}
    return Party(**known, external_id=cells.get(_REFERENCE, ""), is_usable=True)


def _wrong(file: str, line: int, what: str) -> Complaint:
    return Complaint(*safe_lines(f"{file}, line {line}: {what}"))
