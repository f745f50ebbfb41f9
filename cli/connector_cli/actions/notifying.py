"""Who is told of new exceptions and halts: Slack's address, and a message to try the channels."""

from typing import Any

from connector_cli.actions import connections
from connector_cli.complaints import Complaint
from connector_cli.stack import Stack
from ml_connector import telemetry
from ml_connector.doors.channels import slack_url
from ml_connector.doors.vault import NOTIFY_SLACK, WHOLE_STACK
from ml_connector.secret import Secret

SLACK_URL = "CONNECTOR_SLACK_WEBHOOK_URL"


def store_slack(stack: Stack, id: str | None, url: Secret) -> None:
    """Store the address of Slack's incoming webhook, of a connection or of all without their own.

    Raises `Complaint` for one that cannot be used; it is not repeated.
    """
    telemetry.conceal(url.reveal())
    try:
        slack_url(url.reveal())
    except ValueError as error:
        raise Complaint(f"this Slack webhook cannot be used: {error}") from None
    where = _noted(stack, id, "slack_webhook_stored")
    stack.vault.store(NOTIFY_SLACK, where, {"url": url.reveal()})


def remove_slack(stack: Stack, id: str | None) -> None:
    """Forget the address; a connection without its own is told through the stack's."""
    stack.vault.drop(NOTIFY_SLACK, _noted(stack, id, "slack_webhook_removed"))


def try_channels(stack: Stack, id: str) -> list[dict[str, Any]]:
    """Send a message by every channel of a connection; return which took it, and why not."""
    connection = stack.connection(id)
    subject = f"Connector {connection.id}: a test"
    text = f"This is a test. New exceptions of {connection.id} and its halts are told here."
    found = []
    for channel in stack.doors.channels(connection):
        try:
            channel.send(subject, text)
            failure = None
        except Exception as error:  # noqa: BLE001  whatever it is, the person wants to see it
            failure = telemetry.redact_text(str(error))
        found.append({"channel": channel.name, "sent": failure is None, "failure": failure})
    return found


def _noted(stack: Stack, id: str | None, step: str) -> Any:
    """Say in the trail of every connection that it concerns what is about to happen."""
    every = [stack.connection(id)] if id else list(stack.doors.mappings.connections())
    for connection in every:
        connections.note(stack, connection.id, step, whole_stack=id is None)
    return every[0].id if id else WHOLE_STACK
