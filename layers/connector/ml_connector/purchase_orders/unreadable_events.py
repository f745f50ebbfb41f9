"""Genuine webhook events that their function could not read: read with more effort, or shown.

All unreadable events of one sender with one cause are one exception, which counts them. It closes
once each of them was read, after the profile was corrected and a person retried the exception.
"""

from dataclasses import replace

from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Review
from ml_connector.domain.ids import RecordKey
from ml_connector.domain.records import EventFacts, EventState
from ml_connector.infrastructure.event_bodies import UnreadableBodyError, parse_body
from ml_connector.infrastructure.inbox import StoredEvent
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.messages.kinds import (
    ProcessOrder,
    ProcessVendor,
    UnreadableEvent,
    encode,
    event_record,
)
from ml_connector.messages.sending import order_message, vendor_message
from ml_connector.records.tracked_record import TrackedRecord
from ml_connector.services import Services, StackServices
from ml_connector.settings.airbase_profile import AirbaseProfile
from ml_connector.webhooks import airbase

_AIRBASE = "airbase"
_SENDERS = {_AIRBASE: "Airbase's events", "exact": "Exact's events"}
_MOST_EVENTS = 200
"""Keys of events in one record; the inbox has all of them."""


def take_unreadable(message: UnreadableEvent, services: StackServices) -> None:
    """Queue what the event is about, or add it to its sender's exception."""
    ledger = services.ledger_of(message.connection)
    kept = services.inbox_of(message.connection).get(message.event) if message.event else None
    if kept is None:
        _show_by_itself(ledger, message)
        return
    own = services.of(message.connection)
    cause = _read_again(own, kept) if own else "no_record"
    if message.closes:
        _forget(ledger, message.closes, kept.sk, but=_group(kept.sk, cause) if cause else None)
    if cause:
        _add(ledger, kept, cause)


def _show_by_itself(ledger: Ledger, message: UnreadableEvent) -> None:
    """Open an exception for an event that is not kept: nothing says what it has in common."""
    key = message.closes or event_record(message.event, encode(message))
    tracked: TrackedRecord[EventFacts] = TrackedRecord(ledger, ledger.read(key))
    found = problem(
        "UNREADABLE_EVENT", tracked.title, "no_record", connection=ledger.id, record=f"'{key}'"
    )
    tracked.apply_fault(Review([found]), retry_in=None)


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


def _add(ledger: Ledger, kept: StoredEvent, cause: str) -> None:
    event, key = kept.sk, _group(kept.sk, cause)
    tracked: TrackedRecord[EventFacts] = TrackedRecord(ledger, ledger.read(key))
    facts = tracked.facts
    if event in facts.events and facts.problems:
        return
    count = next((each.evidence.get("events", 0) for each in facts.problems), 0) + 1
    sender = event.partition("#")[0]
    title = _SENDERS.get(sender, sender)
    known = replace(facts, title=title, events=(*facts.events, event)[-_MOST_EVENTS:])
    tracked.record = replace(tracked.record, facts=known)
    received = kept.received_at.isoformat()
    evidence = {"events": count, "latest": event, "received": received, "bytes": len(kept.body)}
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
