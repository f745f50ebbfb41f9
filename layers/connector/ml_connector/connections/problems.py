"""Open exceptions on the connection's own record: each source replaces only its own."""

from collections.abc import Sequence
from dataclasses import replace

from ml_connector.domain.faults import Problem
from ml_connector.domain.open_exceptions import are_alike
from ml_connector.domain.records import ConnectionState
from ml_connector.infrastructure.ledger import Conflict, Ledger
from ml_connector.telemetry import logger


def report_connection_problems(
    ledger: Ledger, about: str, step: str, found: Sequence[Problem]
) -> None:
    """Replace the problems whose record begins with `about` by `found`; audited if they changed.

    An empty list closes them. If another process is writing the record, the next run reports them.
    """
    record = ledger.connection()
    others = [each for each in record.facts.problems if not each.record.startswith(about)]
    problems = (*others, *found)
    if are_alike(problems, record.facts.problems):
        return
    is_new = record.state == ConnectionState.NEW
    state = ConnectionState.ACTIVE if is_new else record.state
    try:
        ledger.write(record.now(state, replace(record.facts, problems=problems)), step)
    except Conflict:
        logger().info("the next run reports it", connection=ledger.id)
