"""What becomes of a message: handled, or kept as an exception until a release can read it.

A message that cannot be read does not hold up its group: it is kept in a record, which is due every
hour. The sweep sends the kept message again, so after a release that can read it, the exception
closes without a person.
"""

from dataclasses import replace
from datetime import timedelta

from ml_connector import clock, telemetry
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Review
from ml_connector.domain.ids import ConnectionId
from ml_connector.domain.records import EventState, KeptMessage
from ml_connector.infrastructure.inbox import KEPT_FOR, Inbox
from ml_connector.infrastructure.ledger import EventRecord, Ledger
from ml_connector.infrastructure.queues import VENDORS, Message
from ml_connector.messages.kinds import (
    ExactNotification,
    ForConnection,
    KnownMessage,
    UnknownMessage,
    UnreadableEvent,
    content_text,
)
from ml_connector.messages.parsing import misplaced
from ml_connector.messages.sending import vendor_group
from ml_connector.records.tracked_record import TrackedRecord
from ml_connector.services import StackServices

AGAIN_AFTER = timedelta(hours=1)
"""How long after a message could not be read it is sent again, for as long as events are kept."""


_OF_ONE_COPY = ("closes", "receives", "place", "after", "waited")


class UnreadableMessageError(Exception):
    """A message that cannot be read, and names no connection that could show it as an exception.

    It ends in the dead-letter queue, where an alarm reports it.
    """


def finish(services: StackServices, message: ForConnection) -> None:
    """Close the event of a handled message, and its exception from when it could not be read.

    The connection is swept in the next minute: something may be due by now. A notification or an
    unreadable event has its own outcome in that record, and is left to it.
    """
    if message.event:
        services.inbox_of(message.connection).mark_handled(message.event, message.event_version)
    if message.closes and not isinstance(message, ExactNotification | UnreadableEvent):
        ledger = services.ledger_of(message.connection)
        TrackedRecord(ledger, ledger.read(message.closes)).close_exceptions(
            EventState.HANDLED, "handled"
        )
    services.sweep_marks.note_work(message.connection)


def keep_unread(
    services: StackServices, message: KnownMessage | UnknownMessage, queue: str
) -> UnknownMessage:
    """Keep a message that the worker of `queue` cannot read as an open exception.

    Its event is closed only after that, so a crash in between loses neither. Return what could be
    read of it. Raises `UnreadableMessageError` when no connection of this stack can show it.
    """
    unknown = message if isinstance(message, UnknownMessage) else misplaced(message)
    connection = unknown.connection
    if connection is None or not _is_known(services, connection):
        why = f"{unknown.why} No connection can show it. It says {_shown(unknown)}"
        raise UnreadableMessageError(why)
    _open_exception(services.ledger_of(connection), unknown, queue)
    if unknown.event:
        services.inbox_of(connection).mark_handled(unknown.event, unknown.event_version)
    services.sweep_marks.note_work(connection)
    return unknown


def kept_messages(inbox: Inbox, record: EventRecord) -> list[Message]:
    """Return the messages of all events in an event's record, to be sent again by a person."""
    keys = record.facts.events or (record.key.partition("#")[2],)
    events = [event for key in keys if (event := inbox.find(key))]
    stored = record.facts.message
    kept = [event.message for event in events] or ([Message(**vars(stored))] if stored else [])
    return [replace(each, body={**each.body, "closes": record.key}) for each in kept]


def kept_message(inbox: Inbox, record: EventRecord) -> Message | None:
    """Return the message of an event's record, to be sent again; None when it is not kept."""
    event = inbox.get(record.key.partition("#")[2])
    stored = record.facts.message
    kept = event.message if event else Message(**vars(stored)) if stored else None
    return kept and replace(kept, body={**kept.body, "closes": record.key})


def _is_known(services: StackServices, id: ConnectionId) -> bool:
    """Return whether people can see the exceptions of the connection, a removed one included."""
    return bool(services.ledger_of(id).connection().version) or (
        services.connections.get(id) is not None
    )


def _open_exception(ledger: Ledger, unknown: UnknownMessage, queue: str) -> None:
    record: EventRecord = ledger.read(unknown.record)
    facts = replace(record.facts, message=_as_kept(ledger.id, unknown, queue))
    tracked = TrackedRecord(ledger, replace(record, facts=facts))
    evidence = {"message": _shown(unknown)}
    found = problem(
        "UNREADABLE_EVENT", tracked.title, "message", why=unknown.why, evidence=evidence,
        connection=ledger.id, record=f"'{unknown.record}'",
    )  # fmt: skip
    telemetry.logger().warning(str(found), extra={"connection": ledger.id})
    tracked.apply_fault(Review([found]), retry_in=_again_after(record))


def _as_kept(connection: ConnectionId, unknown: UnknownMessage, queue: str) -> KeptMessage:
    is_vendor = queue == VENDORS
    group = vendor_group(connection) if is_vendor else f"{connection}#{unknown.record}"
    body = {name: value for name, value in unknown.body.items() if name not in _OF_ONE_COPY}
    return KeptMessage(queue, group, body)


def _shown(unknown: UnknownMessage) -> str:
    return telemetry.evidence(content_text(unknown.body).encode())


def _again_after(record: EventRecord) -> timedelta | None:
    opened_at = min(record.facts.opened_at.values(), default=None)
    age = clock.now() - opened_at if opened_at else timedelta()
    return AGAIN_AFTER if age < KEPT_FOR else None
