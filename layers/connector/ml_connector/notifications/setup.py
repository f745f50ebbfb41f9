"""Set up notifications: Slack's webhook URL, and a test message through the channels."""

from typing import Any

from ml_connector import telemetry
from ml_connector.connections import manage as connections
from ml_connector.domain.ids import Actor
from ml_connector.infrastructure.channels import slack_url
from ml_connector.infrastructure.secret_store import NOTIFY_SLACK, WHOLE_STACK
from ml_connector.secret import Secret
from ml_connector.stack import Stack
from ml_connector.user_errors import UserError

SLACK_URL = "CONNECTOR_SLACK_WEBHOOK_URL"


def store_slack(stack: Stack, actor: Actor, id: str | None, url: Secret) -> None:
    """Store Slack's incoming webhook URL: of a connection, or of all without their own.

    Raises `UserError` for an unusable URL, without repeating it.
    """
    telemetry.conceal(url.reveal())
    try:
        slack_url(url.reveal())
    except ValueError as error:
        raise UserError(f"this Slack webhook cannot be used: {error}") from None
    where = _recorded(stack, actor, id, "slack_webhook_stored")
    stack.secret_store.store(NOTIFY_SLACK, where, {"url": url.reveal()})


def remove_slack(stack: Stack, actor: Actor, id: str | None) -> None:
    """Delete the URL; a connection without its own uses the stack's."""
    stack.secret_store.delete(NOTIFY_SLACK, _recorded(stack, actor, id, "slack_webhook_removed"))


def try_channels(stack: Stack, id: str) -> list[dict[str, Any]]:
    """Send a test message through every channel of a connection; return the results."""
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
        found.append({"channel": channel.name, "sent": failure is None, "failure": failure})
    return found


def _recorded(stack: Stack, actor: Actor, id: str | None, step: str) -> Any:
    """Record the step in every affected audit trail; return the secret's connection."""
    affected = [stack.connection(id)] if id else list(stack.services.connections.all())
    for connection in affected:
        connections.record_step(stack.ledger_of(actor, connection.id), step, whole_stack=id is None)
    return affected[0].id if id else WHOLE_STACK
