"""Open exceptions on the connection's own record: each source replaces only its own."""

from collections.abc import Sequence

from ml_connector.domain.faults import Problem
from ml_connector.domain.ids import ConnectionId
from ml_connector.domain.open_exceptions import are_alike
from ml_connector.infrastructure.ledger import CONNECTION, Conflict, Ledger
from ml_connector.telemetry import logger


def report_connection_problems(
    ledger: Ledger, connection: ConnectionId, about: str, step: str, found: Sequence[Problem]
) -> None:
    """Replace the problems whose record begins with `about` by `found`; audited if they changed.

    An empty list closes them. If another process is writing the record, the next run reports them.
    """
    record = ledger.read(connection, CONNECTION)
    others = [each for each in record.all_problems if not str(each["record"]).startswith(about)]
    problems = [*others, *(problem.as_dict() for problem in found)]
    if are_alike(problems, record.all_problems):
        return
    state = "active" if record.state == "new" else record.state
    try:
        ledger.write(record.now(state, problems=problems), step, problems=problems)
    except Conflict:
        logger().info("the next run reports it", connection=connection)
