"""The preconditions of work on an order; each check raises `Later` when one does not hold."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ml_connector import clock
from ml_connector.domain.faults import Later
from ml_connector.domain.ids import Division
from ml_connector.domain.orders.marker import your_ref
from ml_connector.domain.orders.order import Order
from ml_connector.exact.purchase_orders import STREAM_PATH
from ml_connector.exact.rate_limit_headers import next_minute
from ml_connector.infrastructure.ledger import Record
from ml_connector.services import Services
from ml_connector.settings.connection import Connection, ExactDivision
from ml_connector.tracked_record import HALT_RETRY, SETTLE


def search_facts(
    services: Services,
    connection: Connection,
    order: Order,
    division: ExactDivision,
    *,
    is_restored: bool,
) -> dict[str, Any]:
    """Return the facts by which the order can be found in Exact later.

    `is_restored`: the ledger was restored, so all of Exact's stream is searched.
    """
    cursor = services.reference_store(connection.id, division.division).cursor(STREAM_PATH)
    return {
        "division": division.division,
        "your_ref": your_ref(order.number, order.id),
        "cursor": 1 if is_restored else cursor.timestamp,
    }


def refuse_unsettled_intent(intent: Mapping[str, Any]) -> None:
    """Raise `Later` while an earlier posting of the order may still be under way."""
    refuse_until_settled(intent, "an earlier attempt may still be under way.")


def refuse_when_halted(
    services: Services, connection: Connection, division: Division | None = None
) -> None:
    """Raise `Later` while the connection, or the division, is stopped."""
    if services.ledger.halted(connection.id, division):
        where = f"division {division}" if division else "the connection"
        raise Later("HALTED", clock.now() + HALT_RETRY, f"{where} is stopped.")


def refuse_without_calls_left(services: Services, connection: Connection, record: Record) -> None:
    """Raise `Later`, before Airbase is called, when Exact cannot be called afterwards."""
    division = record.facts.get("division")
    if record.state == "posted" or not division:
        return
    services.exact(connection).circuit_breaker.check()
    if until := services.rate_limiter(connection).exhausted_until(Division(division)):
        code = "EXACT_DAY_LIMIT" if until > next_minute(clock.now()) else "EXACT_MINUTE_LIMIT"
        raise Later(code, until, f"the calls of division {division} are used up.")


def refuse_until_settled(begun: Mapping[str, Any], cause: str) -> None:
    """Raise `Later` until what was begun has settled: nothing is read or written before that."""
    if begun and clock.now() < (settled := datetime.fromisoformat(begun["at"]) + SETTLE):
        raise Later("OUTCOME_UNKNOWN", settled, cause)
