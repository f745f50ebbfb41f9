"""The inbox: every accepted webhook event, raw, stored before it is answered.

An event is open until a worker has handled it. Open events without a message (a failed send, a lost
message) are found through the sparse index `open` and queued again.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from ml_connector import clock
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.dynamodb import Item, Table
from ml_connector.infrastructure.queues import Message

KEPT_FOR = timedelta(days=30)
"""How long a duplicate is recognised."""

_INDEX = "open"
_OF_INDEX = (f"{_INDEX}_group", f"{_INDEX}_at")
_PIECE = 256 * 1024
"""Bytes of a body in one item: an item holds 400 KB, and base64 takes a third more."""
_MAX_ATTEMPTS = 10
_OWN = "connector"  # beside the senders of webhooks
_AT_A_TIME = 100  # most look at the oldest only, of many thousand


@dataclass(frozen=True)
class IncomingEvent:
    """A verified event: `key` is unique for its content within the source.

    `message` is the queue message, without the event's own key. `every_copy_is_new`: each copy may
    be about another change.
    """

    connection: ConnectionId
    source: str
    key: str
    queue: str
    group: str | None
    message: Mapping[str, Any]
    body: bytes
    headers: Mapping[str, str]
    every_copy_is_new: bool = False


class StoredEvent(Struct, frozen=True):
    """An event as stored; `version` grows with every copy that is new."""

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
        """Return the deduplication text of messages about this event."""
        return f"{self.connection}#{self.sk}#{self.version}"


class Inbox:
    """Stores the events of one connection in the inbox table."""

    def __init__(self, table: Table, id: ConnectionId) -> None:
        """Store the events of the connection `id` in `table`."""
        self._table = table
        self._id = id

    def keep(self, incoming: IncomingEvent) -> tuple[StoredEvent, bool]:
        """Store the event; return it as stored and whether it is new.

        A copy changes nothing, unless every copy is new: then the event is opened again under a
        new version, so that a worker which handled an earlier one cannot close it.

        Raises `ValueError` for an event of another connection.
        """
        if incoming.connection != self._id:
            raise ValueError(f"{incoming.key} is no event of connection {self._id}")
        fresh = _item(incoming)
        if len(incoming.body) > _PIECE and not self._table.get(self._id, str(fresh["sk"])):
            for piece in _further_pieces(fresh, incoming.body):
                self._table.put(piece)
        for _ in range(_MAX_ATTEMPTS):
            if self._table.insert(fresh):
                return _read(fresh), True
            stored = self._table.get(str(fresh["pk"]), str(fresh["sk"]))
            if stored is None:  # expired between the two calls
                continue
            if not incoming.every_copy_is_new:
                return _read(stored), False
            again = _reopened(stored, fresh)
            if self._table.replace(again, int(stored["version"])):
                return _read(again), True
        raise RuntimeError(f"inbox: {fresh['sk']} changes faster than it can be stored")

    def keep_message(self, message: Message, name: str) -> None:
        """Keep a message of the connector's own that has to wait; `name`: the same for copies."""
        self.keep(
            IncomingEvent(
                connection=self._id,
                source=_OWN,
                key=hashlib.sha256(name.encode()).hexdigest()[:32],
                queue=message.queue,
                group=message.group.removeprefix(f"{self._id}#"),
                message=message.body,
                body=b"",
                headers={},
            )
        )

    def get(self, sk: str) -> StoredEvent | None:
        """Return the event with its whole body, or None when it is unknown or expired."""
        item = self._table.get(self._id, sk)
        if item is None or "message" not in item:
            return None
        keys = [(_pieces_of(item), f"{n:04}") for n in range(1, int(item.get("pieces", 1)))]
        return _read(item, [self._table.get(*key) for key in keys])

    def find(self, sk: str) -> StoredEvent | None:
        """Do as `get`, with queries alone: people may not read single items."""
        item = next((each for each in self._table.query(self._id, sk) if each["sk"] == sk), None)
        if item is None:
            return None
        is_whole = int(item.get("pieces", 1)) == 1
        return _read(item, [] if is_whole else list(self._table.query(_pieces_of(item))))

    def mark_handled(self, sk: str, version: int | None = None) -> bool:
        """Close the event; return False when `version` is no longer the newest (it stays open).

        Pass the `event_version` of the handled message: a copy that arrived meanwhile must be
        handled too. Without it the newest version is closed.
        """
        if version is not None and self._close(sk, version):  # mostly nobody came between
            return True
        for _ in range(_MAX_ATTEMPTS):
            stored = self._table.get(self._id, sk)
            if stored is None or f"{_INDEX}_group" not in stored:
                return True
            if version is not None and stored["version"] != version:
                return False
            if self._close(sk, int(stored["version"])):
                return True
        return False

    def _close(self, sk: str, version: int) -> bool:
        handled: Item = {"handled_at": _stamp(clock.now()), "version": version + 1}
        return self._table.change(self._id, sk, version, handled, without=_OF_INDEX)

    def open_events(self, older_than: datetime) -> Iterator[StoredEvent]:
        """Yield the events received up to `older_than` (aware) and still open, oldest first."""
        found = self._table.query_index(_INDEX, self._id, _stamp(older_than), _AT_A_TIME)
        return (_read(item) for item in found)

    def received_since(self, moment: datetime) -> Iterator[StoredEvent]:
        """Yield every stored event received at `moment` (aware) or later, handled ones too.

        Of a body in pieces, only the first.
        """
        events = (_read(item) for item in self._table.query(self._id))
        return (event for event in events if event.received_at >= moment)


