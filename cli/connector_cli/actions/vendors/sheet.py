"""All vendors of a connection as a CSV file that people decide in, one row for each division."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from connector_cli.actions.csv_files import as_text, from_text, read_rows, write_rows, wrong
from connector_cli.actions.vendors.names import as_key
from connector_cli.actions.vendors.standings import Standing, Standings, Suppliers
from connector_cli.complaints import Complaint, safe_lines
from connector_cli.stack import Stack
from ml_connector.ids import Division, VendorId

COLUMNS = (
    "airbase_id", "name", "division", "exact_id", "exact_code", "exact_name", "decision", "rule",
    "score", "candidates", "evidence", "decided_by", "decided_at",
)  # fmt: skip
NEEDED = ("airbase_id", "division", "exact_id", "exact_code", "decision", "decided_at")
DECISIONS = ("link", "reject", "unlink")
_AS_EXPORTED = ("", "review", "none")


@dataclass(frozen=True)
class Row:
    """One row of a file. `decision` is one of `DECISIONS`, or empty: nothing is decided.

    `exact_id` and `exact_code` name the supplier, either may be empty; `decided_at` is the moment
    of the newest decision when the file was written.
    """

    line: int
    vendor: VendorId
    division: Division
    exact_id: str
    exact_code: str
    decision: str
    decided_at: datetime | None

    @property
    def names_a_supplier(self) -> bool:
        """Return whether it says which supplier is meant."""
        return bool(self.exact_id or self.exact_code)


def export(stack: Stack, id: str, out: Path) -> dict[str, Any]:
    """Write where every vendor stands in every division; return how many rows of each decision.

    Raises `Complaint` when the file cannot be written.
    """
    connection = stack.connection(id)
    if not out.parent.is_dir():
        raise Complaint(f"{out.parent}: no such folder")
    counts = {"link": 0, "review": 0, "none": 0}
    standings = Standings(stack, connection)

    def rows() -> Iterator[tuple[str, ...]]:
        for division in connection.divisions:
            suppliers = standings.suppliers(division.division)
            for each in standings.of(division.division):
                counts[each.decision] += 1
                yield tuple(map(as_text, _cells(each, suppliers)))

    write_rows(out, COLUMNS, rows())
    return {"connection": connection.id, "file": str(out), **counts}


def read_sheet(path: Path) -> list[Row]:
    """Return the rows of a file; raises `Complaint` with all lines that cannot be read."""
    rows: list[Row] = []
    errors: list[str] = []
    columns: list[str] = []
    for line, cells in read_rows(path):
        if not any(cell.strip() for cell in cells):
            continue
        try:
            if not columns:
                columns = _columns(path, line, cells)
            else:
                rows.append(_row(path, line, columns, cells))
        except Complaint as complaint:
            if not columns:
                raise
            errors += complaint.lines
    if not columns:
        raise wrong(path, 1, f"is empty; the first line names the columns {', '.join(NEEDED)}")
    errors += _doubled(path, rows)
    if errors:
        raise Complaint(*errors)
    return rows


def code_alike(one: str, other: str) -> bool:
    """Tell whether two account codes are one, but for the zeros that a spreadsheet takes away."""
    return one.strip().lstrip("0").casefold() == other.strip().lstrip("0").casefold()


def _cells(standing: Standing, suppliers: Suppliers) -> tuple[str, ...]:
    supplier = suppliers.get(standing.supplier)
    best = standing.offered[0] if standing.offered else None
    shown = supplier or best
    rule = standing.proposal.rule if standing.offered and standing.proposal else ""
    evidence = standing.proposal.evidence if standing.offered and standing.proposal else ()
    if standing.link and not rule:
        rule, evidence = standing.link.rule, standing.link.evidence
    offered = (f"{each.code} {each.name} ({each.score:.2f})" for each in standing.offered)
    at, by = standing.decided or (None, "")
    return (
        standing.vendor.id,
        standing.vendor.name,
        str(standing.division),
        standing.supplier or "",
        shown.code if shown else "",
        shown.name if shown else "",
        standing.decision,
        rule,
        f"{best.score:.4f}" if best else "",
        " | ".join(offered),
        "; ".join(evidence),
        by,
        at.isoformat() if at else "",
    )


def _columns(path: Path, line: int, cells: list[str]) -> list[str]:
    columns = [cell.strip().casefold() for cell in cells]
    if missing := [name for name in NEEDED if name not in columns]:
        raise wrong(path, line, f"lacks the column {' and '.join(missing)}")
    if doubled := [name for name in NEEDED if columns.count(name) > 1]:
        raise wrong(path, line, f"has the column {doubled[0]} twice")
    return columns


def _row(path: Path, line: int, columns: list[str], cells: list[str]) -> Row:
    if len(cells) != len(columns):
        raise wrong(path, line, f"has {len(cells)} cells, the header has {len(columns)}")
    given = dict(zip(columns, cells, strict=True))
    for name in NEEDED:
        if given[name].lstrip().startswith("="):
            raise wrong(path, line, f"{name} is a formula: give the value itself")
    found = {name: from_text(given[name]).strip() for name in NEEDED}
    if not found["airbase_id"]:
        raise wrong(path, line, "has no airbase_id")
    if not (found["division"].isascii() and found["division"].isdigit()):
        raise wrong(path, line, f"{found['division']!r} is no division")
    decision = found["decision"].casefold()
    if decision not in (*DECISIONS, *_AS_EXPORTED):
        wanted = ", ".join(DECISIONS)
        raise wrong(path, line, f"{found['decision']!r} is no decision: say one of {wanted}")
    return Row(
        line,
        VendorId(found["airbase_id"]),
        Division(int(found["division"])),
        as_key(found["exact_id"]).lower(),
        found["exact_code"],
        decision if decision in DECISIONS else "",
        _moment(path, line, found["decided_at"]),
    )


def _moment(path: Path, line: int, text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise wrong(path, line, "decided_at is not as the export wrote it: leave it unchanged")
    return found


def _doubled(path: Path, rows: list[Row]) -> list[str]:
    """One row decides about a vendor in a division; a second one would contradict it."""
    seen: dict[tuple[VendorId, Division], int] = {}
    errors = []
    for row in rows:
        first = seen.setdefault((row.vendor, row.division), row.line)
        if first != row.line:
            what = f"vendor {row.vendor} in division {row.division} is on line {first} already"
            errors += safe_lines(f"{path.name}, line {row.line}: {what}")
    return errors
