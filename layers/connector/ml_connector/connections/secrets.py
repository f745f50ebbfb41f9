"""The secrets of a connection: their names, which are given, and how they are stored."""

import hashlib
import secrets
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, NamedTuple

from ml_connector import clock, telemetry
from ml_connector.domain.faults import Halt
from ml_connector.domain.ids import AppId, ConnectionId, SiteId, app_at, further_site_of
from ml_connector.exact.oauth import DEFAULT_LIFETIME, Tokens
from ml_connector.exact.token_pairs import TokenPairs
from ml_connector.infrastructure.admin_secret_store import AdminSecretStore
from ml_connector.infrastructure.coordination import Leases
from ml_connector.infrastructure.secret_store import (
    AIRBASE_KEY,
    AIRBASE_WEBHOOK,
    EXACT_APP,
    EXACT_TOKENS,
    EXACT_WEBHOOK,
)
from ml_connector.infrastructure.webhook_senders import sender_name
from ml_connector.secret import Secret
from ml_connector.settings.airbase_profile import AirbaseProfile, NoVerification, StandardWebhooks
from ml_connector.settings.connection import Connection, ExactSite
from ml_connector.settings.exact_sites import ANOTHER_SITE, EXACT_SITES
from ml_connector.stack import Stack
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
UNTESTED, REFUSED = "untested", "refused"
"""Names in a secret's JSON: of parts that have not proved themselves, and of why
(`kept_credentials`)."""
WEBHOOK_KINDS = {"airbase": AIRBASE_WEBHOOK, "exact": EXACT_WEBHOOK}

_OF_APP = (CLIENT_ID, CLIENT_SECRET, EXACT_SIGNING, REFRESH_TOKEN, ACCESS_TOKEN)
_EVERY_APP = [app_at(ConnectionId("any"), SiteId(site)) for site in (*EXACT_SITES, ANOTHER_SITE)]
_TOKEN_LEASE = timedelta(seconds=90)


@dataclass(frozen=True)
class GivenSecrets:
    """The secrets a person gives, by the name of their environment variable."""

    values: Mapping[str, Secret] = field(default_factory=dict)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "GivenSecrets":
        """Return those that are set, of every site; raises `UserError` for an invalid value."""
        names = [*NAMES, *(variable(name, app) for name in _OF_APP for app in _EVERY_APP)]
        texts = {name: environment[name].strip() for name in names if environment.get(name)}
        return cls().plus(texts)

    def plus(self, texts: Mapping[str, str]) -> "GivenSecrets":
        """Return these and the added ones; raises `UserError` for an invalid value."""
        for name, text in texts.items():
            if not text or not text.isprintable():
                raise UserError(f"{name} is empty or contains line breaks")
        # The client id is no secret and may be a common word: it is not hidden in logs.
        secret = {n: text for n, text in texts.items() if not n.startswith(CLIENT_ID)}
        telemetry.conceal(*secret.values())
        return GivenSecrets({**self.values, **{name: Secret(text) for name, text in texts.items()}})

    def without_app(self, app: AppId) -> "GivenSecrets":
        """Return these without an app's credentials and tokens."""
        names = (CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, ACCESS_TOKEN)
        of_app = {variable(name, app) for name in names}
        return GivenSecrets({n: each for n, each in self.values.items() if n not in of_app})

    @property
    def webhook_secrets(self) -> "GivenSecrets":
        """Return the webhook secrets alone."""
        names = (AIRBASE_SIGNING, EXACT_SIGNING)
        return GivenSecrets({n: each for n, each in self.values.items() if n.startswith(names)})

    def get(self, name: str) -> Secret | None:
        """Return the secret with this name, or None."""
        return self.values.get(name)


def variable(name: str, app: AppId) -> str:
    """Return the environment variable of an app's secret.

    That of a site which the connection did not have first ends in the site: `..._BE`.
    """
    site = further_site_of(app)
    return f"{name}_{site.upper().replace('.', '_')}" if site else name


def question(name: str) -> str:
    """Return what the secret in a variable of `missing_names` is called."""
    of_any_site = (text for known, text in NEEDED.items() if name.startswith(f"{known}_"))
    return NEEDED.get(name) or f"{next(of_any_site)} of {name}"


