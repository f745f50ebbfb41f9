"""Send the messages in the dead-letter queues back to their queues."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ml_connector.connections import manage as connections
from ml_connector.domain.ids import Actor
from ml_connector.stack import Stack

_MAX_MESSAGES = 10
_INVISIBLE_SECONDS = 300
_NAMES = ("order", "vendor", "key", "division")


@dataclass(frozen=True)
class _DeadLetter:
    """A message received from a dead-letter queue, invisible to others for a while."""

    queue: str
    id: str
    group: str
    text: str
    receipt: str

    @property
    def body(self) -> dict[str, Any]:
        """Return the content of the message; empty when it cannot be read."""
        try:
            body = json.loads(self.text)
        except ValueError:
            return {}
        return body if isinstance(body, dict) else {}

    @property
    def connection(self) -> str:
        """Return the connection it is about; empty for a schedule's message."""
        return str(self.body.get("connection") or "")

    def as_dict(self) -> dict[str, Any]:
        """Return what identifies it for a person."""
        about = next((str(self.body[name]) for name in _NAMES if self.body.get(name)), None)
        return {
            "queue": self.queue,
            "connection": self.connection or None,
            "kind": self.body.get("kind"),
            "about": about,
        }


def redrive_messages(stack: Stack, actor: Actor, id: str | None = None) -> dict[str, Any]:
    """Send the dead letters of a connection, or all of them, back to their queues.

    Each is sent before it is deleted, so one may arrive twice: the ledger prevents doing the work
    twice. Returns the moved messages, their number by queue, and how many others were left.
    """
    if id is not None:
        stack.known_id(id)
    received = [letter for queue in stack.dead_letter_urls for letter in _receive(stack, queue)]
    wanted = [letter for letter in received if id in {None, letter.connection}]
    others = [letter for letter in received if letter not in wanted]
    _record(stack, actor, wanted)
    for letter in wanted:
        _send_back(stack, letter)
    for letter in others:
        _release(stack, letter)
    moved = Counter(letter.queue for letter in wanted)
    return {
        "moved": {queue: moved[queue] for queue in stack.dead_letter_urls},
        "left": len(others),
        "messages": [letter.as_dict() for letter in wanted],
    }


def _receive(stack: Stack, queue: str) -> Iterator[_DeadLetter]:
    seen: set[str] = set()
    while True:
        answer = stack.sqs.receive_message(
            QueueUrl=stack.dead_letter_urls[queue],
            MaxNumberOfMessages=_MAX_MESSAGES,
            VisibilityTimeout=_INVISIBLE_SECONDS,
            WaitTimeSeconds=1,
            MessageSystemAttributeNames=["MessageGroupId"],
        )
        found = [each for each in answer.get("Messages", []) if each["MessageId"] not in seen]
        if not found:
            return
        seen |= {each["MessageId"] for each in found}
        for each in found:
            group = each["Attributes"]["MessageGroupId"]
            yield _DeadLetter(queue, each["MessageId"], group, each["Body"], each["ReceiptHandle"])


def _record(stack: Stack, actor: Actor, letters: list[_DeadLetter]) -> None:
    """Record the redrive in each connection's audit trail before messages are moved."""
    counts = Counter(letter.connection for letter in letters)
    for connection in stack.services.connections.all():
        if number := counts[connection.id]:
            connections.record_step(
                stack.ledger_of(actor, connection.id), "redriven", messages=number
            )


def _send_back(stack: Stack, letter: _DeadLetter) -> None:
    stack.sqs.send_message(
        QueueUrl=stack.queue_urls[letter.queue],
        MessageBody=letter.text,
        MessageGroupId=letter.group,
        # Derived from the message's id: a run that is interrupted here and repeated sends it once.
        MessageDeduplicationId=hashlib.sha256(f"redrive {letter.id}".encode()).hexdigest(),
    )
    stack.sqs.delete_message(
        QueueUrl=stack.dead_letter_urls[letter.queue], ReceiptHandle=letter.receipt
    )


def _release(stack: Stack, letter: _DeadLetter) -> None:
    stack.sqs.change_message_visibility(
        QueueUrl=stack.dead_letter_urls[letter.queue],
        ReceiptHandle=letter.receipt,
        VisibilityTimeout=0,
    )
