"""Turns a consent code into sealed tokens and lets the connection go on: once for each state.

Whoever brings the state back first claims it; everybody after is told how it ended. So a
browser that reloads, a second tab and a code that is replayed change nothing.
"""

from collections.abc import Callable

from ml_connector import telemetry
from ml_connector.doors.consents import Consent, Consents
from ml_connector.doors.ledger import CONNECTION, Conflict, Ledger
from ml_connector.exact.tokens import TokenKeeper
from ml_connector.faults import Halt, Later
from ml_connector.ids import ConnectionId
from ml_connector.secret import Secret

REPAIRED = frozenset(
    {
        "RECONNECT_NEEDED",
        "NOT_CONNECTED",
        "SECRET_UNREADABLE",
        "APP_CREDENTIALS_MISSING",
        "APP_CREDENTIALS_REFUSED",
        "EXACT_TOKEN_REFUSED",
        "EXACT_DIVISION_NOT_ALLOWED",
        "EXACT_FORBIDDEN",
        "EXACT_SCOPE_MISSING",
        "EXACT_USER_BLOCKED",
    }
)
"""Halts that a new consent ends, as far as is known; what still holds stops it again."""

_ATTEMPTS = 3
APP_CODES = frozenset({"APP_CREDENTIALS_MISSING", "APP_CREDENTIALS_REFUSED", "SECRET_UNREADABLE"})
"""Halts that the stored client id and secret cause, and not the code."""

Keeper = Callable[[ConnectionId, str], TokenKeeper]
"""Opens the keeper of a connection's tokens at an Exact site."""


class NotTaken(Exception):
    """This state leads to nothing (any more): `reason` is a word of `pages.PAGES`."""

    def __init__(self, reason: str, connection: ConnectionId | None = None) -> None:
        """Carry the reason, and the connection when the state was of one."""
        super().__init__(reason)
        self.reason = reason
        self.connection = connection


class Desk:
    """Where codes are brought."""

    def __init__(self, consents: Consents, ledger: Ledger, keeper: Keeper) -> None:
        """Use these doors; `ledger` names whoever takes the consent in the audit trail."""
        self._consents = consents
        self._ledger = ledger
        self._keeper = keeper

    def take(self, state: Secret, code: Secret) -> ConnectionId:
        """Exchange the code that came with this state; return the connection it was for.

        Raises:
            NotTaken: the state is unknown, late or used ("given": it was taken already).
            Halt: Exact refuses the code or the app's credentials.
            Later: another process has the tokens in hand (the same code may be brought again),
                or Exact does not answer usefully (consent has to be given again).
        """
        claimed = self._claimed(state)
        telemetry.conceal(code.reveal())
        try:
            self._exchange(claimed, code)
        except Halt as halt:
            is_app = halt.problem.code in APP_CODES
            self._consents.move(claimed, "refused", "app" if is_app else "code")
            raise
        except Later as later:
            if later.code == "TOKEN_BUSY":  # the code was not sent: it may be brought again
                self._consents.move(claimed, "waiting")
            else:
                self._consents.move(claimed, "refused", "no_answer")
            raise
        self._note_given(claimed.connection)
        self._consents.move(claimed, "given")
        return claimed.connection

    def deny(self, state: Secret) -> ConnectionId:
        """Note that the person said no; raises `NotTaken` as `take`."""
        claimed = self._claimed(state)
        self._note(claimed.connection, "consent_denied")
        self._consents.move(claimed, "refused", "denied")
        return claimed.connection

    def _claimed(self, state: Secret) -> Consent:
        consent = self._consents.find(state)
        if consent is None:
            raise NotTaken("unknown")
        if consent.is_late:
            raise NotTaken("expired", consent.connection)
        claimed = self._consents.claim(consent) if consent.stage == "waiting" else None
        if claimed is None:
            raise NotTaken(self._ended(state), consent.connection)
        return claimed

    def _ended(self, state: Secret) -> str:
        """Return how it ended for whoever claimed it, as it is now."""
        consent = self._consents.find(state)
        return (consent.reason or consent.stage) if consent else "unknown"

    def _exchange(self, consent: Consent, code: Secret) -> None:
        self._note(consent.connection, "consent_brought")
        self._keeper(consent.connection, consent.site).connect(code, consent.redirect_uri)

    def _note(self, id: ConnectionId, step: str) -> None:
        def write() -> None:
            record = self._ledger.read(id, CONNECTION)
            state = "halted" if record.facts.get("halts") else "active"
            self._ledger.write(record.now(state), step)

        _persist(write)

    def _note_given(self, id: ConnectionId) -> None:
        """Lift what the consent repairs, in the same step that says so."""

        def write() -> None:
            record = self._ledger.read(id, CONNECTION)
            halts = record.facts.get("halts", {})
            left = {where: one for where, one in halts.items() if one["code"] not in REPAIRED}
            lifted = sorted({one["code"] for one in halts.values()} & REPAIRED)
            state = "halted" if left else "active"
            moved = record.now(state, halts=left, lifted={})
            self._ledger.write(moved, "consent_given", lifted=lifted)

        _persist(write)


def _persist(write: Callable[[], None]) -> None:
    """Workers write the connection's record too: read it again and have another try."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return write()
        except Conflict:
            continue
    return write()
