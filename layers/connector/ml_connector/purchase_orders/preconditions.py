"""The preconditions of work on an order; each check raises `Later` when one does not hold."""

from datetime import datetime

from ml_connector import clock
from ml_connector.domain.exception_codes import delay
from ml_connector.domain.ids import Division
from ml_connector.domain.orders.marker import your_ref
from ml_connector.domain.orders.order import Order
from ml_connector.domain.records import Intent, OrderState
from ml_connector.exact.purchase_orders import STREAM_PATH
from ml_connector.exact.rate_limit_headers import next_minute
from ml_connector.infrastructure.ledger import Ledger, OrderRecord
from ml_connector.infrastructure.reference_store import ReferenceStore
from ml_connector.services import Services
from ml_connector.settings.connection import ExactDivision
from ml_connector.tracked_record import HALT_RETRY, SETTLE


def new_intent(
    data: ReferenceStore,
    order: Order,
    division: ExactDivision,
    *,
    is_restored: bool,
) -> Intent:
    """Return what finds the order in Exact if the answer to a POST is lost.

    `is_restored`: the ledger was restored, so all of Exact's stream is searched.
    """
    cursor = data.cursor(STREAM_PATH)
    return Intent(
        division=division.division,
        your_ref=your_ref(order.number, order.id),
        cursor=1 if is_restored else cursor.timestamp,
        at=clock.now(),
        amount=order.total.amount,
    )


def refuse_unsettled_intent(intent: Intent) -> None:
    """Raise `Later` while an earlier posting of the order may still be under way."""
    refuse_until_settled(intent.at, "attempt")


def refuse_when_halted(ledger: Ledger, division: Division | None = None) -> None:
    """Raise `Later` while the connection, or the division, is stopped."""
    if ledger.halted(division):
        detail = "division" if division else "connection"
        raise delay("HALTED", clock.now() + HALT_RETRY, detail, division=division)


def refuse_without_calls_left(services: Services, record: OrderRecord) -> None:
    """Raise `Later`, before Airbase is called, when Exact cannot be called afterwards."""
    division = record.facts.division
    if record.state == OrderState.POSTED or not division:
        return
    services.exact.circuit_breaker.check()
    if until := services.rate_limiter.exhausted_until(division):
        code = "EXACT_DAY_LIMIT" if until > next_minute(clock.now()) else "EXACT_MINUTE_LIMIT"
        raise delay(code, until, "division", division=division)


def refuse_until_settled(begun_at: datetime, what: str) -> None:
    """Raise `Later` until what was begun ("attempt", "change") has settled.

    Nothing is read or written before that.
    """
    settled = begun_at + SETTLE
    if clock.now() < settled:
        raise delay("OUTCOME_UNKNOWN", settled, what)
