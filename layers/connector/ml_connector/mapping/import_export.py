"""Show, export and import mappings."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from ml_connector.connections import manage as connections
from ml_connector.domain.ids import Actor, ConnectionId, Division
from ml_connector.domain.mapped_values import AUTOMATIC, MappingRow
from ml_connector.infrastructure.decided_values import MappedValue
from ml_connector.infrastructure.ledger import Conflict
from ml_connector.lists.reading import lines_error
from ml_connector.lists.writing import check_list_path, write_list
from ml_connector.mapping import files
from ml_connector.mapping.airbase_codes import AirbaseCodes
from ml_connector.mapping.changes import MappingChange, MappingChanges
from ml_connector.mapping.kinds import KINDS, SUBSIDIARIES
from ml_connector.mapping.loaded_data import LoadedDivisionData
from ml_connector.mapping.overview import MappingOverview
from ml_connector.mapping.usage import find_usage
from ml_connector.services import Services, StackServices
from ml_connector.settings.connection import Connection
from ml_connector.settings.division_names import find_division
from ml_connector.stack import RecordStack, unknown_connection
from ml_connector.sweep.due_records import queue_reviews_of_division, queue_reviews_without_division
from ml_connector.user_errors import UserError, safe_lines

_AUDITED_AT_ONCE = 5_000
"""Changes in one entry of the audit trail, which holds some megabytes."""


@dataclass(frozen=True)
class MappingListing:
    """The selected rows, with how many orders were read and what is missing."""

    rows: list[MappingRow]
    orders: int
    unknown_tags: list[str]
    not_read: list[Division]

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form."""
        return {
            "rows": [row.as_dict() for row in self.rows],
            "orders": self.orders,
            "unknown_tags": self.unknown_tags,
            "not_read": self.not_read,
        }


