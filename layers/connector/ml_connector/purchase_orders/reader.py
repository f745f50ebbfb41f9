"""Read what a decision about an order asks: in Airbase, in Exact, in our own tables."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, assert_never

from ml_connector import clock
from ml_connector.domain.faults import Later, ReadPart
from ml_connector.domain.ids import Division, OrderId
from ml_connector.domain.orders.known_data import what_follows
from ml_connector.domain.orders.marker import order_token
from ml_connector.domain.orders.questions import (
    AirbaseOrder,
    AnyQuestion,
    ConnectionStanding,
    HasUsableData,
    Lookup,
    MarkedOrders,
    OrderInExact,
    OrdersNear,
    OriginOf,
    Outcome,
    Standing,
    StreamPosition,
    TurnAtExact,
    WaitForExact,
)
from ml_connector.exact.client import ExactClient
from ml_connector.exact.purchase_orders import STREAM_PATH
from ml_connector.infrastructure.ledger import Ledger, OrderRecord
from ml_connector.infrastructure.reference_store import StoredDivisionData
from ml_connector.purchase_orders.exact_lookup import fetch_current, find_orders, store_current
from ml_connector.purchase_orders.fetch import fetch_order
from ml_connector.reference_data.refresh import is_usable
from ml_connector.services import Services


class OrderReader:
    """Answers the questions about one order.

    `stores`: what Exact says of an order is stored and its turn taken, as the worker does and a
    preview does not.
    """

    def __init__(
        self,
        services: Services,
        record: OrderRecord,
        *,
        stores: bool,
        note: Callable[[ReadPart], None] | None = None,
    ) -> None:
        """Read for the order of `record`; `note` is told what lists show of it, once it is read."""
        self._note = note
        self._services = services
        self._record = record
        self._id = OrderId(record.key.partition("#")[2])
        self._stores = stores
        self._division_data: dict[Division, StoredDivisionData] = {}

    def answers(self, questions: tuple[AnyQuestion, ...]) -> Mapping[AnyQuestion, Any]:
        """Return the answers, and what will be asked next.

        Raises `Later`, `Review` or `Halt` as the remotes do.
        """
        answers: dict[AnyQuestion, Any] = {}
        unanswered = deque(questions)
        while unanswered:
            question = unanswered.popleft()
            if question not in answers:
                answers[question] = said = self._answer(question)
                if isinstance(question, Lookup):
                    unanswered.extend(what_follows(question, said))
        return answers

    def forget(self) -> None:
        """Read reference data anew from now on: something was created."""
        self._division_data.clear()

    def _answer(self, question: AnyQuestion) -> Any:
        match question:
            case AirbaseOrder():
                return fetch_order(self._services, self._id, self._record, self._note)
            case Outcome() | OrderInExact():
                return self._ask_exact(question)
            case Lookup(division, what, arguments):
                return getattr(self._data(division), what)(*arguments)
            case _:
                return self._look_up(question)

    def _ask_exact(self, question: Outcome | OrderInExact) -> Any:
        if isinstance(question, Outcome):
            return find_orders(self._services, self._id, question, remember=self._stores)
        division, id = question.division, question.id
        found = fetch_current(self._services, division, id, may_be_gone=question.may_be_gone)
        if self._stores:
            store_current(self._services.exact_orders(division), id, found)
        return found

    def _look_up(
        self,
        question: Standing
        | WaitForExact
        | TurnAtExact
        | HasUsableData
        | MarkedOrders
        | OrdersNear
        | OriginOf
        | StreamPosition,
    ) -> Any:
        services = self._services
        match question:
            case Standing():
                return _standing(services.ledger)
            case WaitForExact(division):
                return _wait_for_exact(services.exact(division), division)
            case TurnAtExact(division):
                return _wait_for_turn(services.exact(division), division) if self._stores else None
            case HasUsableData(division):
                return is_usable(services.reference_store(division))
            case MarkedOrders(division):
                token = order_token(services.id, self._id)
                return tuple(services.exact_orders(division).with_order_token(token))
            case OrdersNear(division, supplier, day):
                return tuple(services.exact_orders(division).near(supplier, day))
            case OriginOf(exact_order):
                return services.notes.order_of(exact_order)
            case StreamPosition(division):
                return services.reference_store(division).cursor(STREAM_PATH).timestamp
            case _:
                assert_never(question)

    def _data(self, division: Division) -> StoredDivisionData:
        if division not in self._division_data:
            stored = self._services.division_data(division)
            self._division_data[division] = stored
        return self._division_data[division]


def _standing(ledger: Ledger) -> ConnectionStanding:
    facts = ledger.connection().facts
    until = facts.looks_first_until
    looks_first = until is not None and clock.now() < until
    return ConnectionStanding(frozenset(facts.halts), looks_first)


def _wait_for_exact(exact_client: ExactClient, division: Division) -> Later | None:
    """Return why the division cannot be called now: an outage, or no calls left."""
    try:
        exact_client.circuit_breaker.check()
    except Later as later:
        return later
    if spent := exact_client.contract_day.spent():
        return spent
    return exact_client.rate_limiter.exhausted(division)


def _wait_for_turn(exact_client: ExactClient, division: Division) -> Later | None:
    """Take the turn of the division, and make sure of a call of the contract; return why not."""
    try:
        exact_client.turns.take(division)
        exact_client.contract_day.require()
    except Later as later:
        return later
    return None
