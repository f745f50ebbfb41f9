"""Handle one webhook call: verify it, store it, queue it, answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from ml_connector import clock, telemetry
from ml_connector.domain.ids import AppId, ConnectionId, connection_of
from ml_connector.infrastructure.inbox import KEPT_FOR, Inbox, IncomingEvent, StoredEvent
from ml_connector.infrastructure.places import Places
from ml_connector.infrastructure.queues import Queues
from ml_connector.infrastructure.webhook_secrets import WebhookSecrets
from ml_connector.infrastructure.webhook_senders import RecentlyNoted, WebhookSenders, sender_name
from ml_connector.messages.kinds import encode
from ml_connector.webhooks.api_gateway import Answer, RefusedCallError, answer, read_call
from ml_connector.webhooks.verification import (
    Event,
    UnreadableEventError,
    UnverifiedError,
    WebhookCall,
)

Settings = TypeVar("Settings")

_KEPT_HEADERS = ("content-type", "content-encoding", "user-agent", "x-request-id", "webhook-id")
_LONGEST_HEADER = 300


@dataclass(frozen=True)
class WebhookSender(Generic[Settings]):
    """One sender: how its calls are verified and read.

    `unknown` are settings no call can satisfy; `is_check` recognises a call that only wants 200;
    `is_signed`, one that claims to be genuine.
    """

    name: str
    accept: Callable[[WebhookCall, Settings, datetime, timedelta], Event]
    unknown: Settings
    is_check: Callable[[WebhookCall], bool]
    is_signed: Callable[[WebhookCall], bool]


class WebhookHandler(Generic[Settings]):
    """Handles one sender's calls."""

    def __init__(
        self,
        sender: WebhookSender[Settings],
        secrets: WebhookSecrets[Settings],
        inbox_of: Callable[[ConnectionId], Inbox],
        queues: Queues,
        senders_of: Callable[[ConnectionId], WebhookSenders],
        places_of: Callable[[ConnectionId, str], Places],
    ) -> None:
        """Handle the calls of `sender`."""
        self._senders_of = senders_of
        self._places_of = places_of
        self._noted = RecentlyNoted()
        self._sender = sender
        self._secrets = secrets
        self._inbox_of = inbox_of
        self._queues = queues

    def answer(self, event: Mapping[str, Any]) -> Answer:
        """Return the answer to an API Gateway event; 2xx only for what is stored durably.

        Unsigned, wrongly signed, stale and unknown calls get the same answer. An AWS failure before
        the event is stored raises: the sender gets a 500 and tries again.
        """
        try:
            return answer(self._receive(read_call(event)))
        except RefusedCallError as refusal:
            telemetry.logger().warning("webhook refused", status=refusal.status, reason=refusal)
            return answer(refusal.status)

    def _receive(self, call: WebhookCall) -> int:
        if self._sender.is_check(call):
            return 200
        event = self._verified(call)
        kept, is_new = self._inbox_of(call.connection).keep(self._incoming(call, event))
        if kept.is_open:
            self._queue(kept)
        self._note(call.app)
        telemetry.logger().info(
            "webhook kept",
            connection=call.connection,
            event=kept.sk,
            news=is_new,
            open=kept.is_open,
        )
        return 202 if is_new else 200

    def _verified(self, call: WebhookCall) -> Event:
        settings = self._secrets.get(call.app)
        try:
            return self._accepted(call, settings)
        except RefusedCallError as refusal:
            newer = self._secrets.newer(call.app) if self._sender.is_signed(call) else None
            if newer is None:
                if settings is not None:
                    self._note(call.app, str(refusal))
                raise
        return self._accepted(call, newer)

    def _accepted(self, call: WebhookCall, settings: Settings | None) -> Event:
        known = self._sender.unknown if settings is None else settings
        name = call.app if settings else "an unknown connection"
        try:
            event = self._sender.accept(call, known, clock.now(), KEPT_FOR)
        except UnverifiedError as error:
            raise RefusedCallError(401, f"{name}: {error}") from None
        except UnreadableEventError as error:
            raise RefusedCallError(400, f"{name}: {error}") from None
        if settings is None:  # whatever the scheme, an unknown connection is refused
            raise RefusedCallError(401, name)
        return event

    def _incoming(self, call: WebhookCall, event: Event) -> IncomingEvent:
        headers = {name: call.headers[name] for name in _KEPT_HEADERS if name in call.headers}
        return IncomingEvent(
            connection=call.connection,
            source=self._sender.name,
            key=event.key,
            queue=event.message.queue,
            group=event.group,
            message=encode(event.message),
            body=call.body,
            headers={name: value[:_LONGEST_HEADER] for name, value in headers.items()},
            every_copy_is_new=event.is_new_each_time,
        )

    def _note(self, app: AppId, refusal: str = "") -> None:
        """Note the outcome of a call for people; that this fails is no reason to refuse it."""
        if not self._noted.is_new(app, is_accepted=not refusal):
            return
        connection, name = connection_of(app), sender_name(self._sender.name, app)
        senders = self._senders_of(connection)
        try:
            if refusal:
                senders.note_refused(name, refusal.removeprefix(f"{app}: "))
            else:
                senders.note_accepted(name)
        except (BotoCoreError, ClientError):
            telemetry.logger().exception("outcome not noted", connection=connection)

    def _queue(self, kept: StoredEvent) -> None:
        """Send the message if there is a place for it; if not, the event waits in the inbox.

        So does one of which that fails: the sweep queues it.
        """
        places = self._places_of(kept.connection, kept.message.queue)
        try:
            if placed := places.take(kept.message, kept.once):
                self._queues.send(placed, once=kept.once)
        except (BotoCoreError, ClientError):
            telemetry.logger().exception(
                "not queued, the sweep will", connection=kept.connection, event=kept.sk
            )
