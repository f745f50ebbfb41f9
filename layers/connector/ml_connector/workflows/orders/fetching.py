"""Read an order from Airbase, in full: the webhook that spoke of it is only a hint."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import jmespath

from ml_connector.airbase.api import read_json
from ml_connector.airbase.orders import read_order
from ml_connector.airbase.vendors import with_vendor
from ml_connector.codes import problem
from ml_connector.connection import Connection
from ml_connector.doors.ledger import Record
from ml_connector.faults import Review
from ml_connector.ids import OrderId, VendorId
from ml_connector.profile import AirbaseProfile
from ml_connector.purchase_orders.model import Order
from ml_connector.words import Outcome, State
from ml_connector.workflows.doors import Doors

_WANTED = {State.APPROVED, State.OPEN}
_STAGE: dict[State | None, int] = {State.PENDING: 0, State.APPROVED: 1, State.OPEN: 1}

Rank = tuple[float, float, int, str]
"""Moment, revision, how far the order has come, and its text."""


def fetch_order(doors: Doors, connection: Connection, id: OrderId, record: Record) -> Order:
    """Return the order as Airbase has it now, with its vendor where it is to be posted.

    Raises `Later`, `Review` or `Halt` as Airbase's client does; `Review` for what is unreadable.
    """
    profile = connection.profile
    day = datetime.fromisoformat(record.received_at).date()
    order = read_order(_raw_order(doors, connection, id, record), profile, day)
    if order.id != id:
        raise Review([problem("NOT_THE_ORDER", id, f"It was {order.id}.")])
    if not is_wanted(order) or not order.vendor.id:
        return order
    vendor = doors.airbase(connection).vendor(VendorId(order.vendor.id))
    return with_vendor(order, vendor, profile)


def is_wanted(order: Order) -> bool:
    """Return whether this is an approved purchase order, and is to be in Exact."""
    return order.state in _WANTED and order.outcome is Outcome.PURCHASE_ORDER


def vendor_facts(order: Order) -> dict[str, Any]:
    """Return what the ledger keeps of the order's vendor: by it, waiting orders are found."""
    vendor = order.vendor
    return {
        "vendor": str(vendor),
        "vendor_id": vendor.id,
        "vendor_name": vendor.name,
        "vendor_code": vendor.code,
    }


def _raw_order(doors: Doors, connection: Connection, id: OrderId, record: Record) -> Any:
    profile = connection.profile
    if profile.order_source == "detail":
        return doors.airbase(connection).order(id)
    told = [_told(doors, connection, id, event) for event in record.facts.get("events", ())]
    known = [(rank, raw) for rank, raw in told if raw is not None]
    if not known:
        raise Review([problem("NOT_IN_AIRBASE", id, "Its event is no longer kept.")])
    return max(known, key=lambda one: one[0])[1]


def _told(doors: Doors, connection: Connection, id: OrderId, event: str) -> tuple[Rank, Any]:
    """Return how late an event's word is, and the order it carries; None once it is not kept.

    Events come late, twice and in any order: their own time says which is the latest word.
    """
    kept = doors.inbox.get(connection.id, event)
    if kept is None:
        return (0.0, 0.0, 0, ""), None
    try:
        body = read_json(kept.body)
    except ValueError:
        raise Review([problem("UNREADABLE_EVENT", id)]) from None
    profile = connection.profile
    raw = jmespath.search(profile.event_order, body)
    return _rank(jmespath.search(profile.event_created, body), raw, profile), raw


def _rank(made: Any, raw: Any, profile: AirbaseProfile) -> Rank:
    """Return what the latest event has most of; never how the events happened to arrive.

    Of one moment, the highest revision is the latest, then what ends an order.
    """
    if not isinstance(raw, Mapping):
        return _moment(made), 0.0, 0, ""
    state = profile.state_words.get(str(jmespath.search(profile.order.state, raw)))
    text = json.dumps(raw, sort_keys=True, default=str)
    revision = _number(jmespath.search(profile.order.revision, raw))
    return _moment(made), revision, _STAGE.get(state, 2), text


def _moment(made: Any) -> float:
    """Return when it was made; a time without a zone is taken for UTC, as all of its tenant."""
    try:
        at = datetime.fromisoformat(str(made))
    except ValueError:
        return 0.0
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _number(revision: Any) -> float:
    try:
        return float(revision)
    except (TypeError, ValueError):
        return 0.0
