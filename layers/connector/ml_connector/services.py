"""Everything through which the connector reaches the outside, built once and passed in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ml_connector.airbase.client import AirbaseClient
from ml_connector.domain.ids import ConnectionId, Division
from ml_connector.exact.client import ExactClient
from ml_connector.exact.rate_limiter import RateLimiter
from ml_connector.infrastructure.channels import Channel
from ml_connector.infrastructure.circuit_breaker import CircuitBreaker, Remote
from ml_connector.infrastructure.connection_store import ConnectionStore
from ml_connector.infrastructure.coordination import Leases, SharedValues
from ml_connector.infrastructure.data_form import DataForm
from ml_connector.infrastructure.dynamodb import Table
from ml_connector.infrastructure.exact_orders import ExactOrders
from ml_connector.infrastructure.inbox import Inbox
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.infrastructure.notification_outbox import NotificationOutbox
from ml_connector.infrastructure.queues import Queues
from ml_connector.infrastructure.reference_store import ReferenceStore, StoredDivisionData
from ml_connector.infrastructure.vendor_links import SupplierProposals, VendorLinks
from ml_connector.settings.connection import Connection
from ml_connector.telemetry import Measure


@dataclass(frozen=True)
class Services:
    """Tables, queues, remotes and channels, as the workers and people's requests use them."""

    ledger: Ledger
    inbox: Inbox
    connections: ConnectionStore
    vendor_links: VendorLinks
    supplier_proposals: SupplierProposals
    reference_table: Table
    coordination_table: Table
    queues: Queues
    airbase: Callable[[Connection], AirbaseClient]
    exact: Callable[[Connection], ExactClient]
    outbox: NotificationOutbox
    channels: Callable[[Connection], Sequence[Channel]]
    """How people are notified about a connection; may be empty."""
    measure: Measure
    data_form: DataForm

    def rate_limiter(self, connection: Connection) -> RateLimiter:
        """Return what limits the connection's calls to Exact."""
        return self.exact(connection).rate_limiter

    def circuit_breaker(self, connection: ConnectionId, remote: Remote) -> CircuitBreaker:
        """Return the circuit breaker that the connection's workers share for a remote."""
        return CircuitBreaker(self.coordination_table, connection, remote)

    def leases(self, connection: ConnectionId) -> Leases:
        """Return the leases of the connection's workers."""
        return Leases(self.coordination_table, connection)

    def shared_values(self, connection: ConnectionId) -> SharedValues:
        """Return the short-lived values that the connection's workers share."""
        return SharedValues(self.coordination_table, connection)

    def reference_store(self, connection: ConnectionId, division: Division) -> ReferenceStore:
        """Return a division's reference data."""
        return ReferenceStore(self.reference_table, connection, division)

    def exact_orders(self, connection: ConnectionId, division: Division) -> ExactOrders:
        """Return a division's purchase orders as Exact last reported them."""
        return ExactOrders(self.reference_table, connection, division)

    def division_data(self, connection: Connection, division: Division) -> StoredDivisionData:
        """Return a division's reference data for mapping one order."""
        data = self.reference_store(connection.id, division)
        return StoredDivisionData(data, self.vendor_links, connection.id, division)
