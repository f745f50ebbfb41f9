"""Set up notifications: Slack's webhook URL, and a test message through the channels."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from httpx import Client

from ml_connector import telemetry
from ml_connector.connections import manage as connections
from ml_connector.domain.ids import Actor, ConnectionId
from ml_connector.domain.words import command, counted
from ml_connector.infrastructure.channels import ChannelError, SlackWebhook, SnsTopic, slack_url
from ml_connector.infrastructure.connection_store import ConnectionStore
from ml_connector.infrastructure.secret_store import NOTIFY_SLACK, WHOLE_STACK
from ml_connector.languages.texts import Texts
from ml_connector.notifications.message import Block, WrittenMessage, written
from ml_connector.notifications.text import subject_of, texts_of
from ml_connector.secret import Secret
from ml_connector.settings.connection import (
    MAIL_ADDRESS,
    MOST_ADDRESSES,
    Connection,
    MessageLanguage,
    NotificationSettings,
)
from ml_connector.stack import Stack
from ml_connector.user_errors import UserError

MAIL_IS_OFF = "E-mail: none is sent, because the stack was deployed with Notifications=off"
Mails = list[dict[str, Any]]
"""`{"address", "confirmed"}` of each e-mail address that was subscribed."""
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
    how = ""
    if pending and not confirmed:
        how = ": open the link in AWS's message"
    elif not confirmed:
        how = f": {command('notify', 'email', 'ADDRESS')}, then open the link in AWS's message"
    return f"{people}{waiting}{how}"


def subscribe_mail(stack: Stack, actor: Actor, id: str | None, addresses: Sequence[str]) -> Mails:
    """Have e-mail addresses told of the notifications of the stack; return the state of each.

    `id` names a connection that may not be saved yet, or None for all. A stack with a sender mails
    them itself: saved connections name them from now on. Else the topic gets a subscription. Raises
    `UserError` for an address that is none, before any is subscribed, where the person's rights do
    not allow it, and where the stack sends nothing.
    """
    if not stack.tells_by_mail:
        raise UserError(f"{MAIL_IS_OFF}; deploy it with Notifications=on first")
    if wrong := [each for each in addresses if not MAIL_ADDRESS.fullmatch(each)]:
        raise UserError(f"{', '.join(wrong)} is not an e-mail address")
    every = [each.id for each in stack.services.connections.all()]
    concerned = [ConnectionId(id)] if id else every
    for each in concerned:
        ledger = stack.ledger_of(actor, each)
        connections.record_step(ledger, "notification_mail_added", addresses=len(addresses))
    if stack.sends_mail and (saved := [each for each in concerned if each in every]):
        for each in saved:
            _change(stack.services.connections, each, partial(_with_addresses, addresses))
        return [{"address": address, "confirmed": True} for address in addresses]
    return [{"address": each, "confirmed": _subscribed(stack.topic, each)} for each in addresses]


def _subscribed(topic: SnsTopic, address: str) -> bool:
    try:
        return topic.subscribe(address)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in {"InvalidParameter", "InvalidParameterException"}:
            raise UserError(f"AWS does not take {address} as an e-mail address") from None
        raise UserError(
            f"{address} cannot be subscribed with your rights ({code}): deploy the stack with "
            "NotificationEmail, or ask who has its operators' policy"
        ) from None


def mail_state(mail: Mapping[str, Any]) -> str:
    """Return in words how far a subscription is."""
    address = mail["address"]
    if mail["confirmed"]:
        return f"{address} is subscribed."
    return f"{address} gets a message from AWS: it counts once the link in it was opened."


def try_slack(
    http: Client, id: ConnectionId, url: Secret, language: MessageLanguage = "en"
) -> None:
    """Send a test message to a Slack address that is not stored yet; raises `UserError`."""
    _expect_usable(url)
    try:
        SlackWebhook(http, lambda: url).send(*_test_of(Texts(language), id))
    except ChannelError as error:
        raise UserError(f"{error}: enter it again, or nothing to go on without") from None


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
        _switch(stack.services.connections, connection.id, on=True)


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
            _switch(stack.services.connections, connection.id, on=False)


def _switch(store: ConnectionStore, id: ConnectionId, *, on: bool) -> None:
    _change(store, id, lambda notify: notify.model_copy(update={"slack": on}))


def _with_addresses(addresses: Sequence[str], notify: NotificationSettings) -> NotificationSettings:
    """Return the settings with these addresses too; raises `UserError` for too many."""
    every = tuple(dict.fromkeys([*notify.emails, *addresses]))
    if len(every) > MOST_ADDRESSES:
        raise UserError(f"a connection mails at most {MOST_ADDRESSES} addresses: use a list's own")
    return notify.model_copy(update={"emails": every})


def _change(
    store: ConnectionStore,
    id: ConnectionId,
    changed_by: Callable[[NotificationSettings], NotificationSettings],
) -> None:
    """Change these settings alone, whatever else is changed at the same time."""
    while read := store.versioned(id):
        connection, version = read
        changed = connection.model_copy(update={"notify": changed_by(connection.notify)})
        if changed == connection or store.save_if_unchanged(changed, version):
            return


def try_channels(stack: Stack, id: str) -> list[dict[str, Any]]:
    """Send a test message through every channel of a connection; return the results.

    `{"channel", "sent", "failure", "reaches"}`: how many people it reaches where that is known.
    """
    connection = stack.connection(id)
    message = _test_of(texts_of(connection), connection.id)
    found = []
    for channel in stack.services.bound(connection).channels:
        try:
            channel.send(*message)
            failure = None
        except Exception as error:  # noqa: BLE001  the person wants to see any error
            failure = telemetry.redact_text(str(error))
        result = {"channel": channel.name, "sent": failure is None, "failure": failure}
        found.append(result | _reached(stack.topic, channel.name))
    return found


def _test_of(texts: Texts, id: ConnectionId) -> WrittenMessage:
    said = texts.say(
        "This is a test. New exceptions and halts of %(connection)s are sent here.", connection=id
    )
    return written(texts, subject_of(texts, id, texts.say("a test")), [Block(said)])


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