def missing_names(
    secret_store: AdminSecretStore, connection: Connection, given: GivenSecrets
) -> list[str]:
    """Return the required variables that are neither given nor stored, here or where shared."""
    return [
        each.variable
        for each in _places(connection)
        if given.get(each.variable) is None
        and not stored(secret_store, each.kind, each.shared_with).get(each.part)
    ]


def stored(secret_store: AdminSecretStore, kind: str, id: ConnectionId) -> dict[str, Any]:
    """Return the JSON of a stored secret; empty when it is absent or cannot be read."""
    try:
        return secret_store.read_plain(kind, id) or {}
    except Halt:
        return {}


def senders_of(connection: Connection) -> dict[str, ConnectionId]:
    """Return by sender under which name its webhook secrets are kept: it is part of the URL.

    The senders are "airbase", "exact" and, for further sites, "exact.be".
    """
    sites = {sender_of(site): site.id for site in connection.sites}
    return {"airbase": connection.id, **sites}


def sender_of(site: ExactSite) -> str:
    """Return what the sender of a site's notifications is called, as in `senders_of`."""
    return sender_name("exact", site.id)


def signing_name(connection: Connection, sender: str) -> str:
    """Return the environment variable of a sender's webhook secret."""
    name, app = SIGNING[sender.partition(".")[0]], AppId(senders_of(connection)[sender])
    return variable(name, app)


def signing_texts(secret_store: AdminSecretStore, connection: Connection, sender: str) -> list[str]:
    """Return a sender's stored webhook secrets, the newest first."""
    kind = WEBHOOK_KINDS[sender.partition(".")[0]]
    found = stored(secret_store, kind, senders_of(connection)[sender]).get("secrets")
    return [str(text) for text in found] if isinstance(found, list) else []


def not_stored_yet(
    secret_store: AdminSecretStore, connection: Connection, given: GivenSecrets
) -> GivenSecrets:
    """Return those not stored yet, without the tokens, which `store_tokens` handles."""
    new = {
        each.variable
        for each in _places(connection)
        if (secret := given.get(each.variable))
        and stored(secret_store, each.kind, each.kept_under).get(each.part) != secret.reveal()
    }
    for sender in senders_of(connection):
        name = signing_name(connection, sender)
        texts = signing_texts(secret_store, connection, sender)
        if (secret := given.get(name)) and secret.reveal() not in texts:
            new.add(name)
    return GivenSecrets({name: each for name, each in given.values.items() if name in new})


def store_credentials(
    secret_store: AdminSecretStore, connection: Connection, given: GivenSecrets
) -> None:
    """Store the given API key and the apps' credentials; the others stay."""
    for each in _places(connection):
        if secret := given.get(each.variable):
            known = stored(secret_store, each.kind, each.kept_under)
            known = {part: text for part, text in known.items() if part not in (UNTESTED, REFUSED)}
            value = {**known, each.part: secret.reveal()}
            secret_store.store(each.kind, each.kept_under, value)


class _Place(NamedTuple):
    """Where a required secret is kept: a part of a JSON secret of a kind.

    `shared_with`: under which name the one is kept that is used instead.
    """

    variable: str
    kind: str
    part: str
    kept_under: ConnectionId
    shared_with: ConnectionId


def _places(connection: Connection) -> Iterator[_Place]:
    yield _Place(API_KEY, AIRBASE_KEY, "api_key", connection.id, connection.id)
    for site in connection.sites:
        for name, part in ((CLIENT_ID, "client_id"), (CLIENT_SECRET, "client_secret")):
            yield _Place(variable(name, site.id), EXACT_APP, part, site.id, site.app_of)


def store_webhook_settings(
    secret_store: AdminSecretStore, connection: Connection, given: GivenSecrets
) -> dict[str, Secret]:
    """Store how the senders' webhooks are verified; return the newly generated secrets.

    A given secret replaces all stored ones.
    """
    made: dict[str, Secret] = {}
    for sender in senders_of(connection):
        texts = signing_texts(secret_store, connection, sender)
        wanted = given.get(signing_name(connection, sender))
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
        sender: bool(signing_texts(secret_store, connection, sender))
        or not _is_signed(connection.profile, sender)
        for sender in senders_of(connection)
    }


