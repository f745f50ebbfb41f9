"""Credentials that a person gave, as kept until they have proved themselves.

The JSON of a secret holds those in use, and under `untested` those of which the remote has not said
yet that they are right. Where there are none in use, the untested ones are used as well: Exact's
consent is given with them, and proves them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml_connector.connections.manage import record_step
from ml_connector.connections.secrets import (
    API_KEY,
    CLIENT_ID,
    CLIENT_SECRET,
    REFUSED,
    UNTESTED,
    stored,
)
from ml_connector.domain.ids import Actor, AppId, ConnectionId, Division, connection_of, site_in
from ml_connector.infrastructure.admin_secret_store import AdminSecretStore
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import despite_conflicts
from ml_connector.infrastructure.secret_store import AIRBASE_KEY, EXACT_APP
from ml_connector.secret import Secret
from ml_connector.settings.connection import ExactSite
from ml_connector.stack import Stack

_VARIABLES = {"api_key": API_KEY, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
_STEPS = {AIRBASE_KEY: "airbase_key_stored", EXACT_APP: "app_credentials_stored"}
_HALTS = {
    AIRBASE_KEY: frozenset({"AIRBASE_KEY_REFUSED", "AIRBASE_KEY_MISSING"}),
    EXACT_APP: frozenset({"APP_CREDENTIALS_REFUSED", "APP_CREDENTIALS_MISSING"}),
}


@dataclass(frozen=True)
class Credentials:
    """Where a remote's credentials are kept: a secret's kind, and under which name.

    `site`: of an Exact app. None for Airbase's key.
    """

    kind: str
    name: ConnectionId
    site: ExactSite | None = None

    @classmethod
    def of_airbase(cls, id: ConnectionId) -> "Credentials":
        """Return where a connection's Airbase key is kept."""
        return cls(AIRBASE_KEY, id)

    @classmethod
    def of_site(cls, site: ExactSite) -> "Credentials":
        """Return where the credentials of a site's own app are kept."""
        return cls(EXACT_APP, site.id, site)

    def kept(self, secret_store: AdminSecretStore) -> dict[str, Secret]:
        """Return the parts that were given last, tested or not, by their names.

        The names are `api_key`, or `client_id` and `client_secret`.
        """
        value = stored(secret_store, self.kind, self.name)
        waiting = value.get(UNTESTED)
        parts = _in_use(value) | (waiting if isinstance(waiting, dict) else {})
        return {name: Secret(str(text)) for name, text in parts.items() if text}

    def are_untested(self, secret_store: AdminSecretStore) -> bool:
        """Return whether the parts that were given last have not proved themselves yet."""
        return UNTESTED in stored(secret_store, self.kind, self.name)

    def were_refused(self, secret_store: AdminSecretStore) -> bool:
        """Return whether the remote said that the parts given last are wrong."""
        return REFUSED in stored(secret_store, self.kind, self.name)

    def are_in_use(self, secret_store: AdminSecretStore) -> bool:
        """Return whether the parts that were given last are used, tested or not."""
        value = stored(secret_store, self.kind, self.name)
        return value.get(UNTESTED) in (None, _in_use(value))


def keep(
    stack: Stack,
    actor: Actor,
    credentials: Credentials,
    parts: Mapping[str, Secret],
    verdict: bool | None,
) -> bool:
    """Keep these parts; return whether that changed what is stored.

    `verdict`: whether the remote said that they are right; None if it did not tell. Those that are
    not proved do not replace others that are in use. What was stopped because of these credentials
    goes on when they are proved.
    """
    before = stored(stack.secret_store, credentials.kind, credentials.name)
    value = _changed(before, {name: each.reveal() for name, each in parts.items()}, verdict)
    ledger = stack.ledger_of(actor, connection_of(AppId(credentials.name)))
    if value != before:
        if parts != credentials.kept(stack.secret_store) or verdict:
            stack.begin(actor)
            given = sorted(_VARIABLES[name] for name in parts)
            record_step(ledger, _STEPS[credentials.kind], given=given, tested=verdict)
        stack.secret_store.store(credentials.kind, credentials.name, value)
    if verdict:
        _let_go_on(Halts(ledger), credentials)
    return value != before


def _let_go_on(halts: Halts, credentials: Credentials) -> None:
    site = credentials.site.site if credentials.site else None
    over = {
        where: halt.code
        for where, halt in halts.all().items()
        if halt.code in _HALTS[credentials.kind] and site_in(Division(where)) in {None, site}
    }
    if over:
        despite_conflicts(lambda: halts.lift(over, by_hand=True))


def _changed(before: dict[str, Any], given: dict[str, str], verdict: bool | None) -> dict[str, Any]:
    if verdict:
        return dict(given)
    in_use = _in_use(before)
    is_free = not in_use or in_use == before.get(UNTESTED)
    mark = {} if verdict is None else {REFUSED: True}
    return {**(given if is_free else in_use), UNTESTED: given, **mark}


def _in_use(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: text for name, text in value.items() if name in _VARIABLES}
