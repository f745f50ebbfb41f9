"""The secrets of a connection: which there are, which were given, and how they are stored."""

import hashlib
import secrets
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from connector_cli.complaints import Complaint, Trouble
from connector_cli.stack import AdminVault, Stack
from ml_connector import clock, telemetry
from ml_connector.airbase import webhook as airbase_webhook
from ml_connector.connection import Connection
from ml_connector.doors.coordination import Leases
from ml_connector.doors.vault import (
    AIRBASE_KEY,
    AIRBASE_WEBHOOK,
    EXACT_APP,
    EXACT_TOKENS,
    EXACT_WEBHOOK,
)
from ml_connector.exact import webhook as exact_webhook
from ml_connector.exact.oauth import DEFAULT_LIFETIME, Tokens
from ml_connector.faults import Halt
from ml_connector.ids import ConnectionId
from ml_connector.profile import AirbaseProfile, NoVerification, StandardWebhooks
from ml_connector.secret import Secret

API_KEY, AIRBASE_SIGNING = "CONNECTOR_AIRBASE_API_KEY", "CONNECTOR_AIRBASE_WEBHOOK_SECRET"
CLIENT_ID, CLIENT_SECRET = "CONNECTOR_EXACT_CLIENT_ID", "CONNECTOR_EXACT_CLIENT_SECRET"
EXACT_SIGNING = "CONNECTOR_EXACT_WEBHOOK_SECRET"
REFRESH_TOKEN, ACCESS_TOKEN = "CONNECTOR_EXACT_REFRESH_TOKEN", "CONNECTOR_EXACT_ACCESS_TOKEN"
NEEDED: Mapping[str, str] = {
    API_KEY: "Airbase API key",
    CLIENT_ID: "Exact client id",
    CLIENT_SECRET: "Exact client secret",
}
"""Variables without which nothing works, with what they hold. Webhook secrets can be made here."""
NAMES = (*NEEDED, AIRBASE_SIGNING, EXACT_SIGNING, REFRESH_TOKEN, ACCESS_TOKEN)
SIGNING = {"airbase": AIRBASE_SIGNING, "exact": EXACT_SIGNING}
WEBHOOK_KINDS = {"airbase": AIRBASE_WEBHOOK, "exact": EXACT_WEBHOOK}

_STORED_IN = {
    API_KEY: (AIRBASE_KEY, "api_key"),
    CLIENT_ID: (EXACT_APP, "client_id"),
    CLIENT_SECRET: (EXACT_APP, "client_secret"),
}
_TOKEN_LEASE = timedelta(seconds=90)


@dataclass(frozen=True)
class Given:
    """The secrets that were handed in, by the name of their environment variable."""

    values: Mapping[str, Secret] = field(default_factory=dict)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Given":
        """Take what is set; raises `Complaint` for a value that cannot be one."""
        texts = {name: environment[name].strip() for name in NAMES if environment.get(name)}
        return cls().plus(texts)

    def plus(self, texts: Mapping[str, str]) -> "Given":
        """Return these and more; raises `Complaint` for a value that cannot be one."""
        for name, text in texts.items():
            if not text or not text.isprintable():
                raise Complaint(f"{name} is empty or holds line breaks")
        # The client id is no secret, and short ones are words: it may be seen in logs.
        telemetry.conceal(*(text for name, text in texts.items() if name != CLIENT_ID))
        return Given({**self.values, **{name: Secret(text) for name, text in texts.items()}})

    def get(self, name: str) -> Secret | None:
        """Return one, or None."""
        return self.values.get(name)


def names_missing(vault: AdminVault, id: ConnectionId, given: Given) -> list[str]:
    """Return the needed variables that are neither given nor stored already."""
    places = {name: _STORED_IN[name] for name in NEEDED if name not in given.values}
    return [name for name, (kind, part) in places.items() if not stored(vault, kind, id).get(part)]


def stored(vault: AdminVault, kind: str, id: ConnectionId) -> dict[str, Any]:
    """Return the JSON of a stored secret; empty when it is absent or cannot be read."""
    try:
        return vault.peek(kind, id) or {}
    except Halt:
        return {}


def signing_texts(vault: AdminVault, sender: str, id: ConnectionId) -> list[str]:
    """Return a sender's stored webhook secrets, the newest first."""
    found = stored(vault, WEBHOOK_KINDS[sender], id).get("secrets")
    return [str(text) for text in found] if isinstance(found, list) else []


def news(vault: AdminVault, id: ConnectionId, given: Given) -> Given:
    """Return what is not stored already; tokens apart, which have `store_tokens`."""
    names = given.values.keys() - {REFRESH_TOKEN, ACCESS_TOKEN}
    return Given({n: given.values[n] for n in names if not _is_stored(vault, id, n, given)})


