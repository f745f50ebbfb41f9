"""What a decision about an order may ask, and what is known of the order so far.

Nothing is read here. What `Known` cannot answer yet becomes a step `Read`; whoever runs the steps
reads the answers and asks for the next step again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Generic, TypeVar, cast

from msgspec import Struct

from ml_connector.domain.faults import Later
from ml_connector.domain.ids import Division, Guid, OrderId
from ml_connector.domain.orders.exact_order import ExactHeader, ExactOrder
from ml_connector.domain.orders.order import Order
from ml_connector.domain.records import OrderFacts, OrderState
from ml_connector.settings.connection import Connection

Answer = TypeVar("Answer")
Answer_co = TypeVar("Answer_co", covariant=True)


class Question(Struct, Generic[Answer_co], frozen=True):
    """Something that has to be read before a decision can be made."""


class ConnectionStanding(Struct, frozen=True):
    """Where the connection is stopped ("" for all of it, else the key of a division).

    `looks_first`: its ledger was restored, so a posted order may be missing from it.
    """

    halts: frozenset[str] = frozenset()
    looks_first: bool = False


class Standing(Question[ConnectionStanding], frozen=True):
    """Does the connection work? `is_fetched`: asked anew once the order was read in Airbase."""

    is_fetched: bool = False


class WaitForExact(Question[Later | None], frozen=True):
    """Why the division cannot be called now: an outage, its calls used up; None when it can."""

    division: Division


class TurnAtExact(Question[Later | None], frozen=True):
    """Why it is not the worker's turn to call the division; None when it is, and it keeps it.

    There is a call of the contract left, too.

    Asked once nothing else keeps the order from being sent.
    """

    division: Division


class AirbaseOrder(Question[Order], frozen=True):
    """What Airbase says of the order, with its vendor."""


class Outcome(Question[tuple[ExactHeader, ...]], frozen=True):
    """Which orders in Exact carry this order's marker; asked in Exact itself."""

    division: Division
    your_ref: str
    cursor: int
    """Where Exact's stream stood before the order was sent."""
    sent_at: datetime | None
    """When it may have been sent; None before that."""


class HasUsableData(Question[bool], frozen=True):
    """Are the division's reference data fresh enough to map an order?"""

    division: Division


class Lookup(Question[Any], frozen=True):
    """One question to a division's reference data: a method of `DivisionData`, its arguments."""

    division: Division
    what: str
    arguments: tuple[Any, ...]


class OrderInExact(Question[ExactOrder | None], frozen=True):
    """What Exact holds now; None when the order is gone. `may_be_gone`: we are removing it."""

    division: Division
    id: Guid
    may_be_gone: bool


class MarkedOrders(Question[tuple[ExactOrder, ...]], frozen=True):
    """Which orders, as Exact last reported them, carry this order's marker and still exist."""

    division: Division


class OrdersNear(Question[tuple[ExactOrder, ...]], frozen=True):
    """Which orders Exact has reported of a supplier, around a day."""

    division: Division
    supplier: Guid
    day: date


class OriginOf(Question[OrderId | None], frozen=True):
    """Which Airbase order an order in Exact came from; None when it is not ours."""

    id: Guid


class StreamPosition(Question[int], frozen=True):
    """How far the division's stream of purchase orders was read."""

    division: Division


AnyQuestion = (
    Standing
    | WaitForExact
    | TurnAtExact
    | AirbaseOrder
    | Outcome
    | HasUsableData
    | Lookup
    | OrderInExact
    | MarkedOrders
    | OrdersNear
    | OriginOf
    | StreamPosition
)


class UnansweredError(Exception):
    """A decision needs answers that were not read yet."""

    def __init__(self, questions: Sequence[Question[Any]]) -> None:
        """Take what has to be read."""
        super().__init__(questions)
        self.questions = tuple(cast("Sequence[AnyQuestion]", questions))


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of one order when its next step is decided.

    `now` is aware and in UTC. `by_hand`: a person asked for the order to be tried again.
    """

    now: datetime
    connection: Connection
    id: OrderId
    state: OrderState
    facts: OrderFacts
    due_at: datetime | None = None
    by_hand: bool = False
    answers: Mapping[Question[Any], Any] = field(default_factory=dict)
    created: frozenset[str] = frozenset()
    """The names of the prerequisites that were created for the order."""

    @property
    def title(self) -> str:
        """Return what people call the order."""
        return self.facts.title or self.id

    def ask(self, question: Question[Answer]) -> Answer:
        """Return the answer; raises `UnansweredError` when it was not read yet."""
        return self.ask_all([question])[0]

    def ask_all(self, questions: Sequence[Question[Answer]]) -> list[Answer]:
        """Return the answers; raises `UnansweredError` with all that were not read yet."""
        if unanswered := [each for each in questions if each not in self.answers]:
            raise UnansweredError(unanswered)
        return [cast("Answer", self.answers[each]) for each in questions]

    def need(self, *questions: AnyQuestion) -> None:
        """Raise `UnansweredError` with all that were not read yet: one reading for several."""
        self.ask_all(questions)

    def told(self, answers: Mapping[Any, Any]) -> "Known":
        """Return it with these answers, too."""
        return replace(self, answers={**self.answers, **answers})

    def having_created(self, names: Sequence[str]) -> "Known":
        """Return it after prerequisites were created: that took a while, all is asked again."""
        order: dict[Question[Any], Any] = {AirbaseOrder(): self.ask(AirbaseOrder())}
        return replace(self, answers=order, created=self.created | set(names))
