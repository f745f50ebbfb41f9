"""What was read and kept for a connection, and goes with it when it is removed.

Its records, exceptions and audit trail stay. Received webhook events, counters of calls and
requested consents expire by themselves.
"""

from ml_connector.infrastructure.drafts import Drafts
from ml_connector.infrastructure.kept_reports import KeptReports
from ml_connector.infrastructure.rehearsals import Rehearsals
from ml_connector.settings.connection import Connection
from ml_connector.stack import Stack


def forget_data(stack: Stack, connection: Connection) -> None:
    """Remove the connection's reference data, reports, rehearsals and draft; safe to repeat."""
    id, services = connection.id, stack.services.bound(connection)
    divisions = [each.division for each in connection.divisions]
    services.match_indexes.remove_all(divisions)
    services.read_progress().clear()
    for division in divisions:
        services.reference_store(division).remove_all()
    KeptReports(stack.tables.mappings, id).remove_all()
    Rehearsals(stack.tables.coordination, id).remove_all()
    Drafts(stack.tables.coordination).forget(id)
