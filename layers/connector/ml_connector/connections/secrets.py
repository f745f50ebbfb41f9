"""The secrets of a connection: their names, which are given, and how they are stored."""

import hashlib
import secrets
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from ml_connector import clock, telemetry
from ml_connector.domain.faults import Halt
from ml_connector.domain.ids import ConnectionId
from ml_connector.exact.oauth import DEFAULT_LIFETIME, Tokens
from ml_connector.exact.token_pairs import TokenPairs
from ml_connector.infrastructure.coordination import Leases
from ml_connector.infrastructure.secret_store import (
    AIRBASE_KEY,
    AIRBASE_WEBHOOK,
    EXACT_APP,
    EXACT_TOKENS,
    EXACT_WEBHOOK,
)
from ml_connector.secret import Secret
from ml_connector.settings.airbase_profile import AirbaseProfile, NoVerification, StandardWebhooks
from ml_connector.settings.connection import Connection
from ml_connector.stack import AdminSecretStore, Stack
from ml_connector.user_errors import ServiceError, UserError
from ml_connector.webhooks import airbase as airbase_webhook
from ml_connector.webhooks import exact as exact_webhook

API_KEY, AIRBASE_SIGNING = "CONNECTOR_AIRBASE_API_KEY", "CONNECTOR_AIRBASE_WEBHOOK_SECRET"
CLIENT_ID, CLIENT_SECRET = "CONNECTOR_EXACT_CLIENT_ID", "CONNECTOR_EXACT_CLIENT_SECRET"
EXACT_SIGNING = "CONNECTOR_EXACT_WEBHOOK_SECRET"
REFRESH_TOKEN, ACCESS_TOKEN = "CONNECTOR_EXACT_REFRESH_TOKEN", "CONNECTOR_EXACT_ACCESS_TOKEN"
NEEDED: Mapping[str, str] = {
    API_KEY: "Airbase API key",
    CLIENT_ID: "Exact client id",
    CLIENT_SECRET: "Exact client secret",
}
"""The required variables, with what they hold. Webhook secrets can be generated."""
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
class GivenSecrets:
    """The secrets a person gives, by the name of their environment variable."""

    values: Mapping[str, Secret] = field(default_factory=dict)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "GivenSecrets":
        """Return those that are set; raises `UserError` for an invalid value."""
        texts = {name: environment[name].strip() for name in NAMES if environment.get(name)}
        return cls().plus(texts)

    def plus(self, texts: Mapping[str, str]) -> "GivenSecrets":
        """Return these and the added ones; raises `UserError` for an invalid value."""
        for name, text in texts.items():
            if not text or not text.isprintable():
                raise UserError(f"{name} is empty or contains line breaks")
        # The client id is no secret and may be a common word: it is not hidden in logs.
        telemetry.conceal(*(text for name, text in texts.items() if name != CLIENT_ID))
        return GivenSecrets({**self.values, **{name: Secret(text) for name, text in texts.items()}})

    def without_app(self) -> "GivenSecrets":
        """Return these without an app's credentials and tokens."""
        of_app = {CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, ACCESS_TOKEN}
        return GivenSecrets({n: each for n, each in self.values.items() if n not in of_app})

    def get(self, name: str) -> Secret | None:
        """Return the secret with this name, or None."""
        return self.values.get(name)


def missing_names(
    secret_store: AdminSecretStore, connection: Connection, given: GivenSecrets
) -> list[str]:
    """Return the required variables that are neither given nor stored, here or where shared."""
    owners = {AIRBASE_KEY: connection.id, EXACT_APP: connection.app_of}
    places = {name: _STORED_IN[name] for name in NEEDED if name not in given.values}
    return [
        name
        for name, (kind, part) in places.items()
        if not stored(secret_store, kind, owners[kind]).get(part)
    ]


def stored(secret_store: AdminSecretStore, kind: str, id: ConnectionId) -> dict[str, Any]:
    """Return the JSON of a stored secret; empty when it is absent or cannot be read."""
    try:
        return secret_store.read_plain(kind, id) or {}
    except Halt:
        return {}


def signing_texts(secret_store: AdminSecretStore, sender: str, id: ConnectionId) -> list[str]:
    """Return a sender's stored webhook secrets, the newest first."""
    found = stored(secret_store, WEBHOOK_KINDS[sender], id).get("secrets")
    return [str(text) for text in found] if isinstance(found, list) else []


def not_stored_yet(
    secret_store: AdminSecretStore, id: ConnectionId, given: GivenSecrets
) -> GivenSecrets:
    """Return those not stored yet, without the tokens, which `store_tokens` handles."""
    names = given.values.keys() - {REFRESH_TOKEN, ACCESS_TOKEN}
    return GivenSecrets(
        {n: given.values[n] for n in names if not _is_stored(secret_store, id, n, given)}
    )


