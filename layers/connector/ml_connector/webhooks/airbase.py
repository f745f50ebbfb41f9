"""Verify and read Airbase's webhooks, without I/O.

Airbase documents neither a signature nor the `data` of its events, so the scheme and the paths of
the ids are settings of the connection, stored with its webhook secrets.
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from ml_connector.domain.ids import ConnectionId, OrderId, VendorId
from ml_connector.infrastructure.json_paths import PathError, search
from ml_connector.messages.kinds import ProcessOrder, ProcessVendor, UnreadableEvent
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

WINDOW = 300
"""Seconds a signed timestamp may differ from our clock, either way."""

_USUAL_HEADERS = frozenset({
    "accept", "accept-encoding", "content-length", "content-type", "host", "user-agent",
    "x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto",
})  # fmt: skip
_ALGORITHMS = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
_ENCODINGS = ("hex", "base64")
_STANDARD_PREFIX = "whsec_"
_MAX_TIMESTAMP_DIGITS = 11

Check = Callable[[WebhookCall, tuple[Secret, ...], datetime], bool]


@dataclass(frozen=True)
class AirbaseWebhookSettings:
    """How one connection's calls are verified, and the paths of the ids in its events."""

    check: Check
    secrets: tuple[Secret, ...]
    is_verified: bool = True
    order_id: str = "data.id"
    event_id: str = "id"
    created: str = "created_date"
    vendor_id: str = "data.id"
    event_type: str = "type"
    vendor_word: str = "vendor"


def parse_settings(config: Mapping[str, Any]) -> AirbaseWebhookSettings:
    """Return the settings in the JSON of a connection's webhook secret.

    Raises `ValueError` for an unknown scheme, missing secrets or a path that does not compile.
    """
    verification = config.get("verification") or {"scheme": "hmac"}
    if not isinstance(verification, Mapping):
        raise ValueError("verification is an object")  # noqa: TRY004  one kind of error for callers
    is_verified = verification.get("scheme") != "none"
    paths = {name: _path(config[name]) for name in _PATHS if name in config}
    word = _text(config, "vendor_word", "vendor").lower()
    secrets = parse_secrets(config) if is_verified else ()
    return AirbaseWebhookSettings(
        _check(verification), secrets, is_verified, vendor_word=word, **paths
    )


def unknown_connection() -> AirbaseWebhookSettings:
    """Return settings no call can satisfy, so that an unknown connection takes the same time."""
    return AirbaseWebhookSettings(_check({"scheme": "hmac"}), (Secret(token_hex(32)),))


def is_signed(call: WebhookCall) -> bool:
    """Return whether a call claims to be genuine, under whatever scheme of whatever connection."""
    is_object = call.body.lstrip().startswith(b"{")
    return is_object or bool(call.query) or bool(call.headers.keys() - _USUAL_HEADERS)


def accept(
    call: WebhookCall, settings: AirbaseWebhookSettings, now: datetime, kept_for: timedelta
) -> Event:
    """Return the event of a genuine call.

    `kept_for` is how long duplicates can be recognised. One that cannot be read is an
    `UnreadableEvent`: the worker tries more, and has it shown to people. Raises `UnverifiedError`
    for a call that is unsigned, wrongly signed or stale, `UnreadableEventError` for one without an
    id where nothing is signed: anybody may have sent it.
    """
    if not settings.check(call, settings.secrets, now):
        raise UnverifiedError("not signed by a valid secret")
    try:
        body = json_object(call.body)
    except UnreadableEventError:
        if not settings.is_verified:
            raise
        return Event(_key(None, call.body), None, UnreadableEvent(call.connection))
    if not settings.is_verified:
        return _unverified(call.connection, _order(body, settings), _vendor(body, settings))
    refuse_stale(moment(_search(settings.created, body)), now, kept_for)
    key = _key(identifier(_search(settings.event_id, body)), call.body)
    message = message_about(call.connection, body, settings)
    if isinstance(message, ProcessVendor):
        return Event(key, _VENDORS, message)
    return Event(key, message.order if isinstance(message, ProcessOrder) else None, message)


def message_about(
    connection: ConnectionId, body: Mapping[str, Any], settings: AirbaseWebhookSettings
) -> ProcessOrder | ProcessVendor | UnreadableEvent:
    """Return what an event asks for; only the paths of `settings` matter."""
    if vendor := _vendor(body, settings):
        return ProcessVendor(connection, vendor)
    if order := _order(body, settings):
        return ProcessOrder(connection, order)
    return UnreadableEvent(connection)


def _search(path: str, body: Mapping[str, Any]) -> Any:
    """Return what is at the path; None where the path fails on this body."""
    try:
        return search(path, body)
    except PathError:
        return None


def _order(body: Mapping[str, Any], settings: AirbaseWebhookSettings) -> OrderId | None:
    id = identifier(_search(settings.order_id, body))
    return OrderId(id) if id else None


def _vendor(body: Mapping[str, Any], settings: AirbaseWebhookSettings) -> VendorId | None:
    """Return the id of the vendor the event is about; None when it is about an order."""
    kind = identifier(_search(settings.event_type, body)) or ""
    if not settings.vendor_word or settings.vendor_word not in kind.lower():
        return None
    id = identifier(_search(settings.vendor_id, body))
    return VendorId(id) if id else None


