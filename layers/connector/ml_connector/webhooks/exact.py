"""Verify and read Exact's webhook notifications, without I/O.

A notification is `{"Content":{...},"HashCode":"..."}`. The hash is HMAC-SHA256 in upper-case hex
over the raw bytes between `{"Content":` and `,"HashCode":`; headers are not signed. In another
encoding than UTF-8, they are signed as they came, or as they were before a proxy encoded them.
"""

import codecs
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any, NamedTuple

from ml_connector.domain.ids import AppId, DivisionCode, Guid, SiteId, connection_of
from ml_connector.infrastructure.answer_texts import decode
from ml_connector.infrastructure.event_bodies import decompressed
from ml_connector.messages.kinds import AccountNotification, ExactNotification, UnreadableEvent
from ml_connector.secret import Secret
from ml_connector.webhooks.verification import (
    Event,
    UnreadableEventError,
    UnverifiedError,
    WebhookCall,
    identifier,
    json_object,
    matches_any,
    moment,
    parse_secrets,
    refuse_stale,
)

_HEAD = '{"Content":'
_JOINT = ',"HashCode":'
_TAIL = re.compile(r'"([0-9A-F]{64})"\}')
_ENCODINGS = (
    ("utf-8", codecs.BOM_UTF8), ("utf-16-le", codecs.BOM_UTF16_LE),
    ("utf-16-be", codecs.BOM_UTF16_BE), ("utf-32-le", codecs.BOM_UTF32_LE),
    ("utf-32-be", codecs.BOM_UTF32_BE),
)  # fmt: skip
_GUID = re.compile(r"\{?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\}?")
_ACCOUNTS = "Accounts"
_VENDORS = "vendors"  # one group a connection, as for Airbase's webhooks about vendors
_LARGEST_DIVISION = 2**31


@dataclass(frozen=True)
class ExactWebhookSettings:
    """The app's webhook secrets (not its client secret): two during a rotation."""

    secrets: tuple[Secret, ...]


def parse_settings(config: Mapping[str, Any]) -> ExactWebhookSettings:
    """Return the settings in the JSON of a connection's webhook secret; `ValueError` if none."""
    return ExactWebhookSettings(parse_secrets(config))


def unknown_connection() -> ExactWebhookSettings:
    """Return settings no call can satisfy, so that an unknown connection takes the same time."""
    return ExactWebhookSettings((Secret(token_hex(32)),))


def is_subscription_check(call: WebhookCall) -> bool:
    """Return whether this is the empty call Exact makes when a subscription is created."""
    return not call.body


def accept(
    call: WebhookCall, settings: ExactWebhookSettings, now: datetime, kept_for: timedelta
) -> Event:
    """Return the event of a genuine notification.

    `kept_for` is how long duplicates can be recognised. One that cannot be read is an
    `UnreadableEvent`. Raises `UnverifiedError` for one that is unsigned, wrongly signed or stale.
    """
    found = split(_plain(call))
    expected = [
        content_hash(secret, signed).encode()
        for secret in settings.secrets
        for signed in (found.content, found.text)
    ]
    if not matches_any(found.hash, expected):
        raise UnverifiedError("not signed by a valid secret")
    digest = hashlib.sha256(found.text).hexdigest()[:32]
    try:
        content = json_object(found.text)
    except UnreadableEventError:
        return Event(f"-#{digest}", None, UnreadableEvent(call.connection))
    created = moment(content.get("EventCreatedOn"))
    refuse_stale(created, now, kept_for)
    return _event(call.app, content, digest, is_dated=created is not None)


def _plain(call: WebhookCall) -> bytes:
    """Return the body as Exact signed it: a proxy may have compressed it since."""
    try:
        return decompressed(call.body, call.headers.get("content-encoding", ""))
    except ValueError:
        return call.body


def is_signed(call: WebhookCall) -> bool:
    """Return whether a notification has a hash, right or wrong."""
    return bool(split(_plain(call)).hash)


def content_hash(secret: Secret, signed: bytes) -> str:
    """Return Exact's `HashCode` for the raw content bytes."""
    return hmac.new(secret.reveal().encode(), signed, hashlib.sha256).hexdigest().upper()


class SignedContent(NamedTuple):
    """A notification's content as it came, in UTF-8, and its hash; no hash if it is none."""

    content: bytes
    text: bytes
    hash: str


def split(body: bytes) -> SignedContent:
    """Return the content and the given hash of a notification in any Unicode encoding.

    The format must cover the full body, and the last `,"HashCode":` separates. Only the signed
    bytes are parsed: otherwise a genuine pair followed by a second `Content` would be verified as
    the first and read as the second.
    """
    for encoding, mark in _ENCODINGS:
        head = _HEAD.encode(encoding)
        if (frame := body.removeprefix(mark)).startswith(head):
            content, _, tail = frame.removeprefix(head).rpartition(_JOINT.encode(encoding))
            found = _TAIL.fullmatch(tail.decode(encoding, errors="replace"))
            if found:
                text = (
                    decode(content) if encoding == "utf-8" else content.decode(encoding, "replace")
                )
                return SignedContent(content, text.encode(), found.group(1))
    return SignedContent(body, body, "")


def _event(app: AppId, content: Mapping[str, Any], digest: str, *, is_dated: bool) -> Event:
    topic, key = identifier(content.get("Topic")), _guid(content.get("Key"))
    division = _division(content.get("Division"))
    connection, site = connection_of(app), SiteId(app.partition(".")[2]) or None
    if topic is None or key is None or division is None:
        return Event(f"-#{digest}", None, UnreadableEvent(connection))
    action = identifier(content.get("Action")) or ""
    message: AccountNotification | ExactNotification
    if topic == _ACCOUNTS:
        message = AccountNotification(connection, division, key, action, site)
    else:
        message = ExactNotification(connection, division, topic, key, action, site)
    group = _VENDORS if topic == _ACCOUNTS else key
    return Event(f"{topic}#{key}#{digest}", group, message, not is_dated)


def _division(value: Any) -> DivisionCode | None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return DivisionCode(value) if is_number and 0 < value < _LARGEST_DIVISION else None


def _guid(value: Any) -> Guid | None:
    found = _GUID.fullmatch(value) if isinstance(value, str) else None
    return Guid(found.group(1).lower()) if found else None