def _is_stored(
    secret_store: AdminSecretStore, id: ConnectionId, name: str, given: GivenSecrets
) -> bool:
    text = given.values[name].reveal()
    if name in _STORED_IN:
        kind, part = _STORED_IN[name]
        return bool(stored(secret_store, kind, id).get(part) == text)
    (sender,) = (sender for sender, signing in SIGNING.items() if signing == name)
    return text in signing_texts(secret_store, sender, id)


def store_credentials(
    secret_store: AdminSecretStore, id: ConnectionId, given: GivenSecrets
) -> None:
    """Store the given API key and app credentials; the others stay."""
    for kind in (AIRBASE_KEY, EXACT_APP):
        fields = {
            part: secret.reveal()
            for name, (where, part) in _STORED_IN.items()
            if where == kind and (secret := given.get(name))
        }
        if fields:
            secret_store.store(kind, id, {**stored(secret_store, kind, id), **fields})


def store_webhook_settings(
    secret_store: AdminSecretStore, connection: Connection, given: GivenSecrets
) -> dict[str, Secret]:
    """Store how both senders' webhooks are verified; return the newly generated secrets.

    A given secret replaces all stored ones.
    """
    made: dict[str, Secret] = {}
    for sender, name in SIGNING.items():
        texts = signing_texts(secret_store, sender, connection.id)
        wanted = given.get(name)
        if wanted and wanted.reveal() not in texts:
            texts = [wanted.reveal()]
        elif not texts and _is_signed(connection.profile, sender):
            made[sender] = new_signing_secret(connection.profile, sender)
            texts = [made[sender].reveal()]
        store_signing(secret_store, connection, sender, texts)
    return made


def are_webhooks_stored(secret_store: AdminSecretStore, connection: Connection) -> dict[str, bool]:
    """Return by sender whether its calls can be verified."""
    return {
        sender: bool(signing_texts(secret_store, sender, connection.id))
        or not _is_signed(connection.profile, sender)
        for sender in SIGNING
    }


def store_signing(
    secret_store: AdminSecretStore, connection: Connection, sender: str, texts: list[str]
) -> None:
    """Store one sender's webhook secrets, the newest first, in the form its webhook reads.

    Raises `UserError` when the webhook could not use them.
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
        raise UserError(f"the webhook settings of {sender} cannot be used: {error}") from None
    secret_store.store(WEBHOOK_KINDS[sender], connection.id, value)


def new_signing_secret(profile: AirbaseProfile, sender: str) -> Secret:
    """Return a new webhook secret in the form that the sender's scheme needs."""
    if sender == "airbase" and isinstance(profile.verification, StandardWebhooks):
        text = f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"
    else:
        text = secrets.token_urlsafe(32)
    telemetry.conceal(text)
    return Secret(text)


def store_tokens(
    stack: Stack, id: ConnectionId, given: GivenSecrets, taken: str | None
) -> str | None:
    """Seal the tokens of a consent given elsewhere; return their digest, None if nothing is new.

    `taken` is the digest of those imported before: the same tokens are not imported twice, because
    the connector has renewed them since and using the old ones would end the consent.
    """
    refresh, access = given.get(REFRESH_TOKEN), given.get(ACCESS_TOKEN)
    if refresh is None:
        if access:
            raise UserError(f"{ACCESS_TOKEN} needs {REFRESH_TOKEN} as well")
        return None
    digest = hashlib.sha256(refresh.reveal().encode()).hexdigest()[:16]
    if digest == taken and has_tokens(stack, id):
        return None
    with Leases(stack.tables.coordination, id).holding("token", _TOKEN_LEASE) as lease:
        if lease is None:
            raise ServiceError("the Exact tokens are being renewed: run this again in a minute")
        pairs = _pairs(stack, id)
        number = pairs.next_number(of_new_consent=True)
        pairs.store(replace(_tokens(refresh, access), number=number))
    return digest


def has_tokens(stack: Stack, id: ConnectionId) -> bool:
    """Return whether tokens are stored, readable or not."""
    return bool(stored(stack.secret_store, EXACT_TOKENS, id)) or _pairs(stack, id).has_copy()


def consent_of(stack: Stack, id: ConnectionId) -> dict[str, Any]:
    """Return whether tokens are stored, and how long ago they were renewed."""
    try:
        pair = _pairs(stack, id).read()
    except Halt:
        return {"state": "unreadable"}
    if pair is None:
        return {"state": "missing"}
    return {
        "state": "stored",
        "renewed_at": pair.obtained_at.isoformat(timespec="seconds"),
        "age_days": round(pair.age.total_seconds() / 86_400, 1),
    }


def forget_all(stack: Stack, id: ConnectionId) -> None:
    """Remove every secret of the connection, and the copy of its tokens."""
    stack.secret_store.forget(id)
    _pairs(stack, id).forget()


def _pairs(stack: Stack, id: ConnectionId) -> TokenPairs:
    return TokenPairs(id, stack.secret_store, stack.tables.coordination)


def _tokens(refresh: Secret, access: Secret | None) -> Tokens:
    """Without an access token the pair counts as expired: the first call renews it."""
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
