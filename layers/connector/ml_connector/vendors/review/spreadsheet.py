"""All vendors of a connection as a CSV file to decide in, one row per vendor and division."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ml_connector.domain.ids import Division, VendorId
from ml_connector.lists.reading import InvalidLine, TableRow, line_error, read_table
from ml_connector.lists.writing import check_list_path, write_list
from ml_connector.services import Services
from ml_connector.settings.connection import Connection
from ml_connector.settings.division_names import find_division
from ml_connector.user_errors import UserError, safe_lines
from ml_connector.vendors.review.find import as_key
from ml_connector.vendors.review.vendor_states import SupplierLookup, VendorInDivision, VendorStates

COLUMNS = (
    "airbase_id", "name", "division", "exact_id", "exact_code", "exact_name", "decision", "rule",
    "score", "candidates", "evidence", "decided_by", "decided_at",
)  # fmt: skip
NEEDED = ("airbase_id", "division", "exact_id", "exact_code", "decision", "decided_at")
_DIVISION = re.compile(r"([A-Za-z.]+\.)?[0-9]{1,10}")
DECISIONS = ("link", "reject", "unlink")
_AS_EXPORTED = ("", "review", "none")


@dataclass(frozen=True)
class SpreadsheetRow:
    """One row of a file. `decision` is one of `DECISIONS`, or empty.

    `exact_id` and `exact_code` name the supplier, either may be empty; `decided_at` is the time of
    the last decision when the file was written. The cells are named as a spreadsheet does:
    `E3 (exact_code)`.
    """

    line: int
    vendor: VendorId
    division: Division
    exact_id: str
    exact_code: str
    decision: str
    decided_at: datetime | None
    vendor_cell: str
    code_cell: str

    @property
    def names_a_supplier(self) -> bool:
        """Return whether the row names a supplier."""
        return bool(self.exact_id or self.exact_code)


def export(services: Services, out: Path) -> dict[str, Any]:
    """Write the state of every vendor in every division; return the number of rows by decision.

    Raise `UserError` when the file cannot be written.
    """
    check_list_path(out)
    counts = {"link": 0, "review": 0, "none": 0}
    states = VendorStates(services)

    def rows() -> Iterator[tuple[str, ...]]:
        for division in services.connection.divisions:
            suppliers = states.suppliers(division.division)
            for each in states.of(division.division):
                counts[each.decision] += 1
                yield _cells(each, suppliers)

    write_list(out, COLUMNS, rows())
    return {"connection": services.id, "file": str(out), **counts}


def read_spreadsheet(path: Path, connection: Connection) -> list[SpreadsheetRow]:
    """Return the rows of a file about a connection; raise `UserError` with all invalid lines."""
    rows: list[SpreadsheetRow] = []
    errors: list[str] = []
    for row in read_table(path, NEEDED):
        try:
            if isinstance(row, InvalidLine):
                raise line_error(path, row.number, row.text)
            rows.append(_row(path, row, connection))
        except UserError as error:
            errors += error.lines
    errors += _doubled(path, rows)
    if errors:
        raise UserError(*errors)
    return rows


def _cells(state: VendorInDivision, suppliers: SupplierLookup) -> tuple[str, ...]:
    supplier = suppliers.get(state.supplier)
    best = state.candidates[0] if state.candidates else None
    shown = supplier or best
    rule = state.proposal.rule if state.candidates and state.proposal else ""
    evidence = state.proposal.evidence if state.candidates and state.proposal else ()
    if state.link and not rule:
        rule, evidence = state.link.rule, state.link.evidence
    candidates = (f"{each.code} {each.name} ({each.score:.2f})" for each in state.candidates)
    at, by = state.last_decision or (None, "")
    return (
        state.vendor.id,
        state.vendor.name,
        state.division,
        state.supplier or "",
        shown.code if shown else "",
        shown.name if shown else "",
        state.decision,
        rule,
        f"{best.score:.4f}" if best else "",
        " | ".join(candidates),
        "; ".join(evidence),
        by,
        at.isoformat() if at else "",
    )


def _row(path: Path, row: TableRow, connection: Connection) -> SpreadsheetRow:
    line = row.number
    found = {name: row.cells[name].strip() for name in NEEDED}
    if not found["airbase_id"]:
        raise line_error(path, line, "has no airbase_id")
    if not _DIVISION.fullmatch(found["division"]):
        raise line_error(path, line, f"{found['division']!r} is not a division")
    decision = found["decision"].casefold()
    if decision not in (*DECISIONS, *_AS_EXPORTED):
        wanted = ", ".join(DECISIONS)
        raise line_error(
            path, line, f"{found['decision']!r} is not a decision: use one of {wanted}"
        )
    return SpreadsheetRow(
        line,
        VendorId(found["airbase_id"]),
        _division(connection, found["division"]),
        as_key(found["exact_id"]).lower(),
        found["exact_code"],
        decision if decision in DECISIONS else "",
        _moment(path, line, found["decided_at"]),
        row.where("airbase_id"),
        row.where("exact_code"),
    )


def _division(connection: Connection, name: str) -> Division:
    """Return the division with this name; for an unknown one the name, which no division has."""
    try:
        return find_division(connection, name)
    except UserError:
        return Division(name)


def _moment(path: Path, line: int, text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise line_error(path, line, "decided_at was edited: leave it as exported")
    return found


def _doubled(path: Path, rows: list[SpreadsheetRow]) -> list[str]:
    """Return an error for each further row about the same vendor and division."""
    seen: dict[tuple[VendorId, Division], int] = {}
    errors = []
    for row in rows:
        first = seen.setdefault((row.vendor, row.division), row.line)
        if first != row.line:
            what = f"vendor {row.vendor} in division {row.division} is on line {first} already"
            errors += safe_lines(f"{path.name}, line {row.line}: {what}")
    return errors
