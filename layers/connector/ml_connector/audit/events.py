"""Webhook events as they came, for as long as the inbox keeps them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ml_connector import clock
from ml_connector.domain.words import command, counted, instant
from ml_connector.infrastructure.answer_texts import decode
from ml_connector.infrastructure.event_bodies import UnreadableBodyError, decompressed
from ml_connector.infrastructure.inbox import KEPT_FOR, StoredEvent
from ml_connector.messages.kinds import UnreadableEvent
from ml_connector.output.files import atomic_file
from ml_connector.stack import Stack
from ml_connector.user_errors import UserError


def unreadable_events(stack: Stack, id: str) -> list[dict[str, Any]]:
    """Return the events that their webhook could not read, the latest first."""
    found = stack.services.inbox_of(stack.connection(id).id).received_since(clock.now() - KEPT_FOR)
    rows = [_row(event) for event in found if event.message.body["kind"] == UnreadableEvent.kind]
    return sorted(rows, key=lambda row: row["received"], reverse=True)


def stored_event(stack: Stack, id: str, event: str) -> StoredEvent:
    """Return one event with its whole body; raises `UserError` when it is not kept."""
    found = stack.services.inbox_of(stack.connection(id).id).find(event)
    if found is None:
        raise UserError(f"the event {event!r} is not kept; see {command('audit', 'events', id)}")
    return found


def write_body(event: StoredEvent, path: Path) -> None:
    """Write the bytes that came; raises `UserError` if the file exists already."""
    if path.exists():
        raise UserError(f"{path} exists already: name another file")
    with atomic_file(path) as file:
        file.write(event.body)


def lines_of(event: StoredEvent) -> Iterator[str]:
    """Yield an event as people read it: what is known of it, its headers, its text."""
    yield f"event: {event.sk}"
    yield f"received: {instant(event.received_at)}"
    yield "open: yes" if event.is_open else "open: no"
    for name, value in event.headers.items():
        yield f"{name}: {value}"
    yield ""
    try:
        yield decode(decompressed(event.body, event.headers.get("content-encoding", "")))
    except UnreadableBodyError:
        yield f"(not a text; {counted(len(event.body), 'byte')}: use --out)"


def _row(event: StoredEvent) -> dict[str, Any]:
    received = event.received_at.isoformat(timespec="seconds")
    return {"event": event.sk, "received": received, "open": event.is_open}
