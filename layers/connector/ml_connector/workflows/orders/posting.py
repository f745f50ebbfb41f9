"""The posting protocol: an approved order becomes one purchase order in Exact, never two.

received, fetched, planned (mapped and validated), intent recorded, posted, confirmed. The ledger
says where an order stands; whoever holds its message takes it from there. A recorded intent
whose outcome is not known is first looked for in Exact, and adopted when it is there.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from ml_connector import clock
from ml_connector.codes import problem
from ml_connector.connection import Connection, ExactDivision
from ml_connector.doors.ledger import Record, order_key
from ml_connector.exact.gateway import ExactGateway
from ml_connector.exact.orders import ORDERS_PATH
from ml_connector.faults import Fault, Halt, Later, Review
from ml_connector.ids import ConnectionId, Division, OrderId
from ml_connector.open_exceptions import SET_ASIDE
from ml_connector.purchase_orders.exact_order import ExactOrder
from ml_connector.purchase_orders.fingerprint import digest, fingerprint
from ml_connector.purchase_orders.model import Order
from ml_connector.purchase_orders.plan import Plan, pick_division
from ml_connector.workflows.case import SETTLE, Case
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.messages import vendor_message
from ml_connector.workflows.orders.amending import Amending, taken_over
from ml_connector.workflows.orders.confirmation import confirmed
from ml_connector.workflows.orders.fetching import fetch_order, is_wanted, vendor_facts
from ml_connector.workflows.orders.judging import (
    ended,
    find_posted,
    intended,
    judge_new,
    refuse_unsettled,
    refuse_when_halted,
    refuse_without_budget,
)
from ml_connector.workflows.orders.planning import plan_order


def advance(
    doors: Doors,
    connection_id: ConnectionId,
    id: OrderId,
    event: str | None = None,
    *,
    by_hand: bool = False,
) -> Record:
    """Take one order as far as it can go now and return where it stands.

    `event` is the inbox key of the webhook that asked for it, None when the sweep did;
    `by_hand`: a person did. Raises `Conflict` when another worker changed the order meanwhile.
    """
    case = Case(doors.ledger, doors.ledger.read(connection_id, order_key(id)))
    case.note_event(event, SETTLE)
    try:
        connection = doors.mappings.connection(connection_id)
        if connection is None:
            raise Review([problem("CONNECTION_GONE", id)])
        _Posting(doors, connection, id, case, by_hand=by_hand).run()
    except Fault as fault:
        case.put_aside(fault)
        _ask_for_vendor(doors, case.record)
    return case.record


def look_at_exact(doors: Doors, connection_id: ConnectionId, id: OrderId) -> None:
    """Compare a posted order with what Exact now tells of it; our own echoes end here.

    A change by others is looked at closely, as `advance` does.
    """
    case = Case(doors.ledger, doors.ledger.read(connection_id, order_key(id)))
    connection = doors.mappings.connection(connection_id)
    if connection is None or case.record.state in {"posting", "amending"}:
        return  # its own worker is still at it, and reads what has become of it
    if not case.record.facts.get("exact"):
        return
    amending = Amending(doors, connection, case)
    found = doors.exact_orders(connection_id, amending.division).get(amending.id)
    if found and amending.is_quiet(found):
        amending.note_status(found)
        return
    case.step(case.record.state, "changed_in_exact", SETTLE, look=True)
    advance(doors, connection_id, id)


def _ask_for_vendor(doors: Doors, record: Record) -> None:
    """Have an unknown vendor matched, once its order is seen to wait for it."""
    vendor = record.facts.get("vendor_id")
    if vendor and any(found["code"] == "UNKNOWN_VENDOR" for found in record.problems):
        known = {"name": record.facts["vendor_name"], "code": record.facts["vendor_code"]}
        doors.queues.send(vendor_message(record.connection, vendor, **known))


class _Posting:
    def __init__(
        self, doors: Doors, connection: Connection, id: OrderId, case: Case, *, by_hand: bool
    ) -> None:
        self.doors = doors
        self.connection = connection
        self.id = id
        self.case = case
        self.by_hand = by_hand

    def run(self) -> None:
        if self.case.record.state == SET_ASIDE:
            self.case.stay_aside()
            return
        refuse_when_halted(self.doors, self.connection)
        if self.case.record.state == "posting":
            self._look()
        refuse_without_budget(self.doors, self.connection, self.case.record)
        order = fetch_order(self.doors, self.connection, self.id, self.case.record)
        if self.case.record.facts.get("exact"):
            amending = Amending(self.doors, self.connection, self.case, by_hand=self.by_hand)
            if not amending.follow(order):
                return
        if is_wanted(order):
            self._post_order(order, pick_division(order, self.connection))
        else:
            self.case.step(ended(order), ended(order), order=order.title, problems=[])

    def _post_order(self, order: Order, division: ExactDivision) -> None:
        self._note_fetched(order, division)
        refuse_when_halted(self.doors, self.connection, division.division)
        gateway = self.doors.exact(self.connection)
        gateway.circuit.check()
        plan = partial(plan_order, self.doors, self.connection)
        decided = judge_new(self.doors, self.connection, self.case.record, order, division, plan)
        if decided.left:
            self._adopt_left_behind(order, division, decided.plan, decided.left)
            return
        is_restored = self.doors.ledger.looks_first(self.connection.id)
        self._intend(order, division, decided.plan, is_restored=is_restored)
        if not (is_restored and self._adopt()):
            self._post(gateway, division.division, decided.plan)

    def _note_fetched(self, order: Order, division: ExactDivision) -> None:
        facts: dict[str, Any] = {
            "fingerprint": fingerprint(order),
            "division": division.division,
            "title": order.title,
            **vendor_facts(order),
            "total": str(order.total),
        }
        if facts.items() <= self.case.record.facts.items():
            return
        self.case.step(self.case.record.state, "fetched", SETTLE, **facts)

    def _intend(
        self, order: Order, division: ExactDivision, made: Plan, *, is_restored: bool
    ) -> None:
        """Record what will be sent before it is: whoever finds this looks in Exact first.

        `is_restored`: it may have been posted in a time that the ledger has forgotten.
        """
        looked = intended(self.doors, self.connection, order, division, is_restored=is_restored)
        intent = {
            **looked,
            "at": clock.now().isoformat(),
            "digest": digest(made.body),
            "amount": str(order.total.amount),
        }
        self.case.step(
            "posting", "intent", SETTLE, intent=intent, body=made.body, problems=[], waiting=None
        )

    def _post(self, gateway: ExactGateway, division: Division, made: Plan) -> None:
        try:
            entity = gateway.create(division, ORDERS_PATH, made.body)
        except Later as later:
            if later.outcome_unknown:
                raise Later("OUTCOME_UNKNOWN", clock.now() + SETTLE, later.cause) from later
            self.case.step("received", "not_sent", SETTLE)
            raise
        except (Review, Halt):
            self.case.step("received", "refused", SETTLE)
            raise
        self._confirm(entity, "posted")

    def _look(self) -> None:
        """Find out what became of an intent: adopt what is there, else free the order to go on."""
        refuse_unsettled(self.case.record.facts["intent"])
        if not self._adopt():
            self.case.step("received", "looked", SETTLE, {"found": "nothing"})

    def _adopt(self) -> bool:
        """Take for ours the order that is in Exact already; return whether there is one."""
        intent = self.case.record.facts["intent"]
        found = find_posted(self.doors, self.connection, self.case.record, intent)
        if found:
            self._confirm(found, "adopted")
        return bool(found)

    def _adopt_left_behind(
        self, order: Order, division: ExactDivision, made: Plan, left: ExactOrder
    ) -> None:
        """An order of ours that the ledger has lost: it is followed, not posted again."""
        self.doors.mappings.note_posted(self.connection.id, left.id, self.id)
        facts = taken_over(left, division.division, made.body)
        self.case.step("amending", "found_again", SETTLE, **facts)
        Amending(self.doors, self.connection, self.case).follow(order)

    def _confirm(self, entity: Mapping[str, Any], step: str) -> None:
        approved = Decimal(self.case.record.facts["intent"]["amount"])
        facts = confirmed(self.connection, self.case.title, approved, entity)
        self.doors.mappings.note_posted(self.connection.id, facts["exact"]["id"], self.id)
        self.case.step("posted", step, None, **facts, posted_at=clock.now().isoformat())
        self.doors.measure({"OrdersPosted": 1}, connection=self.connection.id)
