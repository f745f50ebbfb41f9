"""All the doors a workflow may use, opened in one place and handed in."""

from collections.abc import Callable
from dataclasses import dataclass

from ml_connector.airbase.api import AirbaseClient
from ml_connector.connection import Connection
from ml_connector.doors.coordination import Leases
from ml_connector.doors.inbox import Inbox
from ml_connector.doors.ledger import Ledger
from ml_connector.doors.links import Links, Proposals
from ml_connector.doors.mappings import Mappings
from ml_connector.doors.queues import Queues
from ml_connector.doors.reference import DivisionBooks, ReferenceData
from ml_connector.doors.table import Table
from ml_connector.exact.budget import Budget
from ml_connector.exact.gateway import ExactGateway
from ml_connector.ids import ConnectionId, Division


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

    def budget(self, connection: Connection) -> Budget:
        """Return the calls that the connection may still make to Exact."""
        return self.exact(connection).budget

    def leases(self, connection: ConnectionId) -> Leases:
        """Return the leases that the connection's workers take from each other."""
        return Leases(self.coordination, connection)

    def data(self, connection: ConnectionId, division: Division) -> ReferenceData:
        """Return a division's reference data."""
        return ReferenceData(self.reference, connection, division)

    def books(self, connection: Connection, division: Division) -> DivisionBooks:
        """Return fresh books of a division, for one order."""
        data = self.data(connection.id, division)
        return DivisionBooks(data, self.links, connection.id, division)
