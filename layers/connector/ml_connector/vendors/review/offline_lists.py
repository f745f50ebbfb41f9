"""Read the two lists of an offline match, and write the decisions."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ml_connector.domain.matching.party import MatchDecision, Party
from ml_connector.lists.reading import InvalidLine, TableRow, line_error, lines_error, read_table
from ml_connector.lists.writing import write_list

_NEEDED = ("id", "name")
_KNOWN = (
    *_NEEDED, "email", "vat_number", "chamber_of_commerce", "iban", "country", "city", "code",
)  # fmt: skip
_REFERENCE = "erp_reference_id"
_COLUMNS = (
    "airbase_id", "exact_id", "decision", "score", "rule", "candidates", "airbase_name",
    "exact_name", "candidate_names", "evidence", "doubts",
)  # fmt: skip
# Joins ids and names in the output.
_SEPARATOR = "|"


def read_list(path: Path) -> list[Party]:
    """Return the companies of a CSV file; raise `UserError` with the line of the first error."""
    return list(_parties(path))


def write_decisions(
    path: Path,
    decisions: Iterable[MatchDecision],
    vendors: Iterable[Party],
    suppliers: Iterable[Party],
) -> None:
    """Write one row for each decision, all of them or nothing; raise `UserError`."""
    vendor_names = {each.id: each.name for each in vendors}
    supplier_names = {each.id: each.name for each in suppliers}
    rows = (_row(each, vendor_names, supplier_names) for each in decisions)
    write_list(path, _COLUMNS, rows)


def _row(
    decision: MatchDecision, vendors: Mapping[str, str], suppliers: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the row of a decision; the lists name the parties by id."""
    offered = [each.id for each in decision.candidates]
    return (
        decision.vendor_id,
        decision.supplier_id,
        decision.outcome,
        f"{decision.score:.4f}",
        decision.rule,
        _SEPARATOR.join(offered),
        vendors[decision.vendor_id],
        suppliers.get(decision.supplier_id, ""),
        _SEPARATOR.join(suppliers[id] for id in offered),
        "; ".join(decision.evidence),
        "; ".join(decision.doubts),
    )


def _parties(file: Path) -> Iterator[Party]:
    seen: dict[str, int] = {}
    for row in read_table(file, _NEEDED, (*_KNOWN, _REFERENCE), plain=["id"]):
        if isinstance(row, InvalidLine):
            raise lines_error(file, [row])
        party = _party(file, row)
        if party.id in seen:
            raise line_error(file, row.number, f"id {party.id} is on line {seen[party.id]} already")
        seen[party.id] = row.number
        yield party


def _party(file: Path, row: TableRow) -> Party:
    cells = {name: cell.strip() for name, cell in row.cells.items()}
    if not cells["id"]:
        raise line_error(file, row.number, "has no id")
    if _SEPARATOR in cells["id"]:
        raise line_error(
            file, row.number, f"has a {_SEPARATOR} in its id, which separates the ids in the result"
        )
    known = {name: cells.get(name, "") for name in _KNOWN}
    return Party(**known, external_id=cells.get(_REFERENCE, ""), is_usable=True)
