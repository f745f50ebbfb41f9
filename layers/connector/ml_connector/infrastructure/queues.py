"""The FIFO queues: messages, their groups, and when two messages are duplicates."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PURCHASE_ORDERS = "purchase_orders"
VENDORS = "vendors"

LARGEST_MESSAGE = 256 * 1024
"""Bytes of a message: what SQS takes unless a queue says otherwise."""

_BATCH = 10  # SQS's limit for one SendMessageBatch
# SQS allows up to 128 printable ASCII characters without blanks in a message group.
_GROUP = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True)
class Message:
    """A JSON message; those of one `group` are handled in order, groups in parallel."""

    queue: str
    group: str
    body: Mapping[str, Any]


class MessageTooLargeError(ValueError):
    """A message is larger than SQS takes; it was not sent."""


def text_of(message: Message) -> str:
    """Return the message as it is sent; raises `MessageTooLargeError`."""
    text = json.dumps(message.body, sort_keys=True)
    if (size := len(text.encode())) > LARGEST_MESSAGE:
        kind = message.body.get("kind", "message")
        raise MessageTooLargeError(f"a {kind} of {size} bytes; SQS takes {LARGEST_MESSAGE}")
    return text


class Queues:
    """Sends messages over a botocore SQS client."""

    def __init__(self, client: Any, urls: Mapping[str, str]) -> None:
        """Send to the queues in `urls`, by name; others are out of reach."""
        self._client = client
        self._urls = urls

    def send(self, message: Message, once: str | None = None) -> None:
        """Send; SQS drops messages with the same `once` within 5 minutes (only to save work).

        The default of `once` is the message's group and body. Raises `MessageTooLargeError`.
        """
        self._client.send_message(QueueUrl=self._urls[message.queue], **_entry(message, once))

    def send_all(self, messages: Sequence[tuple[Message, str]]) -> None:
        """Send messages of one queue, each with its `once`, ten in a call; see `send`."""
        for start in range(0, len(messages), _BATCH):
            some = messages[start : start + _BATCH]
            entries = [
                {"Id": str(at), **_entry(message, once)} for at, (message, once) in enumerate(some)
            ]
            url = self._urls[some[0][0].queue]
            answer = self._client.send_message_batch(QueueUrl=url, Entries=entries)
            for failed in answer.get("Failed", ()):
                self.send(*some[int(failed["Id"])])  # alone: it says why, or succeeds

    def return_later(self, arn: str, receipt_handle: str, wait: int) -> None:
        """Let the queue deliver a received message again after `wait` seconds."""
        name = arn.rpartition(":")[2]
        url = next(url for url in self._urls.values() if url.endswith(f"/{name}"))
        self._client.change_message_visibility(
            QueueUrl=url, ReceiptHandle=receipt_handle, VisibilityTimeout=wait
        )


def _entry(message: Message, once: str | None) -> dict[str, str]:
    text = text_of(message)
    return {
        "MessageBody": text,
        "MessageGroupId": _group(message.group),
        "MessageDeduplicationId": _digest(once or f"{message.group}\n{text}"),
    }


def _group(name: str) -> str:
    return name if _GROUP.fullmatch(name) else _digest(name)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
