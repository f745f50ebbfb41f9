"""The consents that were asked for: what a redirect from Exact may refer to, each of them once.

The `state` in the address is all that leads from Exact's redirect to a connection, so it is a
secret of 256 bits and is kept as its digest alone. What was asked is fixed when it is asked: the
connection, the Exact site that the code is sent to, and the redirect URI.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, cast

from ml_connector import clock, telemetry
from ml_connector.doors.table import Item, Table
from ml_connector.ids import ConnectionId
from ml_connector.secret import Secret

VALID_FOR = timedelta(minutes=15)

Stage = Literal["waiting", "taking", "given", "refused"]
"""`taking`: a code is being exchanged right now, or whoever did it crashed."""

_REMEMBERED = timedelta(days=1)  # so that a late or repeated redirect can be told what it is
_STATE_BYTES = 32
_STATE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Consent:
    """A consent that was asked for, and how far it is; `reason` says why it was refused."""

    digest: str
    connection: ConnectionId
    site: str
    redirect_uri: str
    until: datetime
    stage: Stage = "waiting"
    reason: str = ""
    version: int = 0

    @property
    def is_late(self) -> bool:
        """Return whether nobody answered it in time."""
        return self.stage == "waiting" and clock.now() >= self.until


class Consents:
    """Keeps them in the coordination table."""

    def __init__(self, table: Table) -> None:
        """Keep them in `table`."""
        self._table = table

    def ask(self, connection: ConnectionId, site: str, redirect_uri: str) -> Secret:
        """Remember what is asked; return the state that has to come back."""
        state = secrets.token_urlsafe(_STATE_BYTES)
        telemetry.conceal(state)
        until = clock.now() + VALID_FOR
        self._table.put(_item(Consent(_digest(state), connection, site, redirect_uri, until)))
        return Secret(state)

    def find(self, state: Secret) -> Consent | None:
        """Return what was asked with this state, or None."""
        text = state.reveal()
        if not _STATE.fullmatch(text):
            return None
        item = self._table.get(_pk(_digest(text)), _SK)
        if item is None:
            return None
        telemetry.conceal(text)
        return _consent(item)

    def claim(self, consent: Consent) -> Consent | None:
        """Return it as the caller's own to take; None when another has claimed it."""
        return self.move(consent, "taking")

    def move(self, consent: Consent, stage: Stage, reason: str = "") -> Consent | None:
        """Note how far it is; None when it has moved on since it was read."""
        moved = replace(consent, stage=stage, reason=reason, version=consent.version + 1)
        return moved if self._table.replace(_item(moved), consent.version) else None


_SK = "consent"


def _pk(digest: str) -> str:
    return f"#consent#{digest}"  # no connection's own id begins like this


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()


def _item(consent: Consent) -> Item:
    return {
        "pk": _pk(consent.digest),
        "sk": _SK,
        "connection": consent.connection,
        "site": consent.site,
        "redirect_uri": consent.redirect_uri,
        "until": consent.until.isoformat(),
        "stage": consent.stage,
        "reason": consent.reason,
        "version": consent.version,
        "expires_at": int((consent.until + _REMEMBERED).timestamp()),
    }


def _consent(item: Item) -> Consent:
    return Consent(
        digest=str(item["pk"]).rpartition("#")[2],
        connection=ConnectionId(str(item["connection"])),
        site=str(item["site"]),
        redirect_uri=str(item["redirect_uri"]),
        until=datetime.fromisoformat(str(item["until"])),
        stage=cast(Stage, item["stage"]),
        reason=str(item["reason"]),
        version=int(item["version"]),
    )
