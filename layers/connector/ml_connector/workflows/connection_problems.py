"""Open exceptions on the connection's own record: each source keeps its own and no other's."""

from collections.abc import Sequence

from ml_connector.doors.ledger import CONNECTION, Conflict, Ledger
from ml_connector.faults import Problem
from ml_connector.ids import ConnectionId
from ml_connector.open_exceptions import are_alike
from ml_connector.telemetry import logger


def report(
    ledger: Ledger, connection: ConnectionId, about: str, step: str, found: Sequence[Problem]
) -> None:
    """Make `found` the only problems whose record begins with `about`; audited when they changed.

    An empty list closes them. When somebody else writes the record at this moment, the next run
    reports it.
    """
    record = ledger.read(connection, CONNECTION)
    others = [each for each in record.every_problem if not str(each["record"]).startswith(about)]
    problems = [*others, *(problem.as_dict() for problem in found)]
    if are_alike(problems, record.every_problem):
        return
    state = "active" if record.state == "new" else record.state
    try:
        ledger.write(record.now(state, problems=problems), step, problems=problems)
    except Conflict:
        logger().info("the next run reports it", connection=connection)
