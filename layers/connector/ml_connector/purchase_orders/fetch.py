"""Read an order from Airbase in full: its webhook is only a hint."""

import json
import shlex
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from ml_connector.airbase.purchase_orders import FieldReader, profile_for, read_order, readable_part
from ml_connector.airbase.vendors import with_vendor
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import ReadPart, Review
from ml_connector.domain.ids import OrderId, VendorId
from ml_connector.domain.orders.order import Order
from ml_connector.domain.states import ApprovalState
from ml_connector.infrastructure.event_bodies import UnreadableBodyError, parse_body
from ml_connector.infrastructure.ledger import OrderRecord
from ml_connector.services import Services
from ml_connector.settings.airbase_profile import AirbaseProfile
from ml_connector.telemetry import logger

_STAGE: dict[ApprovalState | None, int] = {
    ApprovalState.PENDING: 0,
    ApprovalState.APPROVED: 1,
    ApprovalState.OPEN: 1,
}

Rank = tuple[float, float, int, str]
"""Sorts events from old to new: moment, revision, stage of the order, its text."""


def fetch_order(
    services: Services,
    id: OrderId,
    record: OrderRecord,
    note: Callable[[ReadPart], None] | None = None,
    join: Callable[[Order], Order] | None = None,
    raw: Any = None,
) -> Order:
    """Return the order as Airbase has it now, with its vendor if it should be in Exact.

    `note` is told first what lists show of the order; `join` adds the vendor, by default as it is
    read now; `raw` is Airbase's JSON if it is known already. Raises `Later`, `Review` or `Halt` as
    the Airbase client does; `Review` when the order is unreadable.
    """
    profile = services.connection.profile
    raw = _raw_order(services, id, record) if raw is None else raw
    if note:
        note(readable_part(raw, profile))
    order = _read(services, id, raw, record)
    if order.id != id:
        found = problem("NOT_THE_ORDER", id, "order", found=order.id)
        raise Review([found], order.read_part)
    if not order.is_wanted:
        return order
    return join(order) if join else joined(order, profile, services.airbase().vendor)


def joined(order: Order, profile: AirbaseProfile, vendor_of: Callable[[VendorId], Any]) -> Order:
    """Return the order with its vendor, as `vendor_of` reads it; raises as `fetch_order`."""
    if not order.vendor.id:
        return order
    try:
        return with_vendor(order, vendor_of(VendorId(order.vendor.id)), profile)
    except Review as review:
        raise Review(review.problems, order.read_part) from review


def _read(services: Services, id: OrderId, raw: Any, record: OrderRecord) -> Order:
    facts = record.facts
    bound = facts.division if facts.exact or facts.intent else None
    profile = profile_for(raw, services.connection, bound)
    received_at = datetime.fromisoformat(record.received_at)
    try:
        return read_order(raw, profile, received_at.astimezone(ZoneInfo(profile.time_zone)).date())
    except Review:
        raise
    except Exception as error:  # a bug, but reading it again would end the same way
        logger().exception("order not read", connection=services.id, order=id)
        part = readable_part(raw, profile)
        text = f"{type(error).__name__}: {error}"[:300]
        found = problem(
            "PROCESSING_FAILED", part.title or id, "reading",
            error=text, connection=services.id, record=shlex.quote(id),
        )  # fmt: skip
        raise Review([found], part) from error


def _raw_order(services: Services, id: OrderId, record: OrderRecord) -> Any:
    profile = services.connection.profile
    if profile.order_source == "detail":
        return services.airbase().order(id)
    events = record.facts.events
    ranked = [_ranked_order(services, id, event) for event in events]
    kept = [(rank, raw) for rank, raw in ranked if raw is not None]
    if not kept:
        raise Review([problem("NOT_IN_AIRBASE", id, "event_gone")])
    return max(kept, key=lambda one: one[0])[1]


def _ranked_order(services: Services, id: OrderId, event: str) -> tuple[Rank, Any]:
    """Return an event's rank and the order it carries, None once the event is no longer kept.

    Events come late, twice and in any order: their own time says which is the latest.
    """
    kept = services.inbox.get(event)
    if kept is None:
        return (0.0, 0.0, 0, ""), None
    try:
        body = parse_body(kept.body, kept.headers)
    except UnreadableBodyError as error:
        found = problem(
            "UNREADABLE_EVENT", id, error.cause, connection=services.id, record=shlex.quote(id)
        )
        raise Review([found]) from None
    profile = services.connection.profile
    reader = FieldReader(body, profile)
    raw, created = reader.find(profile.event_order), reader.find(profile.event_created)
    rank = _rank(created, raw, profile)
    if reader.problems:
        raise Review(reader.problems)
    return rank, raw


def _rank(created: Any, raw: Any, profile: AirbaseProfile) -> Rank:
    """Return the event's rank; the order of arrival does not count.

    At the same moment the highest revision is the latest, then the state that ends an order.
    """
    if not isinstance(raw, Mapping):
        return _moment(created), 0.0, 0, ""
    reader = FieldReader(raw, profile)  # what fails here is reported where the order is read
    state = profile.state_words.get(str(reader.find(profile.order.state)))
    text = json.dumps(raw, sort_keys=True, default=str)
    revision = _number(reader.find(profile.order.revision))
    return _moment(created), revision, _STAGE.get(state, 2), text


def _moment(created: Any) -> float:
    """Return when the event was created; a time without a zone is taken as UTC."""
    if isinstance(created, int | Decimal) and not isinstance(created, bool):
        return float(created)  # of one tenant all are seconds, or all are milliseconds
    try:
        at = datetime.fromisoformat(str(created))
    except ValueError:
        return 0.0
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _number(revision: Any) -> float:
    try:
        return float(revision)
    except (TypeError, ValueError):
        return 0.0
