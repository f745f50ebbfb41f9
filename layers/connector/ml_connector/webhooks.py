"""What both senders' webhooks have in common, as pure functions on raw bytes.

Nothing here or in the two `webhook` modules opens a socket; the receivers import them and stay
free of any HTTP client.
"""

import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from ml_connector.secret import Secret

LARGEST_BODY = 256 * 1024
"""Bytes; a notification of either sender has about one thousand."""

_LONGEST_ID = 200

QueueName = Literal["purchase_orders", "vendors"]


class UnverifiedError(Exception):
    """The call does not prove who sent it, or is too old to be told from a replay."""


class UnreadableError(Exception):
    """The call is genuine, but its body is not a JSON object with what every event has."""


@dataclass(frozen=True)
class Call:
    """One webhook call: header names in lower case, the body as it was on the wire."""

    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Event:
    """A verified event: under which key it is kept, and what to tell which queue.

    `group` names the record whose messages must be handled in turn; None is the event itself.
    `is_news_each_time` marks an event that cannot be told from a later one about the same
    record, so that every copy has to be looked at.
    """

    key: str
    queue: QueueName
    group: str | None
    message: Mapping[str, Any] = field(default_factory=dict)
    is_news_each_time: bool = False


def parse_secrets(config: Mapping[str, Any]) -> tuple[Secret, ...]:
    """Return the valid secrets, two while one is rotated out.

    Raises `ValueError` when there is none, or an empty one: anybody can sign with that.
    """
    texts = config.get("secrets")
    if not isinstance(texts, list) or not texts:
        raise ValueError("a webhook needs at least one secret")
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise ValueError("a webhook secret is a text that is not empty")
    return tuple(Secret(text) for text in texts)


def matches_any(given: str, expected: Iterable[bytes]) -> bool:
    """Return whether `given` is one of `expected`, in a time that tells nothing.

    Every candidate is compared, so that the answer's time does not say which secret is valid.
    """
    found = False
    raw = given.encode("utf-8", "replace")
    for candidate in expected:
        found |= hmac.compare_digest(raw, candidate)
    return found


def json_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in `raw`; raises `UnreadableError` for anything else."""
    try:
        value = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise UnreadableError("the body is not JSON") from None
    if not isinstance(value, dict):
        raise UnreadableError("the body is not a JSON object")
    return value


def identifier(value: Any) -> str | None:
    """Return an id as text, or None when it cannot be one (nested, blank, long, unprintable)."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not 0 < len(text) <= _LONGEST_ID:
        return None
    return text if text.isprintable() and text.strip() == text else None


def moment(value: Any) -> datetime | None:
    """Return an ISO moment (UTC when it names no zone), or None when it is not one."""
    try:
        read = datetime.fromisoformat(value)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def refuse_stale(created: datetime | None, now: datetime, kept_for: timedelta) -> None:
    """Raise `UnverifiedError` for a signed event older than the inbox remembers.

    A replay of such an event could no longer be recognised as a duplicate.
    """
    if created is not None and now - created > kept_for:
        raise UnverifiedError("stale: created before the inbox's retention")
