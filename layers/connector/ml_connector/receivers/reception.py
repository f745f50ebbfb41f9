"""What a receiver does with one call: verify it, keep it, queue it, answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from ml_connector import clock, telemetry
from ml_connector.doors.inbox import KEPT_FOR, Arrival, Inbox, KeptEvent
from ml_connector.doors.queues import Queues
from ml_connector.doors.webhook_secrets import WebhookSecrets
from ml_connector.ids import ConnectionId
from ml_connector.receivers.calls import Answer, RefusedError, answer, read_call
from ml_connector.webhooks import Call, Event, UnreadableError, UnverifiedError

Settings = TypeVar("Settings")

_KEPT_HEADERS = ("content-type", "user-agent", "x-request-id", "webhook-id")
_LONGEST_HEADER = 300


@dataclass(frozen=True)
class Source(Generic[Settings]):
    """One sender: how its calls are verified and read.

    `unknown` are settings that fit nobody; `is_check` recognises a call that wants 200 and no more.
    """

    name: str
    accept: Callable[[Call, Settings, datetime, timedelta], Event]
    unknown: Settings
    is_check: Callable[[Call], bool]


class Receiver(Generic[Settings]):
    """Answers one sender's calls."""

    def __init__(
        self,
        source: Source[Settings],
        secrets: WebhookSecrets[Settings],
        inbox: Inbox,
        queues: Queues,
    ) -> None:
        """Wire a sender to the doors."""
        self._source = source
        self._secrets = secrets
        self._inbox = inbox
        self._queues = queues

    def answer(self, event: Mapping[str, Any]) -> Answer:
        """Return the answer to an API Gateway event; 2xx only for what is durably kept.

        Unsigned, wrongly signed, stale and unknown are answered alike. An AWS failure before the
        event is kept raises: the sender gets a 500 and tries again.
        """
        try:
            connection, call = read_call(event)
            return answer(self._receive(connection, call))
        except RefusedError as refusal:
            telemetry.logger().warning("webhook refused", status=refusal.status, reason=refusal)
            return answer(refusal.status)

    def _receive(self, connection: ConnectionId, call: Call) -> int:
        if self._source.is_check(call):
            return 200
        event = self._verified(connection, call)
        kept, is_news = self._inbox.keep(self._arrival(connection, call, event))
        if kept.is_open:
            self._queue(kept)
        telemetry.logger().info(
            "webhook kept", connection=connection, event=kept.sk, news=is_news, open=kept.is_open
        )
        return 202 if is_news else 200

    def _verified(self, connection: ConnectionId, call: Call) -> Event:
        settings = self._secrets.get(connection)
        known = self._source.unknown if settings is None else settings
        who = connection if settings else "an unknown connection"
        try:
            event = self._source.accept(call, known, clock.now(), KEPT_FOR)
        except UnverifiedError as error:
            raise RefusedError(401, f"{who}: {error}") from None
        except UnreadableError as error:
            raise RefusedError(400, f"{who}: {error}") from None
        if settings is None:  # whatever a scheme does, nobody speaks for an unknown connection
            raise RefusedError(401, who)
        return event

    def _arrival(self, connection: ConnectionId, call: Call, event: Event) -> Arrival:
        headers = {name: call.headers[name] for name in _KEPT_HEADERS if name in call.headers}
        return Arrival(
            connection=connection,
            source=self._source.name,
            key=event.key,
            queue=event.queue,
            group=event.group,
            message=event.message,
            body=call.body,
            headers={name: value[:_LONGEST_HEADER] for name, value in headers.items()},
            is_news_each_time=event.is_news_each_time,
        )

    def _queue(self, kept: KeptEvent) -> None:
        """Tell the queue; when that fails the event is safe all the same and the sweep tells it."""
        try:
            self._queues.send(kept.message, once=kept.once)
        except (BotoCoreError, ClientError):
            telemetry.logger().exception(
                "queue not told, the sweep will", connection=kept.connection, event=kept.sk
            )
