"""Exchange a consent code for sealed tokens and resume the connection: once for each state.

The first request with a state claims it; later ones only learn how it ended. So a reload, a second
tab or a replayed code changes nothing.
"""

from collections.abc import Callable
from dataclasses import replace

from ml_connector import telemetry
from ml_connector.domain.consent_halts import LIFTED_BY_CONSENT
from ml_connector.domain.faults import Halt, Later
from ml_connector.domain.ids import ConnectionId, Division, SiteId, site_in
from ml_connector.domain.records import ConnectionState
from ml_connector.exact.tokens import NOT_SENT, TokenProvider
from ml_connector.infrastructure.consents import Consent, Consents
from ml_connector.infrastructure.ledger import Ledger, despite_conflicts
from ml_connector.secret import Secret

APP_CREDENTIAL_HALTS = frozenset(
    {"APP_CREDENTIALS_MISSING", "APP_CREDENTIALS_REFUSED", "SECRET_UNREADABLE"}
)
"""Halts caused by the stored client id and secret, not by the code."""

ProviderFor = Callable[[Consent], TokenProvider]
"""Returns the provider of the tokens that a consent is about."""


class CodeRejected(Exception):
    """The code with this state is not exchanged: `reason` is a key of `pages.PAGES`."""

    def __init__(self, reason: str, connection: ConnectionId | None = None) -> None:
        """Keep the reason, and the connection where the state is known."""
        super().__init__(reason)
        self.reason = reason
        self.connection = connection


class CodeExchange:
    """Exchanges the codes of consent redirects."""

    def __init__(
        self,
        consents: Consents,
        ledger_of: Callable[[ConnectionId], Ledger],
        provider_for: ProviderFor,
    ) -> None:
        """Use these services; the actor of the ledgers is named in the audit trail."""
        self._consents = consents
        self._ledger_of = ledger_of
        self._provider_for = provider_for

    def redeem(self, state: Secret, code: Secret) -> ConnectionId:
        """Exchange the code that came with this state; return the connection it was for.

        Raises:
            CodeRejected: the state is unknown, expired or used ("given": it was stored already).
            Halt: Exact refuses the code or the app's credentials.
            Later: another process is renewing the tokens or a store is away (one of `NOT_SENT`: the
                same code can be sent again), or Exact gives no usable answer or the pair cannot be
                stored (consent has to be given again).
        """
        claimed = self._claimed(state)
        telemetry.conceal(code.reveal())
        try:
            self._exchange(claimed, code)
        except Halt as halt:
            is_app = halt.problem.code in APP_CREDENTIAL_HALTS
            self._consents.move(claimed, "refused", "app" if is_app else "code")
            raise
        except Later as later:
            if later.code in NOT_SENT:  # the code can be tried again
                self._consents.move(claimed, "waiting")
            else:
                self._consents.move(claimed, "refused", "no_answer")
            raise
        self._record_given(claimed.connection, claimed.site)
        self._consents.move(claimed, "given")
        return claimed.connection

    def deny(self, state: Secret) -> ConnectionId:
        """Record that the person declined; raises `CodeRejected` as `redeem` does."""
        claimed = self._claimed(state)
        self._record_step(claimed, "consent_denied")
        self._consents.move(claimed, "refused", "denied")
        return claimed.connection

    def connection_of(self, state: Secret) -> ConnectionId | None:
        """Return the connection that a consent was asked for; None for an unknown state."""
        consent = self._consents.find(state)
        return consent.connection if consent else None

    def _claimed(self, state: Secret) -> Consent:
        consent = self._consents.find(state)
        if consent is None:
            raise CodeRejected("unknown")
        if consent.has_expired:
            raise CodeRejected("expired", consent.connection)
        claimed = self._consents.claim(consent) if consent.stage == "waiting" else None
        if claimed is None:
            raise CodeRejected(self._end_of(state), consent.connection)
        return claimed

    def _end_of(self, state: Secret) -> str:
        """Return how the request that claimed the state ended, or how far it is."""
        consent = self._consents.find(state)
        return (consent.reason or consent.stage) if consent else "unknown"

    def _exchange(self, consent: Consent, code: Secret) -> None:
        self._record_step(consent, "consent_brought")
        provider = self._provider_for(consent)
        provider.exchange_code(code, consent.redirect_uri)

    def _record_step(self, consent: Consent, step: str) -> None:
        ledger = self._ledger_of(consent.connection)

        def write() -> None:
            record = ledger.connection()
            state = ConnectionState.HALTED if record.facts.halts else ConnectionState.ACTIVE
            ledger.write(record.now(state), step, detail={"site": consent.site})

        despite_conflicts(write)

    def _record_given(self, id: ConnectionId, site: SiteId) -> None:
        """Lift the halts of the site that a consent ends, in the same step of the audit trail.

        One that stops the whole connection was stored by a version that knew one site only.
        """
        ledger = self._ledger_of(id)

        def write() -> None:
            record = ledger.connection()
            halts = record.facts.halts
            over = {
                where: halt.code
                for where, halt in halts.items()
                if halt.code in LIFTED_BY_CONSENT
                and (not where or site_in(Division(where)) == site)
            }
            kept = {where: halt for where, halt in halts.items() if where not in over}
            lifted = sorted(set(over.values()))
            state = ConnectionState.HALTED if kept else ConnectionState.ACTIVE
            moved = record.now(state, replace(record.facts, halts=kept, lifted={}))
            ledger.write(moved, "consent_given", detail={"site": site, "lifted": lifted})

        despite_conflicts(write)
