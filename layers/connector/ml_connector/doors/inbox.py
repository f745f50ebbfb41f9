"""The inbox: every accepted webhook event, raw, from before it is answered until it expires.

An event is open until a worker has handled it. Open events that no message speaks of any more
(a failed send, a lost message) are found through the sparse index `open` and queued again.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ml_connector import clock
from ml_connector.doors.queues import Message
from ml_connector.doors.table import Item, Table
from ml_connector.ids import ConnectionId

KEPT_FOR = timedelta(days=30)
"""How long a duplicate is recognised."""

_INDEX = "open"
_MOST_TRIES = 10


@dataclass(frozen=True)
class Arrival:
    """A verified event on its way in: `key` is unique for its content within the source.

    `message` is what the queue is told, without the event's own key. `is_news_each_time` marks
    an event whose copies may each be about another change.
    """

    connection: ConnectionId
    source: str
    key: str
    queue: str
    group: str | None
    message: Mapping[str, Any]
    body: bytes
    headers: Mapping[str, str]
    is_news_each_time: bool = False


@dataclass(frozen=True)
class KeptEvent:
    """An event as the inbox holds it; `version` grows with every copy that is news."""

    connection: ConnectionId
    sk: str
    version: int
    received_at: datetime
    is_open: bool
    body: bytes
    headers: Mapping[str, str]
    message: Message

    @property
    def once(self) -> str:
        """Return what makes two messages about this event the same one."""
        return f"{self.connection}#{self.sk}#{self.version}"


class Inbox:
    """The door to the inbox table."""

    def __init__(self, table: Table) -> None:
        """Keep events in `table`."""
        self._table = table

    def keep(self, arrival: Arrival) -> tuple[KeptEvent, bool]:
        """Keep the event durably; return it as held and whether it is news.

        A copy of an event that is open or handled changes nothing, unless its copies are news:
        then it is opened again under a new version, so that a worker which has already looked
        cannot close it.
        """
        fresh = _item(arrival)
        for _ in range(_MOST_TRIES):
            if self._table.insert(fresh):
                return _read(fresh), True
            held = self._table.get(str(fresh["pk"]), str(fresh["sk"]))
            if held is None:  # expired between the two calls
                continue
            if not arrival.is_news_each_time:
                return _read(held), False
            again = _reopened(held, fresh)
            if self._table.replace(again, int(held["version"])):
                return _read(again), True
        raise RuntimeError(f"inbox: {fresh['sk']} changes faster than it can be kept")

    def get(self, connection: ConnectionId, sk: str) -> KeptEvent | None:
        """Return the event, or None when it is unknown or expired."""
        item = self._table.get(connection, sk)
        return None if item is None else _read(item)

    def mark_handled(self, connection: ConnectionId, sk: str, version: int | None = None) -> bool:
        """Close the event; return False when `version` is no longer the newest (it stays open).

        Pass the `event_version` of the message that was handled: a copy that came meanwhile is
        news and must be looked at again. Without it the newest version is closed.
        """
        for _ in range(_MOST_TRIES):
            held = self._table.get(connection, sk)
            if held is None or f"{_INDEX}_group" not in held:
                return True
            if version is not None and held["version"] != version:
                return False
            if self._table.replace(_closed(held), int(held["version"])):
                return True
        return False

    def open_events(self, connection: ConnectionId, older_than: datetime) -> Iterator[KeptEvent]:
        """Yield the events received up to `older_than` (aware) and still open, oldest first."""
        found = self._table.query_index(_INDEX, connection, _stamp(older_than))
        return (_read(item) for item in found)

    def received_since(self, connection: ConnectionId, moment: datetime) -> Iterator[KeptEvent]:
        """Yield every kept event received at `moment` (aware) or later, handled ones too."""
        events = (_read(item) for item in self._table.query(connection))
        return (event for event in events if event.received_at >= moment)


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _item(arrival: Arrival) -> Item:
    now = clock.now()
    sk = f"{arrival.source}#{arrival.key}"
    return {
        "pk": arrival.connection,
        "sk": sk,
        "version": 1,
        "received_at": _stamp(now),
        "open_group": arrival.connection,
        "open_at": _stamp(now),
        "expires_at": int((now + KEPT_FOR).timestamp()),
        "queue": arrival.queue,
        "message_group": f"{arrival.connection}#{arrival.group or sk}",
        "message": json.dumps({**arrival.message, "connection": arrival.connection, "event": sk}),
        "headers": json.dumps(dict(arrival.headers)),
        **_body(arrival.body),
    }


def _body(raw: bytes) -> Item:
    try:
        return {"body": raw.decode(), "body_is_base64": False}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(raw).decode(), "body_is_base64": True}


def _reopened(held: Item, fresh: Item) -> Item:
    # An event that is still open keeps its place in the index: copies must not defer it for ever.
    return {
        **fresh,
        "open_at": held.get("open_at", fresh["open_at"]),
        "version": int(held["version"]) + 1,
    }


def _closed(held: Item) -> Item:
    kept = {name: value for name, value in held.items() if not name.startswith(f"{_INDEX}_")}
    return {**kept, "handled_at": _stamp(clock.now()), "version": int(held["version"]) + 1}


def _read(item: Item) -> KeptEvent:
    body, version = str(item["body"]), int(item["version"])
    told = {**json.loads(str(item["message"])), "event_version": version}
    return KeptEvent(
        connection=ConnectionId(str(item["pk"])),
        sk=str(item["sk"]),
        version=version,
        received_at=datetime.fromisoformat(str(item["received_at"])),
        is_open=f"{_INDEX}_group" in item,
        body=base64.b64decode(body) if item["body_is_base64"] else body.encode(),
        headers=json.loads(str(item["headers"])),
        message=Message(str(item["queue"]), str(item["message_group"]), told),
    )
