"""The month's close: read both sides, compare, add up, and leave a trace of having done so."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from connector_cli.actions import connections
from connector_cli.actions.closing import fresh
from connector_cli.actions.closing.approved import Approved, Listing
from connector_cli.actions.closing.lines import CATEGORIES, FINDINGS, Line, Totals, add_up
from connector_cli.actions.closing.matching import Matching
from connector_cli.actions.closing.months import Month, read_month
from connector_cli.stack import Stack
from ml_connector import clock
from ml_connector.connection import Connection
from ml_connector.ids import Division, Guid
from ml_connector.purchase_orders.books import Supplier

WAIT = timedelta(seconds=180)


@dataclass(frozen=True)
class Report:
    """A month of a connection, reconciled. `read_at`: how old what is known of Exact is."""

    connection: Connection
    month: Month
    made_at: datetime
    made_by: str
    read_at: Mapping[Division, datetime | None]
    lines: list[Line]
    totals: list[Totals]
    undated: list[Approved]
    odd_rows: int

    @property
    def has_findings(self) -> bool:
        """Return whether somebody has to look at something."""
        found = any(line.category in FINDINGS for line in self.lines)
        return found or bool(self.undated or self.odd_rows)

    @property
    def counts(self) -> dict[str, int]:
        """Return how many orders there are of each category."""
        counted = Counter(line.category for line in self.lines)
        return {category: counted[category] for category in CATEGORIES}

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form, of a stable shape."""
        return {
            "connection": self.connection.id,
            "month": str(self.month),
            "from": self.month.first.isoformat(),
            "to": self.month.last.isoformat(),
            "time_zone": self.month.zone,
            "is_over": self.month.is_over,
            "made_at": self.made_at.isoformat(),
            "made_by": self.made_by,
            "exact_read_at": {str(k): at and at.isoformat() for k, at in self.read_at.items()},
            "has_findings": self.has_findings,
            "counts": self.counts,
            "totals": [each.as_dict() for each in self.totals],
            "orders": [line.as_dict() for line in self.lines],
            "undated": [{"order": each.id, "title": each.title} for each in self.undated],
            "unreadable_rows": self.odd_rows,
        }


def reconcile(
    stack: Stack, id: str, month: str, *, is_fresh: bool = True, wait: timedelta = WAIT
) -> Report:
    """Return every approved Airbase order of the month against Exact, audited.

    `is_fresh`: the workers read Exact's orders first, for which we `wait`; else what was read
    before is taken. Raises `Complaint` for a month that is none or has not begun, `Trouble` when
    Exact's orders were not read in time, and faults as Airbase's client does.
    """
    connection = stack.connection(id)
    asked = read_month(month, connection.profile.time_zone)
    listing = Listing(stack.doors.airbase(connection), connection.profile)
    orders = list(listing.orders())
    if is_fresh:
        fresh.refresh(stack, connection, wait)
    read_at = fresh.read_at(stack, connection)
    matching = Matching(connection, asked, read_at, _namer(stack, connection))
    lines = sorted(_lines(stack, matching, orders), key=_place)
    report = Report(
        connection=connection,
        month=asked,
        made_at=clock.now(),
        made_by=stack.actor,
        read_at=read_at,
        lines=lines,
        totals=add_up(lines),
        undated=matching.undated,
        odd_rows=listing.odd,
    )
    _audit(stack, report)
    return report


def _lines(stack: Stack, matching: Matching, orders: list[Approved]) -> Iterator[Line]:
    doors, connection = stack.doors, matching.connection
    matching.take_airbase(orders)
    yield from matching.take_ledger(doors.ledger.records(connection.id, "order#"))
    yield from matching.missing()
    for each in connection.divisions:
        known = doors.exact_orders(connection.id, each.division).all()
        yield from matching.take_exact(each.division, known)
    yield from matching.left()


def _place(line: Line) -> tuple[int, int, date, str]:
    day = line.day or date.min
    return line.division or 0, CATEGORIES.index(line.category), day, line.title


def _namer(stack: Stack, connection: Connection) -> Callable[[Division, Guid], str]:
    @cache
    def name(division: Division, id: Guid) -> str:
        found = stack.doors.data(connection.id, division).get("supplier", id, Supplier)
        return found.name if found else id

    return name


def _audit(stack: Stack, report: Report) -> None:
    connections.note(
        stack,
        report.connection.id,
        "reconciled",
        month=str(report.month),
        counts=report.counts,
        totals=[each.as_dict() for each in report.totals if each.is_all],
        exact_read_at=report.as_dict()["exact_read_at"],
    )