def _is_stored(vault: AdminVault, id: ConnectionId, name: str, given: Given) -> bool:
    text = given.values[name].reveal()
    if name in _STORED_IN:
        kind, part = _STORED_IN[name]
        return bool(stored(vault, kind, id).get(part) == text)
    (sender,) = (sender for sender, signing in SIGNING.items() if signing == name)
    return text in signing_texts(vault, sender, id)


def store_plain(vault: AdminVault, id: ConnectionId, given: Given) -> None:
    """Store the key and the app's credentials that were given; the others stay."""
    for kind in (AIRBASE_KEY, EXACT_APP):
        fields = {
            part: secret.reveal()
            for name, (where, part) in _STORED_IN.items()
            if where == kind and (secret := given.get(name))
        }
        if fields:
            vault.store(kind, id, {**stored(vault, kind, id), **fields})


def store_webhooks(vault: AdminVault, connection: Connection, given: Given) -> dict[str, Secret]:
    """Store how both senders' webhooks are verified; return the secrets that were made for it.

    Stored secrets stay unless another one is given, which then takes the place of all.
    """
    made: dict[str, Secret] = {}
    for sender, name in SIGNING.items():
        texts = signing_texts(vault, sender, connection.id)
        wanted = given.get(name)
        if wanted and wanted.reveal() not in texts:
            texts = [wanted.reveal()]
        elif not texts and _is_signed(connection.profile, sender):
            made[sender] = new_signing_secret(connection.profile, sender)
            texts = [made[sender].reveal()]
        store_signing(vault, connection, sender, texts)
    return made


def are_webhooks_stored(vault: AdminVault, connection: Connection) -> dict[str, bool]:
    """Return by sender whether its calls can be verified already."""
    return {
        sender: bool(signing_texts(vault, sender, connection.id))
        or not _is_signed(connection.profile, sender)
        for sender in SIGNING
    }


def store_signing(vault: AdminVault, connection: Connection, sender: str, texts: list[str]) -> None:
    """Store one sender's webhook secrets, the newest first, in the form its receiver reads.

    Raises `Complaint` when the receiver could not use them.
    """
    value: dict[str, Any] = {"secrets": texts}
    if sender == "airbase":
        value = _airbase_settings(connection.profile) | value
    try:
        parse = (
            airbase_webhook.parse_settings if sender == "airbase" else exact_webhook.parse_settings
        )
        parse(value)
    except ValueError as error:
        raise Complaint(f"the webhook settings of {sender} cannot be used: {error}") from None
    vault.store(WEBHOOK_KINDS[sender], connection.id, value)


def new_signing_secret(profile: AirbaseProfile, sender: str) -> Secret:
    """Return a fresh webhook secret in the form that the sender's scheme wants."""
    if sender == "airbase" and isinstance(profile.verification, StandardWebhooks):
        text = f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"
    else:
        text = secrets.token_urlsafe(32)
    telemetry.conceal(text)
    return Secret(text)


def store_tokens(stack: Stack, id: ConnectionId, given: Given, taken: str | None) -> str | None:
    """Seal a consent that was given elsewhere; return the digest of what was taken over.

    `taken` is the digest of an earlier one: the same tokens are not taken twice, because the
    connector has renewed them since and the old ones would end the consent.
    """
    refresh, access = given.get(REFRESH_TOKEN), given.get(ACCESS_TOKEN)
    if refresh is None:
        if access:
            raise Complaint(f"{ACCESS_TOKEN} is of use only together with {REFRESH_TOKEN}")
        return None
    digest = hashlib.sha256(refresh.reveal().encode()).hexdigest()[:16]
    if digest == taken and stored(stack.vault, EXACT_TOKENS, id):
        return None
    with Leases(stack.tables.coordination, id).holding("token", _TOKEN_LEASE) as held:
        if held is None:
            raise Trouble(
                "the Exact tokens are being renewed right now: run this again in a minute"
            )
        stack.vault.seal_tokens(id, _tokens(refresh, access).to_json())
    return digest


def _tokens(refresh: Secret, access: Secret | None) -> Tokens:
    """Without an access token the pair counts as over: the first call renews it."""
    if access is None:
        return Tokens(Secret(""), refresh, clock.now() - timedelta(minutes=1), lifetime=0)
    return Tokens(access, refresh, clock.now(), DEFAULT_LIFETIME)


def _airbase_settings(profile: AirbaseProfile) -> dict[str, Any]:
    return {
        "verification": profile.verification.model_dump(),
        "order_id": profile.event_order_id,
        "event_id": profile.event_id,
        "created": profile.event_created,
        "vendor_id": profile.event_vendor_id,
        "event_type": profile.event_type,
        "vendor_word": profile.vendor_event_word,
    }


def _is_signed(profile: AirbaseProfile, sender: str) -> bool:
    return sender == "exact" or not isinstance(profile.verification, NoVerification)
