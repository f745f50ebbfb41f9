"""The posting protocol: an approved order becomes one purchase order in Exact, never two.

Received, fetched, mapped and validated, intent recorded, posted, confirmed. The ledger says where
an order stands, and a worker continues from there. An intent with an unknown outcome is first
looked up in Exact, and the order adopted when it is there.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ml_connector import clock
from ml_connector.domain.exception_codes import delay, problem
from ml_connector.domain.faults import Fault, Halt, Later, Review
from ml_connector.domain.ids import Division, OrderId, VendorId
from ml_connector.domain.orders.exact_order import ExactOrder
from ml_connector.domain.orders.fingerprint import digest
from ml_connector.domain.orders.mapping import MappedOrder, pick_division
from ml_connector.domain.orders.order import Order
from ml_connector.domain.records import Intent, OrderState
from ml_connector.exact.client import ExactClient
from ml_connector.exact.purchase_orders import ORDERS_PATH
from ml_connector.infrastructure.ledger import Ledger, OrderRecord
from ml_connector.infrastructure.queues import Queues
from ml_connector.messages import vendor_message
from ml_connector.purchase_orders.amending import OrderAmender, recovered
from ml_connector.purchase_orders.fetch import fetch_order, is_wanted
from ml_connector.purchase_orders.next_step import decide_new_order, find_posted, unposted_state
from ml_connector.purchase_orders.outcome import posted_order, with_approved
from ml_connector.purchase_orders.preconditions import (
    new_intent,
    refuse_unsettled_intent,
    refuse_when_halted,
    refuse_without_calls_left,
)
from ml_connector.purchase_orders.prerequisites import map_with_prerequisites
from ml_connector.services import Services
from ml_connector.settings.connection import ExactDivision
from ml_connector.tracked_record import SETTLE, TrackedOrder


def advance_order(
    services: Services,
    id: OrderId,
    event: str | None = None,
    *,
    by_hand: bool = False,
) -> OrderRecord:
    """Take one order as far as it can go now and return its record.

    `event` is the inbox key of the webhook that caused this, None for the sweep; `by_hand`: a
    person asked for it. Raises `Conflict` when another worker changed the order meanwhile.
    """
    tracked = TrackedOrder(services.ledger, services.ledger.order(id))
    tracked.note_event(event, SETTLE)
    try:
        _Posting(services, id, tracked, by_hand=by_hand).run()
    except Fault as fault:
        tracked.apply_fault(fault)
        _queue_unknown_vendor(services.queues, tracked.record)
    return tracked.record


def refuse_order(ledger: Ledger, id: OrderId, event: str | None = None) -> None:
    """Open an exception for an order of a connection that has no settings any more."""
    tracked = TrackedOrder(ledger, ledger.order(id))
    tracked.note_event(event, SETTLE)
    tracked.apply_fault(Review([problem("CONNECTION_GONE", id)]))


def compare_with_exact(services: Services, id: OrderId) -> None:
    """Compare a posted order with what Exact holds now; after our own write nothing differs.

    A change by others is processed as in `advance_order`.
    """
    tracked = TrackedOrder(services.ledger, services.ledger.order(id))
    if tracked.record.state in {OrderState.POSTING, OrderState.AMENDING}:
        return  # its worker is still busy, and reads the order again afterwards
    if not tracked.facts.exact:
        return
    amender = OrderAmender(services, tracked)
    found = services.exact_orders(amender.division).get(amender.id)
    if found and amender.is_as_expected(found):
        amender.note_status(found)
        return
    facts = replace(tracked.facts, is_changed_in_exact=True)
    tracked.step(tracked.record.state, "changed_in_exact", facts, retry_in=SETTLE)
    advance_order(services, id)


def _queue_unknown_vendor(queues: Queues, record: OrderRecord) -> None:
    """Have an unknown vendor matched, now that an order waits for it."""
    facts = record.facts
    if facts.vendor_id and any(found.code == "UNKNOWN_VENDOR" for found in record.problems):
        vendor = VendorId(facts.vendor_id)
        message = vendor_message(
            record.connection, vendor, name=facts.vendor_name, code=facts.vendor_code
        )
        queues.send(message)


class _Posting:
    def __init__(
        self,
        services: Services,
        id: OrderId,
        tracked: TrackedOrder,
        *,
        by_hand: bool,
    ) -> None:
        self.services = services
        self.connection = services.connection
        self.id = id
        self.tracked = tracked
        self.by_hand = by_hand

    def run(self) -> None:
        if self.tracked.record.state == OrderState.SET_ASIDE:
            self.tracked.leave_set_aside()
            return
        refuse_when_halted(self.services.ledger)
        if self.tracked.record.state == OrderState.POSTING:
            self._resolve_intent()
        refuse_without_calls_left(self.services, self.tracked.record)
        order = fetch_order(self.services, self.id, self.tracked.record)
        if self.tracked.facts.exact:
            amender = OrderAmender(self.services, self.tracked, by_hand=self.by_hand)
            if not amender.bring_in_line(order):
                return
        if is_wanted(order):
            self._post_order(order, pick_division(order, self.connection))
        else:
            state = unposted_state(order)
            facts = replace(self.tracked.facts, order=order.title, problems=())
            self.tracked.step(state, state, facts)

    def _post_order(self, order: Order, division: ExactDivision) -> None:
        self._note_fetched(order, division)
        refuse_when_halted(self.services.ledger, division.division)
        exact_client = self.services.exact
        exact_client.circuit_breaker.check()
        map_order = partial(map_with_prerequisites, self.services)
        step = decide_new_order(self.services, self.tracked.record, order, division, map_order)
        if step.unrecorded:
            self._adopt_unrecorded(order, division, step.mapped, step.unrecorded)
            return
        is_restored = self.services.ledger.must_look_up_first()
        self._record_intent(order, division, step.mapped, is_restored=is_restored)
        if not (is_restored and self._adopt()):
            self._post(exact_client, division.division, step.mapped)

    def _note_fetched(self, order: Order, division: ExactDivision) -> None:
        facts = replace(with_approved(self.tracked.facts, order), division=division.division)
        if facts != self.tracked.facts:
            self.tracked.step(self.tracked.record.state, "fetched", facts, retry_in=SETTLE)

    def _record_intent(
        self, order: Order, division: ExactDivision, mapped: MappedOrder, *, is_restored: bool
    ) -> None:
        """Record what will be sent before it is: a worker that finds this searches Exact first.

        `is_restored`: the ledger was restored and may have lost that the order was posted.
        """
        intent = replace(
            new_intent(
                self.services.reference_store(division.division),
                order,
                division,
                is_restored=is_restored,
            ),
            digest=digest(mapped.body),
        )
        facts = replace(
            self.tracked.facts, intent=intent, body=mapped.body, problems=(), waiting=None
        )
        self.tracked.step(OrderState.POSTING, "intent", facts, retry_in=SETTLE)

    def _post(self, exact_client: ExactClient, division: Division, mapped: MappedOrder) -> None:
        try:
            entity = exact_client.create(division, ORDERS_PATH, mapped.body)
        except Later as later:
            if later.outcome_unknown:
                until = clock.now() + SETTLE
                raise delay("OUTCOME_UNKNOWN", until, "reason", reason=later.cause) from later
            self.tracked.step(OrderState.RECEIVED, "not_sent", retry_in=SETTLE)
            raise
        except (Review, Halt):
            self.tracked.step(OrderState.RECEIVED, "refused", retry_in=SETTLE)
            raise
        self._confirm(entity, "posted")

    def _resolve_intent(self) -> None:
        """Find out the outcome of an intent: adopt the order if it is in Exact, else go on."""
        refuse_unsettled_intent(self._intent)
        if not self._adopt():
            nothing = {"found": "nothing"}
            self.tracked.step(OrderState.RECEIVED, "looked", retry_in=SETTLE, detail=nothing)

    @property
    def _intent(self) -> Intent:
        intent = self.tracked.facts.intent
        if intent is None:
            raise ValueError(f"{self.tracked.title} is being posted without an intent")
        return intent

    def _adopt(self) -> bool:
        """Adopt the order that an earlier attempt created in Exact; return whether there is one."""
        found = find_posted(self.services, self.tracked.record, self._intent)
        if found:
            self._confirm(found, "adopted")
        return bool(found)

    def _adopt_unrecorded(
        self, order: Order, division: ExactDivision, mapped: MappedOrder, unrecorded: ExactOrder
    ) -> None:
        """Adopt an order of ours that the ledger has lost, and bring it in line."""
        self.services.notes.note_posted(unrecorded.id, self.id)
        facts = recovered(self.tracked.facts, unrecorded, division.division, mapped.body)
        self.tracked.step(OrderState.AMENDING, "found_again", facts, retry_in=SETTLE)
        OrderAmender(self.services, self.tracked).bring_in_line(order)

    def _confirm(self, entity: Mapping[str, Any], step: str) -> None:
        exact, problems = posted_order(
            self.connection, self.tracked.title, self._intent.amount, entity
        )
        self.services.notes.note_posted(exact.id, self.id)
        facts = replace(
            self.tracked.facts,
            exact=exact,
            problems=problems,
            waiting=None,
            posted_at=clock.now(),
        )
        self.tracked.step(OrderState.POSTED, step, facts)
        self.services.measure({"OrdersPosted": 1}, connection=self.connection.id)
