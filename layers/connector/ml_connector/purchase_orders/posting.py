"""The posting protocol: an approved order becomes one purchase order in Exact, never two.

Received, fetched, mapped and validated, intent recorded, posted, confirmed. The ledger says where
an order stands, and a worker continues from there. An intent with an unknown outcome is first
looked up in Exact, and the order adopted when it is there.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from ml_connector import clock
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Fault, Halt, Later, Review
from ml_connector.domain.ids import ConnectionId, Division, OrderId
from ml_connector.domain.open_exceptions import SET_ASIDE
from ml_connector.domain.orders.exact_order import ExactOrder
from ml_connector.domain.orders.fingerprint import digest, fingerprint
from ml_connector.domain.orders.mapping import MappedOrder, pick_division
from ml_connector.domain.orders.order import Order
from ml_connector.exact.client import ExactClient
from ml_connector.exact.purchase_orders import ORDERS_PATH
from ml_connector.infrastructure.ledger import Record, order_key
from ml_connector.messages import vendor_message
from ml_connector.purchase_orders.amending import OrderAmender, recovered_facts
from ml_connector.purchase_orders.fetch import fetch_order, is_wanted, vendor_facts
from ml_connector.purchase_orders.next_step import decide_new_order, find_posted, unposted_state
from ml_connector.purchase_orders.outcome import posted_facts
from ml_connector.purchase_orders.preconditions import (
    refuse_unsettled_intent,
    refuse_when_halted,
    refuse_without_calls_left,
    search_facts,
)
from ml_connector.purchase_orders.prerequisites import map_with_prerequisites
from ml_connector.services import Services
from ml_connector.settings.connection import Connection, ExactDivision
from ml_connector.tracked_record import SETTLE, TrackedRecord


def advance_order(
    services: Services,
    connection_id: ConnectionId,
    id: OrderId,
    event: str | None = None,
    *,
    by_hand: bool = False,
) -> Record:
    """Take one order as far as it can go now and return its record.

    `event` is the inbox key of the webhook that caused this, None for the sweep; `by_hand`: a
    person asked for it. Raises `Conflict` when another worker changed the order meanwhile.
    """
    tracked = TrackedRecord(services.ledger, services.ledger.read(connection_id, order_key(id)))
    tracked.note_event(event, SETTLE)
    try:
        connection = services.connections.get(connection_id)
        if connection is None:
            raise Review([problem("CONNECTION_GONE", id)])
        _Posting(services, connection, id, tracked, by_hand=by_hand).run()
    except Fault as fault:
        tracked.apply_fault(fault)
        _queue_unknown_vendor(services, tracked.record)
    return tracked.record


def compare_with_exact(services: Services, connection_id: ConnectionId, id: OrderId) -> None:
    """Compare a posted order with what Exact holds now; after our own write nothing differs.

    A change by others is processed as in `advance_order`.
    """
    tracked = TrackedRecord(services.ledger, services.ledger.read(connection_id, order_key(id)))
    connection = services.connections.get(connection_id)
    if connection is None or tracked.record.state in {"posting", "amending"}:
        return  # its worker is still busy, and reads the order again afterwards
    if not tracked.record.facts.get("exact"):
        return
    amender = OrderAmender(services, connection, tracked)
    found = services.exact_orders(connection_id, amender.division).get(amender.id)
    if found and amender.is_as_expected(found):
        amender.note_status(found)
        return
    tracked.step(tracked.record.state, "changed_in_exact", SETTLE, look=True)
    advance_order(services, connection_id, id)


def _queue_unknown_vendor(services: Services, record: Record) -> None:
    """Have an unknown vendor matched, now that an order waits for it."""
    vendor = record.facts.get("vendor_id")
    if vendor and any(found["code"] == "UNKNOWN_VENDOR" for found in record.problems):
        known = {"name": record.facts["vendor_name"], "code": record.facts["vendor_code"]}
        services.queues.send(vendor_message(record.connection, vendor, **known))


class _Posting:
    def __init__(
        self,
        services: Services,
        connection: Connection,
        id: OrderId,
        tracked: TrackedRecord,
        *,
        by_hand: bool,
    ) -> None:
        self.services = services
        self.connection = connection
        self.id = id
        self.tracked = tracked
        self.by_hand = by_hand

    def run(self) -> None:
        if self.tracked.record.state == SET_ASIDE:
            self.tracked.leave_set_aside()
            return
        refuse_when_halted(self.services, self.connection)
        if self.tracked.record.state == "posting":
            self._resolve_intent()
        refuse_without_calls_left(self.services, self.connection, self.tracked.record)
        order = fetch_order(self.services, self.connection, self.id, self.tracked.record)
        if self.tracked.record.facts.get("exact"):
            amender = OrderAmender(
                self.services, self.connection, self.tracked, by_hand=self.by_hand
            )
            if not amender.bring_in_line(order):
                return
        if is_wanted(order):
            self._post_order(order, pick_division(order, self.connection))
        else:
            state = unposted_state(order)
            self.tracked.step(state, state, order=order.title, problems=[])

    def _post_order(self, order: Order, division: ExactDivision) -> None:
        self._note_fetched(order, division)
        refuse_when_halted(self.services, self.connection, division.division)
        exact_client = self.services.exact(self.connection)
        exact_client.circuit_breaker.check()
        map_order = partial(map_with_prerequisites, self.services, self.connection)
        step = decide_new_order(
            self.services, self.connection, self.tracked.record, order, division, map_order
        )
        if step.unrecorded:
            self._adopt_unrecorded(order, division, step.mapped, step.unrecorded)
            return
        is_restored = self.services.ledger.must_look_up_first(self.connection.id)
        self._record_intent(order, division, step.mapped, is_restored=is_restored)
        if not (is_restored and self._adopt()):
            self._post(exact_client, division.division, step.mapped)

    def _note_fetched(self, order: Order, division: ExactDivision) -> None:
        facts: dict[str, Any] = {
            "fingerprint": fingerprint(order),
            "division": division.division,
            "title": order.title,
            **vendor_facts(order),
            "total": str(order.total),
        }
        if facts.items() <= self.tracked.record.facts.items():
            return
        self.tracked.step(self.tracked.record.state, "fetched", SETTLE, **facts)

    def _record_intent(
        self, order: Order, division: ExactDivision, mapped: MappedOrder, *, is_restored: bool
    ) -> None:
        """Record what will be sent before it is: a worker that finds this searches Exact first.

        `is_restored`: the ledger was restored and may have lost that the order was posted.
        """
        search = search_facts(
            self.services, self.connection, order, division, is_restored=is_restored
        )
        intent = {
            **search,
            "at": clock.now().isoformat(),
            "digest": digest(mapped.body),
            "amount": str(order.total.amount),
        }
        self.tracked.step(
            "posting", "intent", SETTLE, intent=intent, body=mapped.body, problems=[], waiting=None
        )

    def _post(self, exact_client: ExactClient, division: Division, mapped: MappedOrder) -> None:
        try:
            entity = exact_client.create(division, ORDERS_PATH, mapped.body)
        except Later as later:
            if later.outcome_unknown:
                raise Later("OUTCOME_UNKNOWN", clock.now() + SETTLE, later.cause) from later
            self.tracked.step("received", "not_sent", SETTLE)
            raise
        except (Review, Halt):
            self.tracked.step("received", "refused", SETTLE)
            raise
        self._confirm(entity, "posted")

    def _resolve_intent(self) -> None:
        """Find out the outcome of an intent: adopt the order if it is in Exact, else go on."""
        refuse_unsettled_intent(self.tracked.record.facts["intent"])
        if not self._adopt():
            self.tracked.step("received", "looked", SETTLE, {"found": "nothing"})

    def _adopt(self) -> bool:
        """Adopt the order that an earlier attempt created in Exact; return whether there is one."""
        intent = self.tracked.record.facts["intent"]
        found = find_posted(self.services, self.connection, self.tracked.record, intent)
        if found:
            self._confirm(found, "adopted")
        return bool(found)

    def _adopt_unrecorded(
        self, order: Order, division: ExactDivision, mapped: MappedOrder, unrecorded: ExactOrder
    ) -> None:
        """Adopt an order of ours that the ledger has lost, and bring it in line."""
        self.services.connections.note_posted(self.connection.id, unrecorded.id, self.id)
        facts = recovered_facts(unrecorded, division.division, mapped.body)
        self.tracked.step("amending", "found_again", SETTLE, **facts)
        OrderAmender(self.services, self.connection, self.tracked).bring_in_line(order)

    def _confirm(self, entity: Mapping[str, Any], step: str) -> None:
        approved = Decimal(self.tracked.record.facts["intent"]["amount"])
        facts = posted_facts(self.connection, self.tracked.title, approved, entity)
        self.services.connections.note_posted(self.connection.id, facts["exact"]["id"], self.id)
        self.tracked.step("posted", step, None, **facts, posted_at=clock.now().isoformat())
        self.services.measure({"OrdersPosted": 1}, connection=self.connection.id)
