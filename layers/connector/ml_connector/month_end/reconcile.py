"""Reconcile a month: read both sides, compare, add up, and audit that it was done."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from ml_connector import clock
from ml_connector.connections import manage as connections
from ml_connector.domain.ids import Actor, Division, Guid
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.infrastructure.ledger import Ledger, UnreadableRecord
from ml_connector.infrastructure.reference_store import ReferenceStore
from ml_connector.month_end import exact_refresh
from ml_connector.month_end.approved_orders import AirbaseListing, ApprovedOrder
from ml_connector.month_end.matching import MonthMatching
from ml_connector.month_end.months import Month, read_month
from ml_connector.month_end.report_lines import CATEGORIES, FINDINGS, ReportLine, Totals, totals_of
from ml_connector.services import Services
from ml_connector.settings.connection import Connection
from ml_connector.stack import RecordStack

WAIT = timedelta(seconds=180)


@dataclass(frozen=True)
class ReconciledMonth:
    """A reconciled month of a connection; `read_at` is when Exact's orders were last read."""

    connection: Connection
    month: Month
    made_at: datetime
    made_by: str
    read_at: Mapping[Division, datetime | None]
    lines: list[ReportLine]
    totals: list[Totals]
    undated: list[ApprovedOrder]
    unreadable_rows: int
    unread: Sequence[UnreadableRecord] = ()
    """Records of the connection that this version cannot read, of any month."""

    @property
    def has_findings(self) -> bool:
        """Return whether there is something to check."""
        found = any(line.category in FINDINGS for line in self.lines)
        return found or bool(self.undated or self.unreadable_rows or self.unread)

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
            "unreadable_rows": self.unreadable_rows,
            "unread_records": [each.key for each in self.unread],
        }


def reconcile(
    stack: RecordStack,
    actor: Actor,
    id: str,
    month: str,
    *,
    is_fresh: bool = True,
    wait: timedelta = WAIT,
) -> ReconciledMonth:
    """Compare the month's approved orders with Exact, and audit the result.

    `is_fresh`: the workers read Exact's orders first, within `wait`; else those read before are
    used. Raise `UserError` for an invalid or future month, `ServiceError` when Exact's orders were
    not read in time, and faults as Airbase's client does.
    """
    services = stack.services_of(id)
    connection = services.connection
    asked = read_month(month, *connection.zones)
    listing = AirbaseListing(services.airbase(), connection)
    orders = list(listing.orders())
    if is_fresh:
        exact_refresh.refresh(stack.send, services, wait)
    read_at = exact_refresh.read_at(services)
    matching = MonthMatching(connection, asked, read_at, _supplier_names(services.reference_store))
    lines = sorted(_lines(services, matching, orders), key=_sort_key)
    report = ReconciledMonth(
        connection=connection,
        month=asked,
        made_at=clock.now(),
        made_by=actor,
        read_at=read_at,
        lines=lines,
        totals=totals_of(lines),
        undated=matching.undated,
        unreadable_rows=listing.rows_without_id,
        unread=matching.unread,
    )
    _audit(stack.ledger_of(actor, services.id), report)
    return report


def _lines(
    services: Services, matching: MonthMatching, orders: list[ApprovedOrder]
) -> Iterator[ReportLine]:
    matching.add_airbase_orders(orders)
    yield from matching.match_ledger(services.ledger.readable_or_not("order#"))
    yield from matching.missing_lines()
    for each in services.connection.divisions:
        known = services.exact_orders(each.division).all()
        yield from matching.match_exact(each.division, known)
    yield from matching.unmatched_lines()


def _sort_key(line: ReportLine) -> tuple[str, int, date, str]:
    day = line.day or date.min
    return line.division or "", CATEGORIES.index(line.category), day, line.title


def _supplier_names(
    reference_store: Callable[[Division], ReferenceStore],
) -> Callable[[Division, Guid], str]:
    @cache
    def name(division: Division, id: Guid) -> str:
        found = reference_store(division).get("supplier", id, Supplier)
        return found.name if found else id

    return name


def _audit(ledger: Ledger, report: ReconciledMonth) -> None:
    connections.record_step(
        ledger,
        "reconciled",
        month=str(report.month),
        counts=report.counts,
        totals=[each.as_dict() for each in report.totals if each.is_all],
        exact_read_at=report.as_dict()["exact_read_at"],
    )
