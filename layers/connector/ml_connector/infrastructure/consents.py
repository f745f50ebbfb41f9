"""Requested consents: what a redirect from Exact may refer to, each of them once.

Only the `state` in the address leads from Exact's redirect to a connection, so it is a secret of
256 bits of which only the digest is stored; of what a page of the console asks for, only the digest
is even sent here. The request fixes the app, the address of its Exact site, to which the code is
sent, and the redirect URI.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, cast

from ml_connector import clock, telemetry
from ml_connector.domain.ids import AppId, ConnectionId, SiteId, connection_of
from ml_connector.infrastructure.dynamodb import Item, Table
from ml_connector.secret import Secret

VALID_FOR = timedelta(minutes=15)

Stage = Literal["waiting", "taking", "given", "refused"]
"""`taking`: a code is being exchanged, or the exchange has crashed."""

_KEPT = timedelta(days=1)  # lets a late or repeated redirect be recognised
_STATE_BYTES = 32
_STATE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Consent:
    """A requested consent and its stage; `reason` says why it was refused."""

    digest: str
    app: AppId
    site: SiteId
    base_url: str
    redirect_uri: str
    until: datetime
    stage: Stage = "waiting"
    reason: str = ""
    version: int = 0

    @property
    def connection(self) -> ConnectionId:
        """Return the connection that the app belongs to."""
        return connection_of(self.app)

    @property
    def has_expired(self) -> bool:
        """Return whether it was not given in time."""
        return self.stage == "waiting" and clock.now() >= self.until


class Consents:
    """Stores requested consents in the coordination table."""

    def __init__(self, table: Table) -> None:
        """Store them in `table`."""
        self._table = table

    def create(self, app: AppId, site: SiteId, base_url: str, redirect_uri: str) -> Secret:
        """Store a request for an app at a site; return the state that the redirect has to carry."""
        state = secrets.token_urlsafe(_STATE_BYTES)
        telemetry.conceal(state)
        self.expect(digest_of(state), app, site, base_url, redirect_uri)
        return Secret(state)

    def expect(
        self, digest: str, app: AppId, site: SiteId, base_url: str, redirect_uri: str
    ) -> Consent | None:
        """Store a request by the digest of a state that others keep; None when it was stored."""
        consent = Consent(digest, app, site, base_url, redirect_uri, clock.now() + VALID_FOR)
        return consent if self._table.insert(_item(consent)) else None

    def find(self, state: Secret) -> Consent | None:
        """Return the request with this state, or None."""
        text = state.reveal()
        if not _STATE.fullmatch(text):
            return None
        item = self._table.get(_pk(digest_of(text)), _SK)
        if item is None:
            return None
        telemetry.conceal(text)
        return _consent(item)

    def claim(self, consent: Consent) -> Consent | None:
        """Claim it for the caller's exchange; return None when another has claimed it."""
        return self.move(consent, "taking")

    def move(self, consent: Consent, stage: Stage, reason: str = "") -> Consent | None:
        """Store a new stage; return None when it has changed since it was read."""
        moved = replace(consent, stage=stage, reason=reason, version=consent.version + 1)
        return moved if self._table.replace(_item(moved), consent.version) else None


_SK = "consent"


def _pk(digest: str) -> str:
    return f"#consent#{digest}"  # no connection id begins with "#"


def digest_of(state: str) -> str:
    """Return by what a request with this state is found."""
    return hashlib.sha256(state.encode()).hexdigest()


def _item(consent: Consent) -> Item:
    return {
        "pk": _pk(consent.digest),
        "sk": _SK,
        "connection": consent.app,
        "site": consent.base_url,
        "site_name": consent.site,
        "redirect_uri": consent.redirect_uri,
        "until": consent.until.isoformat(),
        "stage": consent.stage,
        "reason": consent.reason,
        "version": consent.version,
        "expires_at": int((consent.until + _KEPT).timestamp()),
    }


def _consent(item: Item) -> Consent:
    return Consent(
        digest=str(item["pk"]).rpartition("#")[2],
        app=AppId(ConnectionId(str(item["connection"]))),
        site=SiteId(str(item["site_name"])),
        base_url=str(item["site"]),
        redirect_uri=str(item["redirect_uri"]),
        until=datetime.fromisoformat(str(item["until"])),
        stage=cast(Stage, item["stage"]),
        reason=str(item["reason"]),
        version=int(item["version"]),
    )