@dataclass(frozen=True)
class MappingImport:
    """What an import changed, or would change, and how many orders were queued.

    `notes` name the cells that were read otherwise than written, or that Airbase has never shown.
    """

    changes: list[MappingChange]
    notes: list[str]
    queued: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form."""
        changes = [each.as_dict() for each in self.changes]
        return {"changes": changes, "notes": self.notes, "queued": self.queued}


def show(
    services: Services,
    division: str | None = None,
    kind: str | None = None,
    *,
    unmapped: bool = False,
) -> MappingListing:
    """Return all mappings and unmapped values; `unmapped`: only what stops orders.

    Reads Airbase, and the reference data as last read from Exact. Raise `UserError` for an unknown
    division or kind, and the faults of Airbase.
    """
    connection = services.mapping_rows.whole(services.connection)
    if kind is not None and kind not in KINDS:
        raise UserError(f"{kind!r} is not a kind: use one of {', '.join(KINDS)}")
    only = find_division(connection, division) if division is not None else None
    usage = find_usage(services.airbase(), connection)
    division_data = {
        each.division: _division_data(services, each.division) for each in connection.divisions
    }
    read = {code: data for code, data in division_data.items() if data.is_read}
    rows = [
        row
        for row in MappingOverview(connection, read, usage).rows()
        if (only is None or _concerns(row, only))
        and (kind is None or row.kind == kind)
        and (row.stops_orders or not unmapped)
    ]
    return MappingListing(
        rows, usage.orders, sorted(usage.unknown_tags), sorted(division_data.keys() - read.keys())
    )


def export(services: Services, out: Path) -> int:
    """Write all mappings, and unmapped values with an empty `exact`; return the number of lines.

    An .xlsx keeps leading zeros in Excel, which a CSV file does not.

    Raise `UserError` when the file cannot be written.
    """
    check_list_path(out)
    rows = [row for row in show(services).rows if row.state != AUTOMATIC]
    lines = (
        (row.division or "", row.kind, row.airbase, row.exact, row.name or row.exact_name)
        for row in rows
    )
    write_list(out, files.COLUMNS, lines)
    return len(rows)


def import_(
    stack: RecordStack,
    actor: Actor,
    id: str,
    path: Path,
    *,
    dry_run: bool = False,
    check: Callable[[MappingChange], None] = lambda _: None,
) -> MappingImport:
    """Change the mappings as in a file: all of it or nothing.

    `check` raises for a change that may not be made, because of what there was before.

    Raises:
        UserError: the file is invalid; one line for each error.
        Conflict: the connection was changed meanwhile; nothing was changed.
    """
    services, connection, version = _to_change(stack.services, stack.connection(id).id)
    lines, invalid = files.read(path)
    airbase = AirbaseCodes(partial(find_usage, services.airbase(), connection))
    division_data = cache(partial(_division_data, services))
    draft = MappingChanges(connection, division_data, airbase, invalid)
    draft.read(lines)
    if draft.result is None:
        raise lines_error(path, draft.errors)
    for change in draft.changes:
        check(change)
    notes = [f"{path.name}, line {each.number}: {each.text}" for each in draft.notes]
    notes = safe_lines(*notes, *draft.more_unknown, *airbase.why_unknown)
    if dry_run or not draft.changes:
        return MappingImport(draft.changes, notes)
    _save(stack, actor, draft.result, version, draft.changes)
    return MappingImport(draft.changes, notes, _queue(services, draft.changes))


def set_one(
    stack: RecordStack,
    actor: Actor,
    id: str,
    division: Division,
    kind: str,
    airbase: str,
    exact: str,
    *,
    check: Callable[[str], None] = lambda _: None,
) -> MappingImport:
    """Map one Airbase value; it is checked as a line of a file is.

    `check` raises when it may not replace what the value is mapped to (empty: to nothing).

    Raises:
        UserError: the value cannot be mapped so.
        Conflict: the connection was changed meanwhile; nothing was changed.
    """
    services, connection, version = _to_change(stack.services, stack.connection(id).id)
    found = connection.division(division)
    before = getattr(found.mappings, kind).get(airbase, "") if found else ""
    check(before)
    draft = MappingChanges(
        connection,
        cache(partial(_division_data, services)),
        AirbaseCodes(partial(find_usage, services.airbase(), connection)),
    )
    draft.take(MappingChange(1, division, kind, airbase, before, exact))
    if draft.result is None:
        raise UserError("; ".join(each.text for each in draft.errors))
    if draft.changes:
        _save(stack, actor, draft.result, version, draft.changes)
    return MappingImport(draft.changes, [], _queue(services, draft.changes))


def _to_change(stack_services: StackServices, id: ConnectionId) -> tuple[Services, Connection, int]:
    """Return a connection with all its mappings, and the version that a change is based on."""
    read = stack_services.connections.versioned(id)
    if read is None:
        raise unknown_connection(stack_services.tables.coordination, id)
    stored, version = read
    services = stack_services.bound(stored)
    return services, services.mapping_rows.whole(stored), version


def _save(
    stack: RecordStack,
    actor: Actor,
    connection: Connection,
    version: int,
    changes: list[MappingChange],
) -> None:
    ledger = stack.ledger_of(actor, connection.id)
    for start in range(0, len(changes), _AUDITED_AT_ONCE):
        some = [change.as_dict() for change in changes[start : start + _AUDITED_AT_ONCE]]
        connections.record_step(ledger, "mappings_changed", changes=some)
    mapped = [MappedValue(each.division, each.kind, each.airbase, each.after) for each in changes]
    ledger.decided.note(mapped, actor)
    if not stack.services.connections.save_if_unchanged(connection, version):
        connections.record_step(ledger, "mappings_not_changed", why="changed meanwhile")
        raise Conflict(f"connection {connection.id}")


def _queue(services: Services, changes: list[MappingChange]) -> int:
    """Queue the orders that the changes may affect."""
    moved = [change for change in changes if change.kind == SUBSIDIARIES]
    divisions = {change.division for change in changes if change.division is not None}
    divisions |= {Division(each) for m in moved for each in (m.before, m.after) if each}
    queued = queue_reviews_without_division(services) if moved else 0
    return queued + sum(queue_reviews_of_division(services, each) for each in sorted(divisions))


def _division_data(services: Services, division: Division) -> LoadedDivisionData:
    data = services.reference_store(division)
    return LoadedDivisionData(data, services.vendor_links, division)


def _concerns(row: MappingRow, division: Division) -> bool:
    return division in {row.division, row.exact}
