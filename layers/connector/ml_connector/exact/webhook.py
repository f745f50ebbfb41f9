"""Verify and read Exact's webhook notifications, without input or output.

A notification is `{"Content":{...},"HashCode":"..."}`. The hash is HMAC-SHA256 in upper-case hex
over the raw bytes between `{"Content":` and `,"HashCode":`; no header takes part.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any

from ml_connector.secret import Secret
from ml_connector.webhooks import (
    Call,
    Event,
    UnverifiedError,
    identifier,
    json_object,
    matches_any,
    moment,
    parse_secrets,
    refuse_stale,
)

_HEAD = b'{"Content":'
_JOINT = b',"HashCode":'
_TAIL = re.compile(rb'"([0-9A-F]{64})"\}')
_GUID = re.compile(r"\{?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\}?")
_ACCOUNTS = "Accounts"
_LARGEST_DIVISION = 2**31


@dataclass(frozen=True)
class WebhookSettings:
    """The app's webhook secrets (not its client secret), two while one is rotated out."""

    secrets: tuple[Secret, ...]


def parse_settings(config: Mapping[str, Any]) -> WebhookSettings:
    """Return the settings in the JSON of a connection's webhook secret; `ValueError` if none."""
    return WebhookSettings(parse_secrets(config))


def unknown_connection() -> WebhookSettings:
    """Return settings that nobody's call fits, to spend the same time on unknown connections."""
    return WebhookSettings((Secret(token_hex(32)),))


def is_subscription_check(call: Call) -> bool:
    """Return whether this is the empty call that Exact makes when a subscription is created."""
    return not call.body


def accept(call: Call, settings: WebhookSettings, now: datetime, kept_for: timedelta) -> Event:
    """Return the event of a genuine notification.

    `kept_for` is how long duplicates can be recognised. Raises `UnverifiedError` for one that is
    unsigned, wrongly signed or stale, `UnreadableError` for a genuine one that holds no event.
    """
    signed, given = split(call.body)
    expected = [content_hash(secret, signed).encode() for secret in settings.secrets]
    if not matches_any(given, expected):
        raise UnverifiedError("not signed by a valid secret")
    content = json_object(signed)
    created = moment(content.get("EventCreatedOn"))
    refuse_stale(created, now, kept_for)
    return _event(content, hashlib.sha256(signed).hexdigest()[:32], is_dated=created is not None)


def content_hash(secret: Secret, signed: bytes) -> str:
    """Return Exact's `HashCode` for the raw content bytes."""
    return hmac.new(secret.reveal().encode(), signed, hashlib.sha256).hexdigest().upper()


def split(body: bytes) -> tuple[bytes, str]:
    """Return the signed bytes and the given hash; an empty hash when the frame does not fit.

    The frame must span the whole body and the joint is the last one. Only the signed bytes are
    ever parsed: a genuine pair with a second `Content` after it would pass a first-match search
    and then be read as the second one.
    """
    content, _, tail = body.removeprefix(_HEAD).rpartition(_JOINT)
    found = _TAIL.fullmatch(tail)
    if found is None or not body.startswith(_HEAD):
        return body, ""
    return content, found.group(1).decode()


def _event(content: Mapping[str, Any], digest: str, *, is_dated: bool) -> Event:
    topic, key = identifier(content.get("Topic")), _guid(content.get("Key"))
    division = content.get("Division")
    if topic is None or key is None or not _is_division(division):
        return Event(f"-#{digest}", "purchase_orders", None, {"kind": "unreadable"})
    message = {"division": division, "key": key, "action": identifier(content.get("Action")) or ""}
    if topic == _ACCOUNTS:
        kind = {"kind": "account"}
        return Event(f"{topic}#{key}#{digest}", "vendors", "vendors", kind | message, not is_dated)
    kind = {"kind": "exact", "topic": topic}
    return Event(f"{topic}#{key}#{digest}", "purchase_orders", key, kind | message, not is_dated)


def _is_division(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < _LARGEST_DIVISION


def _guid(value: Any) -> str | None:
    found = _GUID.fullmatch(value) if isinstance(value, str) else None
    return found.group(1).lower() if found else None
