"""All the doors a workflow may use, opened in one place and handed in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ml_connector.airbase.api import AirbaseClient
from ml_connector.connection import Connection
from ml_connector.doors.channels import Channel
from ml_connector.doors.circuit import Circuit, Remote
from ml_connector.doors.coordination import Leases, Marks
from ml_connector.doors.exact_orders import ExactOrders
from ml_connector.doors.inbox import Inbox
from ml_connector.doors.ledger import Ledger
from ml_connector.doors.links import Links, Proposals
from ml_connector.doors.mappings import Mappings
from ml_connector.doors.news import NewsDesk
from ml_connector.doors.queues import Queues
from ml_connector.doors.reference import DivisionBooks, ReferenceData
from ml_connector.doors.table import Table
from ml_connector.exact.budget import Budget
from ml_connector.exact.gateway import ExactGateway
from ml_connector.ids import ConnectionId, Division
from ml_connector.telemetry import Measure


@dataclass(frozen=True)
class Doors:
    """What workflows reach the outside through."""

    ledger: Ledger
    inbox: Inbox
    mappings: Mappings
    links: Links
    proposals: Proposals
    reference: Table
    coordination: Table
    queues: Queues
    airbase: Callable[[Connection], AirbaseClient]
    exact: Callable[[Connection], ExactGateway]
    news: NewsDesk
    channels: Callable[[Connection], Sequence[Channel]]
    """How people of a connection are told of news: empty when nobody is."""
    measure: Measure

    def budget(self, connection: Connection) -> Budget:
        """Return the calls that the connection may still make to Exact."""
        return self.exact(connection).budget

    def circuit(self, connection: ConnectionId, remote: Remote) -> Circuit:
        """Return what the connection's workers know of a remote being away."""
        return Circuit(self.coordination, connection, remote)

    def leases(self, connection: ConnectionId) -> Leases:
        """Return the leases that the connection's workers take from each other."""
        return Leases(self.coordination, connection)

    def marks(self, connection: ConnectionId) -> Marks:
        """Return the small facts that the connection's workers share."""
        return Marks(self.coordination, connection)

    def data(self, connection: ConnectionId, division: Division) -> ReferenceData:
        """Return a division's reference data."""
        return ReferenceData(self.reference, connection, division)

    def exact_orders(self, connection: ConnectionId, division: Division) -> ExactOrders:
        """Return a division's purchase orders as far as Exact has told of them."""
        return ExactOrders(self.reference, connection, division)

    def books(self, connection: Connection, division: Division) -> DivisionBooks:
        """Return fresh books of a division, for one order."""
        data = self.data(connection.id, division)
        return DivisionBooks(data, self.links, connection.id, division)
