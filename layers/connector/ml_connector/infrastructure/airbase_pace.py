"""The pause that Airbase asked for, shared by all workers of a connection."""

from datetime import UTC, datetime, timedelta

from ml_connector import clock
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.circuit_breaker import CircuitBreaker
from ml_connector.infrastructure.coordination import SharedValues
from ml_connector.infrastructure.dynamodb import Table

_PACE = "airbase-pace"
_FREE_FOR = timedelta(seconds=1)


class SharedAirbasePace:
    """Keeps the pause; that there is none is remembered for a second.

    Most orders need two calls in a row, and what the circuit breaker has to know is read with it.
    """

    def __init__(
        self, coordination: Table, connection: ConnectionId, circuit_breaker: CircuitBreaker
    ) -> None:
        """Store the pause among the connection's shared values; `circuit_breaker`: Airbase's."""
        self.circuit_breaker = circuit_breaker
        self._table = coordination
        self._values = SharedValues(coordination, connection)
        self._free_until = datetime.min.replace(tzinfo=UTC)

    def wait_until(self) -> datetime | None:
        """Return the moment before which nothing may be sent, or None."""
        if clock.now() < self._free_until:
            return None
        unread = self.circuit_breaker.unread()
        key = self._values.key(_PACE)
        found = self._table.get_each([key, *unread])
        if unread:
            self.circuit_breaker.learn(found)
        pause = next((each for each in found if (each["pk"], each["sk"]) == key), None)
        if pause:
            return datetime.fromisoformat(str(pause["text"]))
        self._free_until = clock.now() + _FREE_FOR
        return None

    def slow_down(self, until: datetime) -> None:
        """Send nothing before `until`."""
        self._free_until = clock.now()
        self._values.set(_PACE, until.isoformat(), until)