def _key(event: str | None, body: bytes) -> str:
    # The digest is part of the key: a reused id with other content is a new event.
    return f"{event or '-'}#{hashlib.sha256(body).hexdigest()[:32]}"


def _unverified(connection: ConnectionId, order: OrderId | None, vendor: VendorId | None) -> Event:
    """Use only the id: anybody may have sent this, any number of times."""
    if vendor:
        about = ProcessVendor(connection, vendor)
        return Event(f"vendor#{vendor}", _VENDORS, about, is_new_each_time=True)
    if order is None:
        raise UnreadableEventError("no order id in an unverified body")
    return Event(f"order#{order}", order, ProcessOrder(connection, order), is_new_each_time=True)


_PATHS = ("order_id", "event_id", "created", "vendor_id", "event_type")
_VENDORS = "vendors"  # one group a connection: two workers must not link the same supplier


def _path(expression: Any) -> str:
    try:
        jmespath.compile(expression)
    except (JMESPathError, TypeError, AttributeError):
        raise ValueError("not a JMESPath expression") from None
    return str(expression)


def _check(verification: Mapping[str, Any]) -> Check:
    checks: dict[str, Callable[[Mapping[str, Any]], Check]] = {
        "hmac": _hmac,
        "standard_webhooks": lambda _: _check_standard,
        "shared_header": _shared_header,
        "url_secret": _url_secret,
        "none": lambda _: lambda _call, _secrets, _now: True,
    }
    make_check = checks.get(str(verification.get("scheme")))
    if make_check is None:
        raise ValueError("unknown verification scheme")
    return make_check(verification)


def _hmac(verification: Mapping[str, Any]) -> Check:
    header = _text(verification, "header", "X-Airbase-Signature").lower()
    prefix = _text(verification, "prefix", "sha256=")
    timestamp_header = _text(verification, "timestamp_header", "").lower()
    sign = _signer(
        _text(verification, "algorithm", "sha256"), _text(verification, "encoding", "hex")
    )

    def check(call: WebhookCall, secrets: tuple[Secret, ...], now: datetime) -> bool:
        given = call.headers.get(header, "")
        stamp = call.headers.get(timestamp_header, "") if timestamp_header else None
        text = call.body if stamp is None else stamp.encode("utf-8", "replace") + b"." + call.body
        signed = [sign(secret.reveal().encode(), text) for secret in secrets]
        genuine = matches_any(given.removeprefix(prefix), [s for ss in signed for s in ss])
        return genuine and given.startswith(prefix) and (stamp is None or _in_window(stamp, now))

    return check


def _signer(algorithm: str, encoding: str) -> Callable[[bytes, bytes], list[bytes]]:
    """Return a function that computes the accepted signatures of a text with a key."""
    if algorithm not in _ALGORITHMS or encoding not in _ENCODINGS:
        raise ValueError("unknown signature algorithm or encoding")

    def sign(key: bytes, text: bytes) -> list[bytes]:
        mac = hmac.new(key, text, _ALGORITHMS[algorithm])
        if encoding == "base64":
            return [b64encode(mac.digest())]
        return [mac.hexdigest().encode(), mac.hexdigest().upper().encode()]

    return sign


def _check_standard(call: WebhookCall, secrets: tuple[Secret, ...], now: datetime) -> bool:
    """Check as https://www.standardwebhooks.com says; the header may hold several signatures."""
    message, stamp = (call.headers.get(f"webhook-{part}", "") for part in ("id", "timestamp"))
    text = f"{message}.{stamp}.".encode("utf-8", "replace") + call.body
    macs = [hmac.new(_standard_key(s), text, hashlib.sha256).digest() for s in secrets]
    expected = [b"v1," + b64encode(mac) for mac in macs]
    given = call.headers.get("webhook-signature", "").split()
    genuine = [matches_any(signature, expected) for signature in given]
    return any(genuine) and bool(message) and _in_window(stamp, now)


def _standard_key(secret: Secret) -> bytes:
    text = secret.reveal()
    if not text.startswith(_STANDARD_PREFIX):
        return text.encode()
    try:
        return b64decode(text.removeprefix(_STANDARD_PREFIX), validate=True)
    except ValueError:
        return text.encode()


def _shared_header(verification: Mapping[str, Any]) -> Check:
    header = _text(verification, "header", "").lower()
    if not header:
        raise ValueError("a shared header needs its name")
    return lambda call, secrets, _: _matches_shared_secret(call.headers.get(header, ""), secrets)


def _url_secret(verification: Mapping[str, Any]) -> Check:
    parameter = _text(verification, "parameter", "secret")
    return lambda call, secrets, _: _matches_shared_secret(call.query.get(parameter, ""), secrets)


def _matches_shared_secret(given: str, secrets: tuple[Secret, ...]) -> bool:
    # Compare digests: `compare_digest` reveals a difference in length.
    candidates = [
        hashlib.sha256(secret.reveal().encode()).hexdigest().encode() for secret in secrets
    ]
    return matches_any(hashlib.sha256(given.encode("utf-8", "replace")).hexdigest(), candidates)


def _in_window(stamp: str, now: datetime) -> bool:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= _MAX_TIMESTAMP_DIGITS):
        return False
    return abs(now.timestamp() - int(stamp)) <= WINDOW


def _text(verification: Mapping[str, Any], name: str, default: str) -> str:
    value = verification.get(name, default)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{name} is a text")  # noqa: TRY004  one kind of error for callers
    return value
