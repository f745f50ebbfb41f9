"""Genuine webhook events that their function could not read: read with more effort, or shown.

All unreadable events of one sender with one cause are one exception, which counts them. It closes
once each of them was read, after the profile was corrected and a person retried the exception.
"""

from dataclasses import replace
from typing import Any

from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Review
from ml_connector.domain.ids import RecordKey
from ml_connector.domain.records import EventFacts, EventState
from ml_connector.infrastructure.event_bodies import UnreadableBodyError, parse_body
from ml_connector.infrastructure.inbox import StoredEvent
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.message_bodies import ProcessOrder, ProcessVendor, UnreadableEvent
from ml_connector.messages import order_message, vendor_message
from ml_connector.services import Services, StackServices
from ml_connector.settings.airbase_profile import AirbaseProfile
from ml_connector.tracked_record import TrackedRecord
from ml_connector.webhooks import airbase

_AIRBASE = "airbase"
_SENDERS = {_AIRBASE: "Airbase's events", "exact": "Exact's events"}
_MOST_EVENTS = 200
"""Keys of events in one record; the inbox has all of them."""


def take_unreadable(message: UnreadableEvent, services: StackServices) -> None:
    """Queue what the event is about, or add it to its sender's exception."""
    ledger = services.ledger_of(message.connection)
    event = message.event or "unknown#event"
    kept = services.inbox_of(message.connection).get(event)
    own = services.of(message.connection)
    cause = _read_again(own, kept) if own and kept else "no_record"
    if message.closes:
        _forget(ledger, message.closes, event, but=_group(event, cause) if cause else None)
    if cause:
        _add(ledger, event, cause, kept)


def _read_again(services: Services, kept: StoredEvent) -> str:
    """Queue what the event is about; return why it cannot be read, empty if it can."""
    if not kept.sk.startswith(f"{_AIRBASE}#"):
        return "no_record"
    try:
        body = parse_body(kept.body, kept.headers)
    except UnreadableBodyError as error:
        return error.cause
    found = airbase.message_about(services.id, body, _paths(services.connection.profile))
    once = f"read {kept.once}"
    if isinstance(found, ProcessOrder):
        message = order_message(services.id, found.order)
    elif isinstance(found, ProcessVendor):
        message = vendor_message(services.id, found.vendor)
    else:
        return "no_record"
    services.queues.send(replace(message, body={**message.body, "event": kept.sk}), once)
    return ""


def _paths(profile: AirbaseProfile) -> airbase.AirbaseWebhookSettings:
    return replace(
        airbase.unknown_connection(),
        order_id=profile.event_order_id,
        vendor_id=profile.event_vendor_id,
        event_type=profile.event_type,
        vendor_word=profile.vendor_event_word.lower(),
    )


def _group(event: str, cause: str) -> RecordKey:
    return RecordKey(f"event#{event.partition('#')[0]}#{cause}")


def _add(ledger: Ledger, event: str, cause: str, kept: StoredEvent | None) -> None:
    key = _group(event, cause)
    tracked: TrackedRecord[EventFacts] = TrackedRecord(ledger, ledger.read(key))
    facts = tracked.facts
    if event in facts.events and facts.problems:
        return
    count = next((each.evidence.get("events", 0) for each in facts.problems), 0) + 1
    sender = event.partition("#")[0]
    title = _SENDERS.get(sender, sender)
    known = replace(facts, title=title, events=(*facts.events, event)[-_MOST_EVENTS:])
    tracked.record = replace(tracked.record, facts=known)
    evidence: dict[str, Any] = {"events": count, "latest": event}
    if kept:
        evidence |= {"received": kept.received_at.isoformat(), "bytes": len(kept.body)}
    found = problem(
        "UNREADABLE_EVENT", title, cause,
        connection=ledger.id, record=f"'{key}'", evidence=evidence,
    )  # fmt: skip
    tracked.apply_fault(Review([found]), retry_in=None)


def _forget(ledger: Ledger, record: RecordKey, event: str, but: RecordKey | None) -> None:
    """Take an event that was tried again out of its exception, unless it stays there."""
    tracked: TrackedRecord[EventFacts] = TrackedRecord(ledger, ledger.read(record))
    if record == but or event not in tracked.facts.events:
        return
    left = tuple(each for each in tracked.facts.events if each != event)
    tracked.record = replace(tracked.record, facts=replace(tracked.facts, events=left))
    if left:
        tracked.step(tracked.record.state, "handled", detail={"event": event})
    else:
        tracked.close_exceptions(EventState.HANDLED, "handled")
