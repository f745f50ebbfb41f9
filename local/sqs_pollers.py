"""Feeds a queue to its function as Lambda's event source mapping does.

Batches, visibility and redrive are the queue's own; moto's event source mapping delivers one
message at a time and ignores failures, so it is disabled.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from threading import Event
from typing import Any

from local.message_chains import LONGEST_CHAIN, MessageChains
from local.sam_template import ACCOUNT, REGION, QueueSource

logger = logging.getLogger(__name__)

_BATCH = 10


class Poller:
    """One mapping: takes batches from a queue and calls a function with them."""

    def __init__(
        self,
        source: QueueSource,
        queue_url: str,
        sqs: Any,
        owners_sqs: Any,
        function: Callable[[Any], Any],
        chains: MessageChains,
        key: str,
        *,
        visibility: int | None = None,
    ) -> None:
        """Poll `queue_url` with `sqs`, which signs with the function's role, as Lambda does.

        `chains` counts what is sent under `key`, that of the role. `owners_sqs` does what only this
        stand-in does; `visibility` (seconds) replaces the queue's own timeout.
        """
        self.source = source
        self._queue_url = queue_url
        self._sqs = sqs
        self._owners_sqs = owners_sqs
        self._function = function
        self._visibility = visibility
        self._chains = chains
        self._key = key
        sqs.get_queue_attributes(QueueUrl=queue_url)  # as Lambda does before it polls

    def once(self, *, retry_at_once: bool) -> int:
        """Pass one batch to the function, delete what succeeded, return the batch's size.

        What failed is delivered again after the visibility timeout, or at once if
        `retry_at_once` is set.
        """
        messages = self._receive()
        if not messages:
            return 0
        failed = self._failed_or_cut(messages)
        done = [m for m in messages if m not in failed]
        self._send_batch(self._sqs.delete_message_batch, done)
        if retry_at_once:
            sooner = self._owners_sqs.change_message_visibility_batch
            self._send_batch(sooner, failed, VisibilityTimeout=0)
        return len(messages)

    def run(self, stop: Event, idle: float = 0.2) -> None:
        """Poll until `stop` is set, sleeping `idle` seconds when the queue is empty."""
        while not stop.is_set():
            if not self._once_safely():
                stop.wait(idle)

    def _once_safely(self) -> int:
        try:
            return self.once(retry_at_once=False)
        except Exception:  # a poller goes on after an error
            logger.exception("cannot poll %s", self.source.queue)
            return 0

    def _receive(self) -> list[dict[str, Any]]:
        override = {} if self._visibility is None else {"VisibilityTimeout": self._visibility}
        answer = self._sqs.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=min(self.source.batch_size, _BATCH),
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
            **override,
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def _failed_or_cut(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return what failed, with what ends too long a chain and is not delivered."""
        lengths = {m["MessageId"]: self._chains.length(m["MessageId"]) for m in messages}
        cut = [m for m in messages if lengths[m["MessageId"]] >= LONGEST_CHAIN]
        rest = [m for m in messages if m not in cut]
        if cut:
            logger.warning("%s is in a loop: %d messages", self.source.function, len(cut))
        if not rest:
            return cut
        with self._chains.calling(self._key, max(lengths[m["MessageId"]] for m in rest)):
            return cut + self._failed(rest)

    def _failed(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self._queue_url.rpartition('/')[2]}"
        try:
            answer = self._function({"Records": [_record(m, arn) for m in messages]})
        except Exception:  # as in Lambda, a crash fails the batch
            logger.exception("%s failed on %d messages", self.source.function, len(messages))
            return messages
        return _reported(answer, messages) if self.source.reports_failures else []

    def _send_batch(
        self, call: Callable[..., Any], messages: Sequence[Mapping[str, Any]], **more: int
    ) -> None:
        entries = [
            {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"], **more}
            for index, message in enumerate(messages)
        ]
        if entries:
            call(QueueUrl=self._queue_url, Entries=entries)


def _record(message: Mapping[str, Any], arn: str) -> dict[str, Any]:
    """Convert a received message to a record of a Lambda event."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": REGION,
    }


def _reported(answer: Any, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the messages reported as failed: all of them if the answer is invalid."""
    failures = (answer or {}).get("batchItemFailures") or []
    failed = {failure.get("itemIdentifier") for failure in failures}
    if not failed <= {message["MessageId"] for message in messages}:
        return messages
    return [message for message in messages if message["MessageId"] in failed]
