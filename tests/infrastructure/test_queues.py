"""A message is never larger than SQS takes."""

import pytest

from local.in_memory.stack import InMemoryQueues
from ml_connector.infrastructure.queues import (
    LARGEST_MESSAGE,
    PURCHASE_ORDERS,
    Message,
    MessageTooLargeError,
    Queues,
)

EMPTY = len('{"kind": "order", "text": ""}')


def message(size: int, character: str = "x") -> Message:
    text = character * ((size - EMPTY) // len(character.encode("unicode_escape")))
    return Message(PURCHASE_ORDERS, "firm#1", {"kind": "order", "text": text})


class Client:
    """Records what is sent."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send_message(self, **request: str) -> None:
        self.sent.append(request["MessageBody"])


def test_the_largest_message_is_sent_and_no_larger_one() -> None:
    client = Client()
    queues = Queues(client, {PURCHASE_ORDERS: "url"})
    queues.send(message(LARGEST_MESSAGE))
    assert [len(each.encode()) for each in client.sent] == [LARGEST_MESSAGE]
    with pytest.raises(MessageTooLargeError, match="a order of 262145 bytes"):
        queues.send(message(LARGEST_MESSAGE + 1))
    assert len(client.sent) == 1


def test_it_is_refused_in_memory_too() -> None:
    queues = InMemoryQueues()
    with pytest.raises(MessageTooLargeError):
        queues.send(message(LARGEST_MESSAGE + 1))
    assert queues.waiting == []
