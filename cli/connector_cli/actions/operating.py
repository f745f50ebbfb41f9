"""What keeps a stack running: dead letters sent back, and what is to be done after a restore."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connector_cli.actions import connections
from connector_cli.complaints import Complaint
from connector_cli.stack import Stack
from ml_connector import clock
from ml_connector.connection import Connection
from ml_connector.doors.inbox import KEPT_FOR

_BATCH = 10
_HELD_SECONDS = 300
_NAMES = ("order", "vendor", "key", "division")


@dataclass(frozen=True)
class _Letter:
    """One message taken from a dead-letter queue, invisible to others meanwhile."""

    queue: str
    id: str
    group: str
    text: str
    receipt: str

    @property
    def body(self) -> dict[str, Any]:
        """Return what the message says; empty when it says nothing that can be read."""
        try:
            body = json.loads(self.text)
        except ValueError:
            return {}
        return body if isinstance(body, dict) else {}

    @property
    def connection(self) -> str:
        """Return the connection it speaks of; none for a schedule's."""
        return str(self.body.get("connection") or "")

    def as_dict(self) -> dict[str, Any]:
        """Return what a person recognises it by."""
        about = next((str(self.body[name]) for name in _NAMES if self.body.get(name)), None)
        return {
            "queue": self.queue,
            "connection": self.connection or None,
            "kind": self.body.get("kind"),
            "about": about,
        }


def redrive(stack: Stack, id: str | None = None) -> dict[str, Any]:
    """Send the dead letters of a connection, or all of them, back to their queues.

    Each is sent before it is removed, so one may arrive twice: the ledger knows what was done.
    Returns the letters that went back, their number by queue, and how many were left to others.
    """
    if id is not None:
        stack.known_id(id)
    taken = [letter for queue in stack.dead_letter_urls for letter in _take(stack, queue)]
    wanted = [letter for letter in taken if id in {None, letter.connection}]
    others = [letter for letter in taken if letter not in wanted]
    _note(stack, wanted)
    for letter in wanted:
        _send_back(stack, letter)
    for letter in others:
        _let_go(stack, letter)
    moved = Counter(letter.queue for letter in wanted)
    return {
        "moved": {queue: moved[queue] for queue in stack.dead_letter_urls},
        "left": len(others),
        "messages": [letter.as_dict() for letter in wanted],
    }


def restored(stack: Stack, id: str | None, to: datetime) -> list[dict[str, Any]]:
    """Let connections live with a ledger and audit trail put back to the moment `to` (aware).

    From now until the inbox has forgotten that time, each order is looked for in Exact before it
    is posted; what was received since then is queued again. Returns what was done by connection.
    """
    now = clock.now()
    if not now - KEPT_FOR < to < now:
        raise Complaint("the moment must lie within the last 30 days: earlier events are gone")
    every = [stack.connection(id)] if id else list(stack.doors.mappings.connections())
    return [_restored(stack, connection, to) for connection in every]


def _restored(stack: Stack, connection: Connection, to: datetime) -> dict[str, Any]:
    until = clock.now() + KEPT_FOR
    stack.signed.restored(connection.id, to, until)
    # An event kept just before may have been handled just after.
    events = list(stack.doors.inbox.received_since(connection.id, to - timedelta(hours=1)))
    for event in events:
        stack.send(event.message, f"restored {event.once} {clock.epoch()}")
    return {
        "connection": connection.id,
        "events_queued": len(events),
        "looks_first_until": until.isoformat(timespec="seconds"),
    }


def _take(stack: Stack, queue: str) -> Iterator[_Letter]:
    seen: set[str] = set()
    while True:
        answer = stack.sqs.receive_message(
            QueueUrl=stack.dead_letter_urls[queue],
            MaxNumberOfMessages=_BATCH,
            VisibilityTimeout=_HELD_SECONDS,
            WaitTimeSeconds=1,
            MessageSystemAttributeNames=["MessageGroupId"],
        )
        found = [each for each in answer.get("Messages", []) if each["MessageId"] not in seen]
        if not found:
            return
        seen |= {each["MessageId"] for each in found}
        for each in found:
            group = each["Attributes"]["MessageGroupId"]
            yield _Letter(queue, each["MessageId"], group, each["Body"], each["ReceiptHandle"])


def _note(stack: Stack, letters: list[_Letter]) -> None:
    """Say so in the trail of each connection, before the deed."""
    counts = Counter(letter.connection for letter in letters)
    for connection in stack.doors.mappings.connections():
        if number := counts[connection.id]:
            connections.note(stack, connection.id, "redriven", messages=number)


def _send_back(stack: Stack, letter: _Letter) -> None:
    stack.sqs.send_message(
        QueueUrl=stack.queue_urls[letter.queue],
        MessageBody=letter.text,
        MessageGroupId=letter.group,
        # Its own id: a run that broke off here and is repeated sends it once.
        MessageDeduplicationId=hashlib.sha256(f"redrive {letter.id}".encode()).hexdigest(),
    )
    stack.sqs.delete_message(
        QueueUrl=stack.dead_letter_urls[letter.queue], ReceiptHandle=letter.receipt
    )


def _let_go(stack: Stack, letter: _Letter) -> None:
    stack.sqs.change_message_visibility(
        QueueUrl=stack.dead_letter_urls[letter.queue],
        ReceiptHandle=letter.receipt,
        VisibilityTimeout=0,
    )
