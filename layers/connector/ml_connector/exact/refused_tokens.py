"""Which tokens Exact refused with a plain 401, division by division.

Exact answers 401 both to a token that has ended and to a user or app that a division no longer
lets in. One token says nothing; several, each renewed since the last, do: see `ExactClient`.
"""

from datetime import timedelta
from hashlib import sha256

from ml_connector import clock
from ml_connector.domain.ids import ConnectionId, Division
from ml_connector.infrastructure.coordination import SharedValues
from ml_connector.infrastructure.dynamodb import Table
from ml_connector.secret import Secret

MANY = 3
"""Refused one after the other, about 20 minutes apart from the first: it is not the token."""
_KEPT = timedelta(hours=3)  # an endpoint with too many errors is not called for an hour


class RefusedTokens:
    """The last tokens that were refused in each division, as digests that reveal nothing."""

    def __init__(self, table: Table, connection: ConnectionId) -> None:
        """Keep them in the coordination table."""
        self._values = SharedValues(table, connection)
        self._without: set[Division] = set()

    def add(self, division: Division, token: Secret) -> bool:
        """Add a refused token; return whether there are `MANY` now, and none was accepted since."""
        self._without.discard(division)
        name = self._name(division)
        known = (self._values.get(name) or "").split()
        digest = sha256(token.reveal().encode()).hexdigest()[:16]
        kept = list(dict.fromkeys([*known, digest]))[-MANY:]
        self._values.set(name, " ".join(kept), clock.now() + _KEPT)
        return len(kept) == MANY

    def clear(self, division: Division) -> None:
        """Forget them: a token was accepted. One read when there are none, then nothing."""
        if division in self._without:
            return
        if self._values.get(self._name(division)) is not None:
            self._values.clear(self._name(division))
        self._without.add(division)

    def _name(self, division: Division) -> str:
        return f"tokens refused {division}"
