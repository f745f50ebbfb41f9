"""Read the two lists of an offline match, and write the decisions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ml_connector.domain.matching.party import MatchDecision, Party
from ml_connector.input_files import line_error, read_rows
from ml_connector.vendors.review.csv_files import as_text, write_rows

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
    write_rows(path, _COLUMNS, rows)


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
        as_text(vendors[decision.vendor_id]),
        as_text(suppliers.get(decision.supplier_id, "")),
        as_text(_SEPARATOR.join(suppliers[id] for id in offered)),
        "; ".join(decision.evidence),
        "; ".join(decision.doubts),
    )


def _parties(file: Path) -> Iterator[Party]:
    columns: Sequence[str] = ()
    seen: dict[str, int] = {}
    for line, row in read_rows(file):
        if not columns:
            columns = _columns(file, line, row)
            continue
        party = _party(file, line, columns, row)
        if party.id in seen:
            raise line_error(file, line, f"id {party.id} is on line {seen[party.id]} already")
        seen[party.id] = line
        yield party
    if not columns:
        raise line_error(
            file, 1, "is empty; the first line names the columns, at least id and name"
        )


def _columns(file: Path, line: int, row: Sequence[str]) -> list[str]:
    columns = [cell.strip().casefold() for cell in row]
    if missing := [name for name in _NEEDED if name not in columns]:
        raise line_error(file, line, f"lacks the column {' and '.join(missing)}")
    known = [name for name in columns if name in (*_KNOWN, _REFERENCE)]
    if doubled := sorted({name for name in known if known.count(name) > 1}):
        raise line_error(file, line, f"has the column {doubled[0]} twice")
    return columns


def _party(file: Path, line: int, columns: Sequence[str], row: Sequence[str]) -> Party:
    if len(row) != len(columns):
        raise line_error(file, line, f"has {len(row)} cells, the header has {len(columns)}")
    cells = {name: cell.strip() for name, cell in zip(columns, row, strict=True)}
    if not cells["id"]:
        raise line_error(file, line, "has no id")
    if _SEPARATOR in cells["id"]:
        raise line_error(
            file, line, f"has a {_SEPARATOR} in its id, which separates the ids in the result"
        )
    known = {name: cells.get(name, "") for name in _KNOWN}
    return Party(**known, external_id=cells.get(_REFERENCE, ""), is_usable=True)
