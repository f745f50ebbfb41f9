"""What both senders' webhooks have in common, as pure functions on raw bytes."""

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ml_connector.domain.ids import AppId, ConnectionId, connection_of
from ml_connector.infrastructure.event_bodies import strict_json
from ml_connector.messages.kinds import EventMessage
from ml_connector.secret import Secret

LARGEST_BODY = 256 * 1024
"""Bytes that are read at once; a notification of either sender has about 1,000."""

LARGEST_CALL = 6 * 1024 * 1024
"""Bytes; Lambda gets no larger call. A genuine one is kept, and read by the worker."""

_LONGEST_ID = 200


class UnverifiedError(Exception):
    """The call does not prove who sent it, or is too old to tell from a replay."""


class UnreadableEventError(Exception):
    """The body is no JSON object, or lacks what every event has."""


@dataclass(frozen=True)
class WebhookCall:
    """One webhook call: header names in lower case, the body unchanged.

    `app` is what its path names: a connection, or an Exact app of one (`firm.be`); whether it
    exists is not checked.
    """

    app: AppId
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes

    @property
    def connection(self) -> ConnectionId:
        """Return the connection that its path names."""
        return connection_of(self.app)


@dataclass(frozen=True)
class Event:
    """A verified event: the key it is stored under, and the message about it.

    `group` names the record whose messages are handled one at a time; None is the event itself.
    `is_new_each_time`: a copy may report a later change of the same record, so each is processed.
    """

    key: str
    group: str | None
    message: EventMessage
    is_new_each_time: bool = False


def parse_secrets(config: Mapping[str, Any]) -> tuple[Secret, ...]:
    """Return the valid secrets, two during a rotation.

    Raises `ValueError` when there is none, or an empty one, with which anybody could sign.
    """
    texts = config.get("secrets")
    if not isinstance(texts, list) or not texts:
        raise ValueError("a webhook needs at least one secret")
    if not all(isinstance(text, str) and text.strip() for text in texts):
        raise ValueError("a webhook secret is a text that is not empty")
    return tuple(Secret(text) for text in texts)


def matches_any(given: str, expected: Iterable[bytes]) -> bool:
    """Return whether `given` is one of `expected`, in constant time.

    Every candidate is compared, so that the time does not reveal which secret is valid.
    """
    found = False
    raw = given.encode("utf-8", "replace")
    for candidate in expected:
        found |= hmac.compare_digest(raw, candidate)
    return found


def json_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in `raw`; raises `UnreadableEventError` for anything else."""
    if len(raw) > LARGEST_BODY:
        raise UnreadableEventError("the body is too large to be read at once")
    try:
        value = strict_json(raw.decode("utf-8-sig"))
    except ValueError:
        raise UnreadableEventError("the body is not JSON") from None
    if not isinstance(value, dict):
        raise UnreadableEventError("the body is not a JSON object")
    return value


def identifier(value: Any) -> str | None:
    """Return an id as text; None when it cannot be one (nested, blank, long, unprintable)."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not 0 < len(text) <= _LONGEST_ID:
        return None
    return text if text.isprintable() and text.strip() == text else None


def moment(value: Any) -> datetime | None:
    """Return an ISO date and time (UTC without a zone); None when it is not one."""
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def refuse_stale(created: datetime | None, now: datetime, kept_for: timedelta) -> None:
    """Raise `UnverifiedError` for a signed event older than the inbox remembers.

    A replay of such an event could no longer be recognised as a duplicate.
    """
    if created is not None and now - created > kept_for:
        raise UnverifiedError("stale: created before the inbox's retention")
