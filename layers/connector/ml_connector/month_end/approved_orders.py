"""Read the approved orders of a month from the tenant's order listing in Airbase."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from ml_connector.airbase.client import AirbaseClient
from ml_connector.airbase.purchase_orders import FieldReader, profile_for
from ml_connector.domain.faults import Problem, Review
from ml_connector.domain.ids import Division, OrderId, site_of
from ml_connector.domain.money import Money
from ml_connector.domain.orders.mapping import elsewhere_for, serving_division
from ml_connector.domain.orders.order import Reference
from ml_connector.domain.records import Elsewhere
from ml_connector.domain.states import ApprovalState, RequestOutcome
from ml_connector.infrastructure.ledger import OrderRecord
from ml_connector.settings.airbase_profile import AirbaseProfile
from ml_connector.settings.connection import Connection
from ml_connector.user_errors import UserError

APPROVED = (ApprovalState.APPROVED, ApprovalState.OPEN, ApprovalState.CLOSED)
"""The states of an order that was approved; it may have been closed since."""


@dataclass(frozen=True)
class ApprovedOrder:
    """An order as it is now in Airbase. `day` is the day of approval in the time zone of its site.

    `is_approved`: it should be in Exact, or its state cannot be read. `total` is None if it cannot
    be read; `problems` lists all fields that cannot.
    """

    id: OrderId
    number: str
    state: str
    is_approved: bool
    day: date | None
    total: Money | None
    vendor: str
    subsidiary: Reference
    problems: tuple[Problem, ...] = ()
    row: Any = field(default=None, compare=False, repr=False)
    """Airbase's own JSON."""

    @property
    def title(self) -> str:
        """Return the number, or the id."""
        return self.number or self.id

    def division(self, connection: Connection) -> Division | None:
        """Return the division that serves its subsidiary; None if it is served elsewhere."""
        found = serving_division(self.subsidiary, connection)
        return found.division if found and not self.elsewhere(connection) else None

    def elsewhere(self, connection: Connection) -> Elsewhere | None:
        """Return why the order is not posted here, according to the settings."""
        return elsewhere_for(self.subsidiary, self.day, connection)


@dataclass
class AirbaseListing:
    """Reads the tenant's orders one by one; counts rows without an id."""

    client: AirbaseClient
    connection: Connection
    rows_without_id: int = 0

    def orders(self) -> Iterator[ApprovedOrder]:
        """Yield every order; fetch it by itself if its row is incomplete.

        Raise `UserError` when the tenant has no listing.
        """
        profile = self.connection.profile
        if profile.orders_path is None:
            raise UserError(
                "this tenant has no listing of its orders (profile.orders_path): its months can "
                "be neither rehearsed nor reconciled"
            )
        for row in self.client.orders():
            found = read_row(row, profile_for(row, self.connection))
            if found is None:
                self.rows_without_id += 1
                continue
            is_incomplete = bool(found.problems) and profile.order_source == "detail"
            yield self._detail(found) if is_incomplete else found

    def _detail(self, found: ApprovedOrder) -> ApprovedOrder:
        try:
            raw = self.client.order(found.id)
            return read_row(raw, profile_for(raw, self.connection)) or found
        except Review:
            return found


def read_row(row: Any, profile: AirbaseProfile) -> ApprovedOrder | None:
    """Read a row; return None if it has no id."""
    fields = profile.order
    reader = FieldReader(row, profile)
    id = reader.required_text(fields.id, "id")
    if reader.problems:
        return None
    number = reader.text(fields.number, "number")
    reader.record = number or id
    is_approved = _may_be_approved(reader) and _may_be_an_order(reader)
    day = reader.day(fields.order_date, "order date")
    total = _total(reader)
    optional = FieldReader(row, profile)  # not compared, so may be absent
    return ApprovedOrder(
        id=OrderId(id),
        number=number,
        state=reader.text(fields.state, "state"),
        is_approved=is_approved,
        day=day,
        total=total,
        vendor=str(optional.reference(fields.vendor, "vendor")),
        subsidiary=optional.reference(fields.subsidiary, "subsidiary"),
        problems=tuple(reader.problems),
        row=row,
    )


def _may_be_approved(reader: FieldReader) -> bool:
    path, words, before = (
        reader.profile.order.state,
        reader.profile.state_words,
        _problem_count(reader),
    )
    state = reader.word(path, words, "state", "UNKNOWN_STATE", None)
    return state in APPROVED or _problem_count(reader) > before


def _may_be_an_order(reader: FieldReader) -> bool:
    profile, before = reader.profile, _problem_count(reader)
    words, absent = profile.outcome_words, profile.outcome_when_absent
    outcome = reader.word(profile.order.outcome, words, "outcome", "UNKNOWN_OUTCOME", absent)
    return outcome is RequestOutcome.PURCHASE_ORDER or _problem_count(reader) > before


def _total(reader: FieldReader) -> Money | None:
    fields, before = reader.profile.order, _problem_count(reader)
    currency = reader.currency(fields.currency)
    amount = reader.amount(fields.total, "total", currency)
    return None if _problem_count(reader) > before else Money(amount, currency)


def _problem_count(reader: FieldReader) -> int:
    return len(reader.problems)


def order_day(
    order: ApprovedOrder, record: OrderRecord | None, connection: Connection
) -> date | None:
    """Return the order's day; without one in Airbase, the day in Exact, or of receipt.

    An order that is in Exact at another site than its subsidiary's now has the day it has there.
    """
    if record is None:
        return order.day
    division, now = record.facts.division, order.division(connection)
    is_moved = bool(record.facts.exact and division and now and site_of(division) != site_of(now))
    if order.day and not is_moved:
        return order.day
    if posted := (record.facts.body or {}).get("OrderDate"):
        return date.fromisoformat(posted)
    if not record.received_at:
        return None
    zone = connection.zone_at(site_of(division) if division else None)
    return datetime.fromisoformat(record.received_at).astimezone(ZoneInfo(zone)).date()
