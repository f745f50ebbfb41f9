"""Ask for a consent in the name of somebody who pressed a button on the health page.

The link acts for whoever opens it, by its state. So the console makes the state out of the session
of the person who asks and sends its digest alone; what is kept for the page is the link without it.
The whole link is in no queue, table, log or backup: that session's pages alone put it together.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ml_connector.connections.consent_request import require_redirect
from ml_connector.deeds.worker_stack import WorkerStack
from ml_connector.domain.faults import Halt
from ml_connector.domain.ids import Actor, ConnectionId, SiteId
from ml_connector.domain.records import ConnectionState
from ml_connector.domain.words import command
from ml_connector.exact.oauth import stateless_url
from ml_connector.exact.tokens import TokenProvider
from ml_connector.infrastructure.ledger import Ledger, despite_conflicts
from ml_connector.user_errors import UserError

_DIGEST = re.compile("[0-9a-f]{64}")


def ask_for_consent(
    stack: WorkerStack, actor: Actor, id: ConnectionId, values: Mapping[str, str]
) -> Mapping[str, Any]:
    """Start a consent at the `site` for the state with this `digest`; return what the page needs.

    Raises `UserError` where the command has to be used, and `Halt` without the app's credentials.
    """
    services, digest = stack.services_of(id), values.get("digest", "")
    site = next((s for s in services.connection.sites if s.site == values.get("site")), None)
    if site is None or not _DIGEST.fullmatch(digest):
        raise UserError("choose one of the connection's Exact sites")
    redirect_to = services.redirect_uri
    require_redirect(site, redirect_to)
    tokens = services.exact_at(site.site).tokens
    client_id = tokens.client_id()
    _require_a_first_one(tokens)
    _record(stack.ledger_of(actor, id), site.site)
    kept = services.consents.expect(digest, site.id, site.site, site.exact_base_url, redirect_to)
    if kept is None:
        raise UserError("this link was asked for already: ask for another one")
    return {
        "site": site.site,
        "digest": digest,
        "url": stateless_url(site.exact_base_url, client_id, redirect_to),
        "until": kept.until.isoformat(),
    }


def _require_a_first_one(tokens: TokenProvider) -> None:
    """Raise `UserError` where no consent was ever given: a worker may not make its secret."""
    with suppress(Halt):  # what is stored cannot be read: a consent repairs that
        if tokens.age() is None:
            first = command("connection", "consent", tokens.app)
            raise UserError(f"{tokens.app} has had no consent yet: give the first one with {first}")


def _record(ledger: Ledger, site: SiteId) -> None:
    def write() -> None:
        record = ledger.connection()
        state = ConnectionState.HALTED if record.facts.halts else ConnectionState.ACTIVE
        ledger.write(record.now(state), "consent_asked", detail={"site": site})

    despite_conflicts(write)
