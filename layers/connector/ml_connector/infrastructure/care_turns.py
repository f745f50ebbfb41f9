"""When the token refresh last began with each connection: who waited longest is first."""

from collections.abc import Iterable
from datetime import timedelta

from ml_connector import clock
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.dynamodb import Table

_PK = "#care"  # no connection's own id can be this
_KEPT = timedelta(days=30)


class CareTurns:
    """Reads and writes the turns of all connections of a stack."""

    def __init__(self, coordination: Table) -> None:
        """Keep them in the coordination table."""
        self._table = coordination

    def in_order(self, ids: Iterable[ConnectionId]) -> list[ConnectionId]:
        """Return the connections in the order of their turns, those that never had one first."""
        begun = {str(item["sk"]): str(item["at"]) for item in self._table.query(_PK)}
        return sorted(ids, key=lambda each: begun.get(each, ""))

    def begin(self, id: ConnectionId) -> None:
        """Store that a connection has its turn now."""
        now = clock.now()
        expires = int((now + _KEPT).timestamp())
        self._table.put({"pk": _PK, "sk": id, "at": now.isoformat(), "expires_at": expires})
