"""The FIFO queues: what is said to them, in which group, and when two messages are one."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PURCHASE_ORDERS = "purchase_orders"
VENDORS = "vendors"

# What SQS allows in a message group: up to 128 printable ASCII characters without blanks.
_GROUP = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True)
class Message:
    """A JSON message; those of one `group` are handled in turn, groups beside each other."""

    queue: str
    group: str
    body: Mapping[str, Any]


class Queues:
    """The door to the queues, over a botocore SQS client."""

    def __init__(self, client: Any, urls: Mapping[str, str]) -> None:
        """Speak to the queues whose URLs stand under their names; unnamed ones are out of reach."""
        self._client = client
        self._urls = urls

    def send(self, message: Message, once: str | None = None) -> None:
        """Send; messages with the same `once` within 5 minutes are one (an economy, no promise).

        Without `once` the queue, group and body stand for it.
        """
        text = json.dumps(message.body, sort_keys=True)
        self._client.send_message(
            QueueUrl=self._urls[message.queue],
            MessageBody=text,
            MessageGroupId=_group(message.group),
            MessageDeduplicationId=_digest(once or f"{message.group}\n{text}"),
        )


def _group(name: str) -> str:
    return name if _GROUP.fullmatch(name) else _digest(name)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
