"""Decide the next step for an order from what Airbase and Exact say now; nothing is written.

The worker carries the step out, a preview shows it. They differ only in the order mapper: the
worker's creates missing prerequisites first, the preview's only lists them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Review
from ml_connector.domain.ids import Division, Guid, OrderId
from ml_connector.domain.orders.decision import Decision, WantedOrder, decide
from ml_connector.domain.orders.edits import is_same
from ml_connector.domain.orders.exact_order import ExactOrder
from ml_connector.domain.orders.fingerprint import fingerprint
from ml_connector.domain.orders.mapping import MappedOrder, pick_division
from ml_connector.domain.orders.order import Order
from ml_connector.domain.records import Body, Intent, OrderState, posted_facts
from ml_connector.domain.states import ApprovalState
from ml_connector.infrastructure.ledger import OrderRecord
from ml_connector.purchase_orders.exact_lookup import (
    fetch_current,
    find_orders,
    find_unrecorded,
    refuse_duplicate,
)
from ml_connector.purchase_orders.fetch import is_wanted
from ml_connector.purchase_orders.preconditions import refuse_until_settled
from ml_connector.services import Services
from ml_connector.settings.connection import ExactDivision

OrderMapper = Callable[[Order, ExactDivision], MappedOrder]
"""Maps an order to a division; raises `Review` with everything that is wrong with it."""


@dataclass(frozen=True)
class NewOrderStep:
    """The next step for an order without an Exact order in the ledger.

    Post `mapped`, or adopt `unrecorded`: an order of ours in Exact that the ledger has lost.
    """

    mapped: MappedOrder
    unrecorded: ExactOrder | None = None


@dataclass(frozen=True)
class NextStep:
    """The next step for a posted order.

    `found` is the order in Exact; `body` is what it should be, None when it should not exist.
    """

    decision: Decision
    body: Body | None
    found: ExactOrder | None


NothingToDo = Literal["unchanged", "pending"]
"""Why there is nothing to do; Exact was not called to find out."""


def decide_new_order(
    services: Services,
    record: OrderRecord,
    order: Order,
    division: ExactDivision,
    map_order: OrderMapper,
    deleted: Guid | None = None,
) -> NewOrderStep:
    """Return the next step for an order that was not posted.

    `deleted`: an Exact order that is known to be deleted. Raises `Review` with everything that is
    wrong with the order, or when it looks like an order already in Exact.
    """
    mapped = map_order(order, division)
    orders = services.exact_orders(division.division)
    unrecorded = find_unrecorded(orders, services.id, order, deleted)
    if unrecorded is None:
        not_duplicates = record.facts.not_duplicates

        def is_known_other(id: Guid) -> bool:
            """Return whether a person said so, or it belongs to another Airbase order."""
            if id in not_duplicates:
                return True
            return services.notes.order_of(id) not in {None, order.id}

        refuse_duplicate(
            orders, services.connection, order, mapped.body["Supplier"], is_known_other
        )
    return NewOrderStep(mapped, unrecorded)


class PostedOrderDecider:
    """Decides the next step for one posted order."""

    def __init__(
        self,
        services: Services,
        record: OrderRecord,
        map_order: OrderMapper,
        *,
        by_hand: bool = False,
    ) -> None:
        """Take the posted order of `record`; `by_hand`: a person asked for a retry."""
        self._services = services
        self._connection = services.connection
        self._record = record
        self._map_order = map_order
        self._by_hand = by_hand
        self._posted = posted_facts(record.facts)
        self._division = self._posted.division
        self._change = record.facts.change

    def decide_next(self, order: Order) -> NextStep | NothingToDo:
        """Return what brings the order in Exact in line with `order`.

        Raises `Review` when the order cannot be mapped, `Later` and `Halt` as the remotes do.
        """
        if self._is_unchanged(order):
            return "unchanged"
        if self._change:
            refuse_until_settled(self._change.at, "change")
        if order.state is ApprovalState.PENDING and not self._is_unresolved():
            return "pending"
        if is_wanted(order):
            division = pick_division(order, self._connection)
            if division.division != self._division:
                return self._decide_other_division(division.division)
        wanted = self._wanted_order(order)
        found = self._fetch_current()
        decision = decide(wanted, self._posted.body, found)
        return NextStep(decision, wanted.body, found)

    def _is_unchanged(self, order: Order) -> bool:
        """Exact is not called for a late or repeated event of an unchanged order."""
        record = self._record
        if record.problems or record.facts.is_changed_in_exact:
            return False
        if is_wanted(order):
            is_posted = record.state == OrderState.POSTED
            return is_posted and fingerprint(order) == record.facts.fingerprint
        return record.state == unposted_state(order)

    def _decide_other_division(self, now: Division) -> NextStep:
        """Post to the other division on request, once the old order is gone from Exact."""
        found = self._fetch_current()
        if found is None and self._by_hand:
            return NextStep(Decision("repost"), None, None)
        values = {"before": str(self._division), "now": str(now)}
        decision = Decision("report", "DIVISION_CHANGED", detail="divisions", values=values)
        return NextStep(decision, None, found)

    def _wanted_order(self, order: Order) -> WantedOrder:
        state, body = self._wanted_state_and_body(order)
        return WantedOrder(
            state=state,
            body=body,
            is_under_way=bool(self._change),
            may_repost=self._by_hand or self._may_be_gone,
            last_written_amount=self._posted.exact.amount,
            when_cancelled=self._connection.when_cancelled,
            when_closed=self._connection.when_closed,
        )

    def _wanted_state_and_body(self, order: Order) -> tuple[ApprovalState, Body | None]:
        last_written = self._posted.body
        if order.state is ApprovalState.PENDING:  # until it is approved, the last approval counts
            body = self._change.body if self._change else last_written
            return ApprovalState.APPROVED, body
        if is_wanted(order):
            body = self._map_order(order, pick_division(order, self._connection)).body
            adopted = self._record.facts.adopted_as
            if adopted and is_same(body, adopted):  # it stays as people entered it in Exact
                body = last_written
            return order.state, body
        if order.state in {ApprovalState.APPROVED, ApprovalState.OPEN}:
            return ApprovalState.CANCELLED, None  # it is no longer a purchase order
        return order.state, None

    def _fetch_current(self) -> ExactOrder | None:
        return fetch_current(
            self._services,
            self._division,
            self._posted.exact.id,
            may_be_gone=self._may_be_gone,
        )

    @property
    def _may_be_gone(self) -> bool:
        """Return whether a removal of ours is under way."""
        return self._change is not None and self._change.what == "removal"

    def _is_unresolved(self) -> bool:
        return bool(self._record.problems or self._record.facts.is_changed_in_exact or self._change)


def unposted_state(order: Order) -> OrderState:
    """Return the record's state for an order that should not, or no longer, be in Exact."""
    if order.state is ApprovalState.PENDING:
        return OrderState.AWAITING_APPROVAL
    if order.state in {ApprovalState.APPROVED, ApprovalState.OPEN}:
        return OrderState.NOT_AN_ORDER
    return OrderState(order.state.value)


def find_posted(
    services: Services,
    record: OrderRecord,
    intent: Intent,
    *,
    remember: bool = True,
) -> Mapping[str, Any] | None:
    """Return the Exact order that an earlier attempt created, None when there is none.

    `remember`: as for `find_orders`. Raises `Review` when there are several.
    """
    id = OrderId(record.key.partition("#")[2])
    found = find_orders(services, id, intent, remember=remember)
    if len(found) > 1:
        numbers = ", ".join(str(one.get("OrderNumber")) for one in found)
        title = record.facts.title or id
        raise Review([problem("SEVERAL_IN_EXACT", title, "numbers", numbers=numbers)])
    return found[0] if found else None
