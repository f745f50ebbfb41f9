"""Set up notifications: Slack's webhook URL, and a test message through the channels."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ml_connector import telemetry
from ml_connector.connections import manage as connections
from ml_connector.domain.ids import Actor, ConnectionId
from ml_connector.domain.words import counted
from ml_connector.infrastructure.channels import SnsTopic, slack_url
from ml_connector.infrastructure.connection_store import ConnectionStore
from ml_connector.infrastructure.secret_store import NOTIFY_SLACK, WHOLE_STACK
from ml_connector.secret import Secret
from ml_connector.settings.connection import Connection
from ml_connector.stack import Stack
from ml_connector.user_errors import UserError

SLACK_URL = "CONNECTOR_SLACK_WEBHOOK_URL"


def mail_subscribers(topic: SnsTopic) -> tuple[int, int] | None:
    """Return how many subscriptions of the topic are confirmed and pending; None if not known."""
    try:
        return topic.subscribers()
    except (BotoCoreError, ClientError):
        return None


def heard_by(subscribers: tuple[int, int] | None) -> str:
    """Return the subscribers in words, and what to do when there is none."""
    if subscribers is None:
        return "the topic's subscribers cannot be counted with your rights"
    confirmed, pending = subscribers
    people = counted(confirmed, "confirmed subscriber")
    waiting = f", {pending} not confirmed yet" if pending else ""
    how = "" if confirmed else ": deploy the stack with NotificationEmail, and confirm the e-mail"
    return f"{people}{waiting}{how}"


def keep_slack(stack: Stack, actor: Actor, id: ConnectionId, url: Secret) -> None:
    """Store the address of a connection that may not be saved yet; raises as `store_slack`."""
    _expect_usable(url)
    connections.record_step(stack.ledger_of(actor, id), "slack_webhook_stored", whole_stack=False)
    stack.secret_store.store(NOTIFY_SLACK, id, {"url": url.reveal()})


def store_slack(stack: Stack, actor: Actor, id: str | None, url: Secret) -> None:
    """Store Slack's incoming webhook URL, and use it: for a connection, or all without their own.

    Raises `UserError` for an unusable URL, without repeating it.
    """
    _expect_usable(url)
    where, affected = _recorded(stack, actor, id, "slack_webhook_stored")
    stack.secret_store.store(NOTIFY_SLACK, where, {"url": url.reveal()})
    for connection in affected:
        _switch(stack.services.connections, connection, on=True)


def _expect_usable(url: Secret) -> None:
    telemetry.conceal(url.reveal())
    try:
        slack_url(url.reveal())
    except ValueError as error:
        raise UserError(f"this Slack webhook cannot be used: {error}") from None


def remove_slack(stack: Stack, actor: Actor, id: str | None) -> None:
    """Delete the URL; a connection without its own uses the stack's, or Slack no more."""
    where, affected = _recorded(stack, actor, id, "slack_webhook_removed")
    stack.secret_store.delete(NOTIFY_SLACK, where)
    for connection in affected:
        if stack.secret_store.slack_url(connection.id) is None:
            _switch(stack.services.connections, connection, on=False)


def _switch(store: ConnectionStore, connection: Connection, *, on: bool) -> None:
    notify = connection.notify.model_copy(update={"slack": on})
    if notify != connection.notify:
        store.save(connection.model_copy(update={"notify": notify}))


def try_channels(stack: Stack, id: str) -> list[dict[str, Any]]:
    """Send a test message through every channel of a connection; return the results.

    `{"channel", "sent", "failure", "reaches"}`: how many people it reaches where that is known.
    """
    connection = stack.connection(id)
    subject = f"Connector {connection.id}: a test"
    text = f"This is a test. New exceptions and halts of {connection.id} are sent here."
    found = []
    for channel in stack.services.bound(connection).channels:
        try:
            channel.send(subject, text)
            failure = None
        except Exception as error:  # noqa: BLE001  the person wants to see any error
            failure = telemetry.redact_text(str(error))
        result = {"channel": channel.name, "sent": failure is None, "failure": failure}
        found.append(result | _reached(stack.topic, channel.name))
    return found


def _reached(topic: SnsTopic, channel: str) -> dict[str, Any]:
    if channel != topic.name:
        return {"reaches": None, "subscribers": ""}
    known = mail_subscribers(topic)
    return {"reaches": known[0] if known else None, "subscribers": heard_by(known)}


def _recorded(
    stack: Stack, actor: Actor, id: str | None, step: str
) -> tuple[ConnectionId, list[Connection]]:
    """Record the step in every affected audit trail; return the secret's place, and who uses it."""
    affected = [stack.connection(id)] if id else list(stack.services.connections.all())
    for connection in affected:
        connections.record_step(stack.ledger_of(actor, connection.id), step, whole_stack=id is None)
    return (affected[0].id if id else WHOLE_STACK), affected
