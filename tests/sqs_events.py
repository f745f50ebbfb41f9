"""What Lambda passes to a worker: the records of a queue, and a context."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Context:
    """A context of a worker that may run for so many seconds."""

    seconds: float = 59.5

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the worker may still run."""
        return int(self.seconds * 1000)


CONTEXT = Context()


def sqs_record(body: str, number: int = 0, receives: int = 1) -> dict[str, Any]:
    """Return a record of the order queue with this body."""
    return {
        "messageId": f"m{number}",
        "receiptHandle": f"handle-{number}",
        "body": body,
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders.fifo",
        "attributes": {"ApproximateReceiveCount": str(receives)},
    }
