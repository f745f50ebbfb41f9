"""Show, export and import mappings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector_cli.actions import connections
from connector_cli.actions.mapping import files
from connector_cli.actions.mapping.books import LoadedBooks
from connector_cli.actions.mapping.changes import Change, Changes
from connector_cli.actions.mapping.kinds import KINDS, SUBSIDIARIES
from connector_cli.actions.mapping.overview import AUTOMATIC, Overview, Row
from connector_cli.actions.mapping.usage import find_usage
from connector_cli.complaints import Complaint
from connector_cli.stack import Stack
from ml_connector.connection import Connection
from ml_connector.doors.ledger import Conflict
from ml_connector.ids import ConnectionId, Division
from ml_connector.workflows.upkeep.sweep import queue_reviews, queue_unplaced


@dataclass(frozen=True)
class Shown:
    """The rows asked for, and what they were found from."""

    rows: list[Row]
    orders: int
    unknown_tags: list[str]
    not_read: list[int]

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form."""
        return {
            "rows": [row.as_dict() for row in self.rows],
            "orders": self.orders,
            "unknown_tags": self.unknown_tags,
            "not_read": self.not_read,
        }


@dataclass(frozen=True)
class Imported:
    """What an import changed, or would change, and how many orders are looked at again."""

    changes: list[Change]
    queued: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form."""
        return {"changes": [each.as_dict() for each in self.changes], "queued": self.queued}


def show(
    stack: Stack,
    id: str,
    division: int | None = None,
    kind: str | None = None,
    *,
    unmapped: bool = False,
) -> Shown:
    """Return how everything that can be mapped stands; `unmapped`: only what stops orders.

    Reads Airbase, and Exact's data as they were last read. Raises `Complaint` for a division or
    kind that is none, and the faults of Airbase.
    """
    connection = stack.connection(id)
    if kind is not None and kind not in KINDS:
        raise Complaint(f"{kind!r} is no kind: use one of {', '.join(KINDS)}")
    _check_division(connection, division)
    usage = find_usage(stack.doors.airbase(connection), connection)
    books = {
        each.division: _books(stack, connection, each.division) for each in connection.divisions
    }
    read = {code: held for code, held in books.items() if held.is_read}
    rows = [
        row
        for row in Overview(connection, read, usage).rows()
        if (division is None or _concerns(row, division))
        and (kind is None or row.kind == kind)
        and (row.stops_orders or not unmapped)
    ]
    return Shown(rows, usage.orders, sorted(usage.unknown_tags), sorted(books.keys() - read.keys()))


def export(stack: Stack, id: str, out: Path) -> int:
    """Write all mappings, and what is unmapped with an empty `exact`; return how many lines.

    Raises `Complaint` when the file cannot be written.
    """
    rows = [row for row in show(stack, id).rows if row.state != AUTOMATIC]
    text = files.write(
        (row.division or "", row.kind, row.airbase, row.exact, row.name or row.exact_name)
        for row in rows
    )
    _write(out, text)
    return len(rows)


def import_(stack: Stack, id: str, path: Path, *, dry_run: bool = False) -> Imported:
    """Change the mappings as a file says: all of it or nothing.

    Raises:
        Complaint: something is wrong with the file; one line for each error.
        Conflict: somebody else changed the connection meanwhile; nothing was changed.
    """
    read = stack.doors.mappings.versioned(stack.connection(id).id)
    if read is None:
        raise Complaint(f"there is no connection {id!r}; see `connector connection list`")
    connection, version = read
    held: dict[Division, LoadedBooks] = {}

    def books(division: Division) -> LoadedBooks:
        return held.setdefault(division, _books(stack, connection, division))

    lines, wrong = files.read(path)
    changes = Changes(connection, books, wrong)
    changes.plan(lines)
    if changes.result is None:
        raise files.complaint(path, changes.wrong)
    if dry_run or not changes.made:
        return Imported(changes.made)
    _save(stack, changes.result, version, changes.made)
    return Imported(changes.made, _queue(stack, connection.id, changes.made))


def _save(stack: Stack, connection: Connection, version: int, made: list[Change]) -> None:
    difference = [change.as_dict() for change in made]
    connections.note(stack, connection.id, "mappings_changed", changes=difference)
    if not stack.doors.mappings.save_over(connection, version):
        connections.note(stack, connection.id, "mappings_not_changed", why="changed meanwhile")
        raise Conflict(f"connection {connection.id}")


def _queue(stack: Stack, id: ConnectionId, made: list[Change]) -> int:
    """Have the orders looked at that the changes may have mended."""
    moved = [change for change in made if change.kind == SUBSIDIARIES]
    divisions = {change.division for change in made if change.division is not None}
    divisions |= {Division(int(c)) for m in moved for c in (m.before, m.after) if c}
    queued = queue_unplaced(stack.doors, id) if moved else 0
    return queued + sum(queue_reviews(stack.doors, id, each) for each in sorted(divisions))


def _books(stack: Stack, connection: Connection, division: Division) -> LoadedBooks:
    data = stack.doors.data(connection.id, division)
    return LoadedBooks(data, stack.doors.links, connection.id, division)


def _check_division(connection: Connection, division: int | None) -> None:
    codes = [int(each.division) for each in connection.divisions]
    if division is not None and division not in codes:
        known = ", ".join(map(str, codes))
        raise Complaint(f"connection {connection.id} has no division {division}; it has {known}")


def _concerns(row: Row, division: int) -> bool:
    return row.division == division or row.exact == str(division)


def _write(path: Path, text: str) -> None:
    """Write a file as a whole, or leave what was there."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise Complaint(f"{path}: {error.strerror or 'cannot be written'}") from None