def is_of_webhook(sk: str | None) -> bool:
    """Return whether an event is a webhook's, and not a message that the connector has kept."""
    return bool(sk) and not str(sk).startswith(f"{_OWN}#")


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _item(incoming: IncomingEvent) -> Item:
    now = clock.now()
    sk = f"{incoming.source}#{incoming.key}"
    return {
        "pk": incoming.connection,
        "sk": sk,
        "version": 1,
        "received_at": _stamp(now),
        "open_group": incoming.connection,
        "open_at": _stamp(now),
        "expires_at": int((now + KEPT_FOR).timestamp()),
        "queue": incoming.queue,
        "message_group": f"{incoming.connection}#{incoming.group or sk}",
        "message": json.dumps({**incoming.message, "connection": incoming.connection, "event": sk}),
        "headers": json.dumps(dict(incoming.headers)),
        **_body(incoming.body[:_PIECE]),
        **({"pieces": -(-len(incoming.body) // _PIECE)} if len(incoming.body) > _PIECE else {}),
    }


def _further_pieces(item: Item, body: bytes) -> Iterator[Item]:
    """Yield the items of a body after its first piece, which is in the event's own item."""
    for n, start in enumerate(range(_PIECE, len(body), _PIECE), start=1):
        piece = _body(body[start : start + _PIECE])
        yield {"pk": _pieces_of(item), "sk": f"{n:04}", "expires_at": item["expires_at"], **piece}


def _pieces_of(item: Item) -> str:
    return f"{item['pk']}#{item['sk']}"


def _body(raw: bytes) -> Item:
    try:
        return {"body": raw.decode(), "body_is_base64": False}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(raw).decode(), "body_is_base64": True}


def _reopened(stored: Item, fresh: Item) -> Item:
    # An event that is still open keeps its place in the index: copies must not delay it for ever.
    return {
        **fresh,
        "open_at": stored.get("open_at", fresh["open_at"]),
        "version": int(stored["version"]) + 1,
    }


def _bytes(item: Item) -> bytes:
    body = str(item["body"])
    return base64.b64decode(body) if item["body_is_base64"] else body.encode()


def _read(item: Item, further: Iterable[Item | None] = ()) -> StoredEvent:
    version = int(item["version"])
    content = {**json.loads(str(item["message"])), "event_version": version}
    return StoredEvent(
        connection=ConnectionId(str(item["pk"])),
        sk=str(item["sk"]),
        version=version,
        received_at=datetime.fromisoformat(str(item["received_at"])),
        is_open=f"{_INDEX}_group" in item,
        body=b"".join(_bytes(each) for each in (item, *further) if each),
        headers=json.loads(str(item["headers"])),
        message=Message(str(item["queue"]), str(item["message_group"]), content),
    )
