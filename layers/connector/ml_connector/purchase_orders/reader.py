"""Read what a decision about an order asks: in Airbase, in Exact, in our own tables."""

from collections.abc import Callable, Iterable, Mapping, Sequence
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
from ml_connector.infrastructure.ledger import ConnectionRecord, OrderRecord
from ml_connector.infrastructure.reference_store import StoredDivisionData, StreamCursor
from ml_connector.purchase_orders.exact_lookup import fetch_current, find_orders, store_current
from ml_connector.purchase_orders.fetch import fetch_order
from ml_connector.reference_data.refresh import are_usable
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
        self._cursors: dict[Division, Mapping[str, StreamCursor]] = {}

    def answers(self, questions: tuple[AnyQuestion, ...]) -> Mapping[AnyQuestion, Any]:
        """Return the answers, and what will be asked next.

        Raises `Later`, `Review` or `Halt` as the remotes do.
        """
        answers: dict[AnyQuestion, Any] = {}
        asked: Iterable[AnyQuestion] = questions
        while unanswered := [each for each in dict.fromkeys(asked) if each not in answers]:
            lookups = [each for each in unanswered if isinstance(each, Lookup)]
            self._read_ahead(lookups)
            answers |= {each: self._answer(each) for each in unanswered}
            asked = [more for each in lookups for more in what_follows(each, answers[each])]
        return answers

    def _read_ahead(self, lookups: Sequence[Lookup]) -> None:
        for division in dict.fromkeys(each.division for each in lookups):
            self._data(division).read_ahead(
                (each.what, each.arguments) for each in lookups if each.division == division
            )

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
                return standing_of(services.ledger.connection())
            case WaitForExact(division):
                return services.exact(division).why_not(division)
            case TurnAtExact(division):
                return _wait_for_turn(services.exact(division), division) if self._stores else None
            case HasUsableData(division):
                self._cursors[division] = services.reference_store(division).cursors()
                return are_usable(self._cursors[division])
            case MarkedOrders(division):
                token = order_token(services.id, self._id)
                return tuple(services.exact_orders(division).with_order_token(token))
            case OrdersNear(division, supplier, day):
                return tuple(services.exact_orders(division).near(supplier, day))
            case OriginOf(exact_order):
                return services.notes.order_of(exact_order)
            case StreamPosition(division):
                return self._stream(division).timestamp
            case _:
                assert_never(question)

    def _stream(self, division: Division) -> StreamCursor:
        """Return how far Exact's orders were read; what was read just before is low enough."""
        if division in self._cursors:
            return self._cursors[division].get(STREAM_PATH, StreamCursor())
        return self._services.reference_store(division).cursor(STREAM_PATH)

    def _data(self, division: Division) -> StoredDivisionData:
        if division not in self._division_data:
            stored = self._services.division_data(division)
            self._division_data[division] = stored
        return self._division_data[division]


def standing_of(connection: ConnectionRecord) -> ConnectionStanding:
    """Return what the connection's record says of it."""
    facts = connection.facts
    until = facts.looks_first_until
    looks_first = until is not None and clock.now() < until
    return ConnectionStanding(frozenset(facts.halts), looks_first)


def _wait_for_turn(exact_client: ExactClient, division: Division) -> Later | None:
    """Take the turn of the division, and make sure of a call of the contract; return why not."""
    try:
        exact_client.turns.take(division)
        exact_client.contract_day.require()
    except Later as later:
        return later
    return None
