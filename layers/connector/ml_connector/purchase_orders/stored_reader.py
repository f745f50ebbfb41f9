"""Read what a decision asks without calling Exact: what was last read of it counts.

For a rehearsal of many orders: each is read in Airbase, each of their vendors once, and Exact is
asked nothing at all.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from ml_connector import clock
from ml_connector.domain.exception_codes import delay
from ml_connector.domain.faults import Fault
from ml_connector.domain.ids import VendorId
from ml_connector.domain.orders.exact_order import ExactHeader
from ml_connector.domain.orders.marker import order_token
from ml_connector.domain.orders.order import Order
from ml_connector.domain.orders.questions import (
    AirbaseOrder,
    AnyQuestion,
    OrderInExact,
    Outcome,
    WaitForExact,
)
from ml_connector.domain.states import ApprovalState, RequestOutcome
from ml_connector.exact.purchase_orders import STREAM_PATH
from ml_connector.infrastructure.ledger import OrderRecord
from ml_connector.purchase_orders.fetch import fetch_order, joined
from ml_connector.purchase_orders.reader import OrderReader
from ml_connector.services import Services

_READ_AGAIN = timedelta(minutes=5)


@dataclass
class VendorsOnce:
    """Airbase's vendors, each read once; `reads` counts the calls."""

    services: Services
    reads: int = 0
    _read: dict[VendorId, Any] = field(default_factory=dict)

    def get(self, id: VendorId) -> Any:
        """Return Airbase's JSON of a vendor; raises as its client does, at once when it did."""
        if id not in self._read:
            self.reads += 1
            self._read[id] = self._ask(id)
        if isinstance(self._read[id], Fault):
            raise self._read[id]
        return self._read[id]

    def _ask(self, id: VendorId) -> Any:
        try:
            return self.services.airbase().vendor(id)
        except Fault as fault:
            return fault


class StoredReader(OrderReader):
    """Answers the questions about one order out of Airbase and our own tables alone.

    An order that is not in Exact and was closed in Airbase since counts as approved: it was when it
    would have been posted.
    """

    def __init__(
        self, services: Services, record: OrderRecord, vendors: VendorsOnce, row: Any
    ) -> None:
        """Read for the order of `record`; `row` is how Airbase's listing shows it.

        The row counts where the tenant has no call for one order, and no event has brought it.
        """
        super().__init__(services, record, stores=False)
        self._vendors = vendors
        self._is_in_exact = bool(record.facts.exact)
        is_asked = services.connection.profile.order_source == "detail"
        self._raw = None if is_asked or record.facts.events else row

    def _answer(self, question: AnyQuestion) -> Any:
        match question:
            case AirbaseOrder():
                return self._order()
            case WaitForExact():
                return None
            case _:
                return super()._answer(question)

    def _order(self) -> Order:
        order = fetch_order(self._services, self._id, self._record, join=self._join, raw=self._raw)
        is_closed = order.state is ApprovalState.CLOSED and not self._is_in_exact
        if is_closed and order.outcome is RequestOutcome.PURCHASE_ORDER:
            return self._join(replace(order, state=ApprovalState.APPROVED))
        return order

    def _join(self, order: Order) -> Order:
        return joined(order, self._services.connection.profile, self._vendors.get)

    def _ask_exact(self, question: Outcome | OrderInExact) -> Any:
        stored = self._services.exact_orders(question.division)
        if isinstance(question, Outcome):
            token = order_token(self._services.id, self._id)
            return tuple(
                ExactHeader(one.id, one.number, one.amount, one.amount_without_vat)
                for one in stored.with_order_token(token)
            )
        found = stored.get(question.id)
        if found is None and not stored.is_deleted(question.id):  # posted since, or not read yet
            until, path = clock.now() + _READ_AGAIN, STREAM_PATH
            store = self._services.reference_store(question.division)
            reached = store.cursor(path).timestamp
            raise delay("REFERENCE_DATA_OLD", until, "read_up_to", path=path, timestamp=reached)
        return found


def reader_of(
    services: Services, vendors: VendorsOnce, row: Any
) -> Callable[[OrderRecord], OrderReader]:
    """Return what makes the reader of the order that is listed as `row`."""
    return lambda record: StoredReader(services, record, vendors, row)