def store_signing(
    secret_store: AdminSecretStore, connection: Connection, sender: str, texts: list[str]
) -> None:
    """Store one sender's webhook secrets, the newest first, in the form its webhook reads.

    Raises `UserError` when the webhook could not use them.
    """
    value: dict[str, Any] = {"secrets": texts}
    if sender == "airbase":
        value = airbase_settings(connection.profile) | value
    try:
        parse = (
            airbase_webhook.parse_settings if sender == "airbase" else exact_webhook.parse_settings
        )
        parse(value)
    except ValueError as error:
        raise UserError(f"the webhook settings of {sender} cannot be used: {error}") from None
    kind = WEBHOOK_KINDS[sender.partition(".")[0]]
    secret_store.store(kind, senders_of(connection)[sender], value)


def new_signing_secret(profile: AirbaseProfile, sender: str) -> Secret:
    """Return a new webhook secret in the form that the sender's scheme needs."""
    if sender == "airbase" and isinstance(profile.verification, StandardWebhooks):
        text = f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"
    else:
        text = secrets.token_urlsafe(32)
    telemetry.conceal(text)
    return Secret(text)


def store_tokens(stack: Stack, app: AppId, given: GivenSecrets, taken: str | None) -> str | None:
    """Seal the tokens of a consent given elsewhere; return their digest, None if nothing is new.

    `taken` is the digest of those imported before: the same tokens are not imported twice, because
    the connector has renewed them since and using the old ones would end the consent.
    """
    refresh, access = (given.get(variable(name, app)) for name in (REFRESH_TOKEN, ACCESS_TOKEN))
    if refresh is None:
        if access:
            raise UserError(f"{ACCESS_TOKEN} needs {REFRESH_TOKEN} as well")
        return None
    digest = hashlib.sha256(refresh.reveal().encode()).hexdigest()[:16]
    if digest == taken and has_tokens(stack, app):
        return None
    with Leases(stack.tables.coordination, app).holding("token", _TOKEN_LEASE) as lease:
        if lease is None:
            raise ServiceError("the Exact tokens are being renewed: run this again in a minute")
        pairs = _pairs(stack, app)
        number = pairs.next_number(of_new_consent=True)
        pairs.store(replace(_tokens(refresh, access), number=number))
    return digest


def has_tokens(stack: Stack, app: AppId) -> bool:
    """Return whether tokens are stored, readable or not."""
    return bool(stored(stack.secret_store, EXACT_TOKENS, app)) or _pairs(stack, app).has_copy()


def have_tokens(stack: Stack, connection: Connection) -> bool:
    """Return whether there is a consent at every site of the connection."""
    return all(has_tokens(stack, site.app_of) for site in connection.sites)


def consent_of(stack: Stack, app: AppId) -> dict[str, Any]:
    """Return whether tokens are stored, and how long ago they were renewed."""
    try:
        pair = _pairs(stack, app).read()
    except Halt:
        return {"state": "unreadable"}
    if pair is None:
        return {"state": "missing"}
    return {
        "state": "stored",
        "renewed_at": pair.obtained_at.isoformat(timespec="seconds"),
        "age_days": round(pair.age.total_seconds() / 86_400, 1),
    }


def forget_all(stack: Stack, connection: Connection) -> None:
    """Remove every secret of the connection, and the copies of its tokens."""
    for id in dict.fromkeys((connection.id, *(site.id for site in connection.sites))):
        stack.secret_store.forget(id)
    for site in connection.sites:
        _pairs(stack, site.id).forget()


def forget_app(stack: Stack, app: AppId) -> None:
    """Remove an app's credentials, webhook secrets and tokens; the key of Airbase stays."""
    for kind in (EXACT_APP, EXACT_WEBHOOK, EXACT_TOKENS):
        stack.secret_store.delete(kind, app)
    _pairs(stack, app).forget()


def _pairs(stack: Stack, app: AppId) -> TokenPairs:
    return TokenPairs(app, stack.secret_store, stack.tables.coordination)


def _tokens(refresh: Secret, access: Secret | None) -> Tokens:
    """Without an access token the pair counts as expired: the first call renews it."""
    if access is None:
        return Tokens(Secret(""), refresh, clock.now() - timedelta(minutes=1), lifetime=0)
    return Tokens(access, refresh, clock.now(), DEFAULT_LIFETIME)


def airbase_settings(profile: AirbaseProfile) -> dict[str, Any]:
    """Return how the webhook verifies and reads events, as it is stored with their secrets."""
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
    return sender != "airbase" or not isinstance(profile.verification, NoVerification)
