"""Handle SQS records in order: the first that fails stops the rest.

It replaces Powertools' batch utility, whose imports (asyncio among them) cost a twelfth of the
posting worker's init: see docs/decisions.md.
"""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from math import ceil
from typing import Any, Protocol

from ml_connector.infrastructure.queues import Queues
from ml_connector.services import StackServices
from ml_connector.telemetry import logger

Handle = Callable[[object, StackServices], None]


class DeliverAgain(Exception):
    """The message was handled, and there will be more to do: deliver it again after a while.

    Each time counts as a receive, so it is asked for no more than `MOST_TIMES`.
    """

    def __init__(self, after: timedelta) -> None:
        """Take the wait."""
        super().__init__(f"again after {after}")
        self.seconds = max(ceil(after.total_seconds()), 0)


MOST_TIMES = 3
"""How often a message may be delivered again without a failure: the fifth receive is the last."""

# Short first, so that its group goes on soon; 31 minutes in all before the last of five receives.
_WAITS = (60, 120, 480, 1_200)
A_MOMENT = 2
"""Seconds: a message that waited longer for a worker had others before it."""
_FIRST_RECEIVED = "ApproximateFirstReceiveTimestamp"
_MARGIN = 5  # seconds that a worker may outlive its time


class LambdaContext(Protocol):
    """What Lambda passes with an event, as far as it is used."""

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the worker may still run."""
        ...


def worker(handle: Handle, services: StackServices) -> Callable[[dict[str, Any], Any], Any]:
    """Return the Lambda handler that passes each message to `handle`.

    It returns the messages to be delivered again: the first that failed, after a wait that grows
    with each receive, and, to keep a group in order, all after it at once. One over which the
    worker is killed waits as long, but until the worker is gone. Every message fails while the
    stack's data are newer than this version (`NewerDataError`): the queue keeps them, and an alarm
    reports them.
    """

    def handler(event: dict[str, Any], context: LambdaContext) -> Any:
        waiting = list(event["Records"])
        again: int | None = None
        while waiting:
            left = context.get_remaining_time_in_millis() // 1000 + 1
            _return_later(waiting[0], hidden_for(_receives(waiting[0]), left), services.queues)
            again = _wait(waiting[0], handle, services)
            if again is not None:
                break
            waiting.pop(0)
        for index, one in enumerate(waiting):
            # The queue keeps the messages of a group in order: those after the first need not wait.
            _return_later(one, 0 if index else again or 0, services.queues)
        return {"batchItemFailures": [{"itemIdentifier": one["messageId"]} for one in waiting]}

    return handler


def wait_after(receives: int) -> int:
    """Return after how many seconds to deliver a message again that failed so many times.

    After the last receive at once: it goes to the dead-letter queue, and its group goes on.
    """
    return _WAITS[receives - 1] if receives <= len(_WAITS) else 0


def hidden_for(receives: int, left: int) -> int:
    """Return for how many seconds nobody else gets a message that a worker takes.

    `left`: how long the worker may run. If it is killed, nobody returns the message.
    """
    return max(wait_after(receives), left + _MARGIN)


def counted(body: Mapping[str, Any], receives: int, waited: float = 0) -> Mapping[str, Any]:
    """Return the body of a message with how often it was delivered, if not once.

    And with how many seconds it `waited` for a worker, if that is longer than a moment.
    """
    again = {"receives": receives} if receives > 1 else {}
    late = {"waited": int(waited)} if waited >= A_MOMENT else {}
    return {**body, **again, **late}


def _body(record: Mapping[str, Any]) -> object:
    body = json.loads(record["body"])
    if not isinstance(body, dict):
        return body
    return counted(body, _receives(record), _waited(record))


def _waited(record: Mapping[str, Any]) -> float:
    """Return for how many seconds a message was in the queue before it was first delivered."""
    given = record.get("attributes", {})
    sent, received = (int(given.get(name, 0)) for name in ("SentTimestamp", _FIRST_RECEIVED))
    return (received - sent) / 1000 if sent else 0


def _receives(record: Mapping[str, Any]) -> int:
    return int(record.get("attributes", {}).get("ApproximateReceiveCount", 1))


def _return_later(record: Mapping[str, Any], wait: int, queues: Queues) -> None:
    try:
        queues.return_later(record["eventSourceARN"], record["receiptHandle"], wait)
    except Exception:  # noqa: BLE001  it comes back after the queue's own visibility timeout
        logger().exception("visibility not changed", message_id=record["messageId"])


def _wait(record: Mapping[str, Any], handle: Handle, services: StackServices) -> int | None:
    """Handle a message; return after how many seconds it has to be delivered again, if it has."""
    try:
        services.data_form.refuse_newer()
        handle(_body(record), services)
    except DeliverAgain as again:
        return again.seconds
    except Exception:  # noqa: BLE001  redelivered; the dead-letter queue after five times
        logger().exception("message not handled", message_id=record["messageId"])
        return wait_after(_receives(record))
    return None
