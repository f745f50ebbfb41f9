"""Airbase's side of a month: its approved purchase orders, from the tenant's own listing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from connector_cli.complaints import Complaint
from ml_connector.airbase.api import AirbaseClient
from ml_connector.airbase.orders import FieldReader
from ml_connector.connection import Connection
from ml_connector.doors.ledger import Record
from ml_connector.faults import Problem, Review
from ml_connector.ids import Division, OrderId
from ml_connector.money import Money
from ml_connector.profile import AirbaseProfile
from ml_connector.purchase_orders.model import Reference
from ml_connector.words import Outcome, State

APPROVED = (State.APPROVED, State.OPEN, State.CLOSED)
"""The states of an order that was approved; it may have been spent and closed since."""


@dataclass(frozen=True)
class Approved:
    """An order as Airbase has it now. `day` is the day of approval in the tenant's zone.

    `is_approved`: it belongs into Exact, or nobody can tell. `total` is None when it cannot be
    read; `problems` say what cannot be.
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

    @property
    def title(self) -> str:
        """Return what people call it."""
        return self.number or self.id

    def division(self, connection: Connection) -> Division | None:
        """Return the division that serves its subsidiary."""
        for key in self.subsidiary.keys:
            for division in connection.divisions:
                if key in division.subsidiaries:
                    return division.division
        return None


@dataclass
class Listing:
    """Reads the tenant's orders one after the other; `odd` counts rows without an id."""

    client: AirbaseClient
    profile: AirbaseProfile
    odd: int = 0

    def orders(self) -> Iterator[Approved]:
        """Yield every order; one that its row does not tell enough of is asked for by itself.

        Raises `Complaint` when the tenant has no listing.
        """
        if self.profile.orders_path is None:
            raise Complaint(
                "this tenant has no listing of its orders (profile.orders_path): there is "
                "nothing to reconcile against"
            )
        for row in self.client.orders():
            found = read_row(row, self.profile)
            if found is None:
                self.odd += 1
                continue
            is_short = bool(found.problems) and self.profile.order_source == "detail"
            yield self._whole(found) if is_short else found

    def _whole(self, found: Approved) -> Approved:
        try:
            return read_row(self.client.order(found.id), self.profile) or found
        except Review:
            return found


def read_row(row: Any, profile: AirbaseProfile) -> Approved | None:
    """Return what a row says; None when it does not even say which order it is."""
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
    named = FieldReader(row, profile)  # what is not to be compared may be absent
    return Approved(
        id=OrderId(id),
        number=number,
        state=reader.text(fields.state, "state"),
        is_approved=is_approved,
        day=day,
        total=total,
        vendor=str(named.reference(fields.vendor, "vendor")),
        subsidiary=named.reference(fields.subsidiary, "subsidiary"),
        problems=tuple(reader.problems),
    )


def _may_be_approved(reader: FieldReader) -> bool:
    path, words, before = reader.profile.order.state, reader.profile.state_words, _count(reader)
    state = reader.word(path, words, "state", "UNKNOWN_STATE", None)
    return state in APPROVED or _count(reader) > before


def _may_be_an_order(reader: FieldReader) -> bool:
    profile, before = reader.profile, _count(reader)
    words, absent = profile.outcome_words, profile.outcome_when_absent
    outcome = reader.word(profile.order.outcome, words, "outcome", "UNKNOWN_OUTCOME", absent)
    return outcome is Outcome.PURCHASE_ORDER or _count(reader) > before


def _total(reader: FieldReader) -> Money | None:
    fields, before = reader.profile.order, _count(reader)
    currency = reader.currency(fields.currency)
    amount = reader.amount(fields.total, "total", currency)
    return None if _count(reader) > before else Money(amount, currency)


def _count(reader: FieldReader) -> int:
    return len(reader.problems)


def day_of(order: Approved, record: Record | None, zone: str) -> date | None:
    """Return the order's day; where Airbase gives none, the one it has in Exact, or came here."""
    if order.day or record is None:
        return order.day
    if posted := (record.facts.get("body") or {}).get("OrderDate"):
        return date.fromisoformat(posted)
    if not record.received_at:
        return None
    return datetime.fromisoformat(record.received_at).astimezone(ZoneInfo(zone)).date()
