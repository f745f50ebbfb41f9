"""The posting protocol: an approved order becomes one purchase order in Exact, never two.

received, fetched, planned (mapped and validated), intent recorded, posted, confirmed. The ledger
says where an order stands; whoever holds its message takes it from there. A recorded intent
whose outcome is not known is first looked for in Exact, and adopted when it is there.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import jmespath

from ml_connector import clock
from ml_connector.airbase.api import read_json
from ml_connector.airbase.orders import read_order
from ml_connector.airbase.vendors import with_vendor
from ml_connector.codes import problem
from ml_connector.connection import Connection, ExactDivision
from ml_connector.doors.ledger import Record, order_key
from ml_connector.exact.gateway import ExactGateway
from ml_connector.exact.limits import next_minute
from ml_connector.faults import Fault, Halt, Later, Review
from ml_connector.ids import ConnectionId, Division, OrderId, VendorId
from ml_connector.purchase_orders.fingerprint import digest, fingerprint
from ml_connector.purchase_orders.marker import your_ref
from ml_connector.purchase_orders.model import Order
from ml_connector.purchase_orders.plan import Plan, pick_division, plan
from ml_connector.words import Outcome, State
from ml_connector.workflows.case import HALTED_AGAIN, Case
from ml_connector.workflows.confirmation import amount_problems
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.finding import (
    PURCHASE_ORDERS,
    SYNC_PURCHASE_ORDERS,
    find_orders,
)
from ml_connector.workflows.messages import vendor_message
from ml_connector.workflows.provision import Provision

SETTLE = timedelta(seconds=120)
"""A worker lives at most 60 s: after this, no POST of an earlier intent is still under way."""

REFERENCE_MAX_AGE = timedelta(hours=24)
_REFRESH_WAIT = timedelta(seconds=60)
_APPROVED = {State.APPROVED, State.OPEN}


def advance(
    doors: Doors, connection_id: ConnectionId, id: OrderId, event: str | None = None
) -> Record:
    """Take one order as far as it can go now and return where it stands.

    `event` is the inbox key of the webhook that asked for it, None when the sweep did.
    Raises `Conflict` when another worker changed the order meanwhile.
    """
    case = Case(doors.ledger, doors.ledger.read(connection_id, order_key(id)))
    case.note_event(event, SETTLE)
    try:
        connection = doors.mappings.connection(connection_id)
        if connection is None:
            raise Review([problem("CONNECTION_GONE", id)])
        _Posting(doors, connection, id, case).run()
    except Fault as fault:
        case.put_aside(fault)
        _ask_for_vendor(doors, case.record)
    return case.record


def _ask_for_vendor(doors: Doors, record: Record) -> None:
    """Have an unknown vendor matched, once its order is seen to wait for it."""
    vendor = record.facts.get("vendor_id")
    if vendor and any(found["code"] == "UNKNOWN_VENDOR" for found in record.problems):
        known = {"name": record.facts["vendor_name"], "code": record.facts["vendor_code"]}
        doors.queues.send(vendor_message(record.connection, vendor, **known))


class _Posting:
    def __init__(self, doors: Doors, connection: Connection, id: OrderId, case: Case) -> None:
        self.doors = doors
        self.connection = connection
        self.id = id
        self.case = case

    def run(self) -> None:
        self._refuse_when_halted()
        if self.case.record.state == "posting":
            self._look()
        self._refuse_without_budget()
        order = self._fetch()
        if self.case.record.state == "posted":
            self._compare(order)
        elif ending := _ending(order):
            self.case.step(ending, ending, order=order.title, problems=[])
        else:
            self._post_order(order, pick_division(order, self.connection))

    def _refuse_when_halted(self, division: Division | None = None) -> None:
        if self.doors.ledger.halted(self.connection.id, division):
            where = f"division {division}" if division else "the connection"
            raise Later("HALTED", clock.now() + HALTED_AGAIN, f"{where} is stopped.")

    def _refuse_without_budget(self) -> None:
        """Spare Airbase the question while Exact could not be told the answer."""
        division = self.case.record.facts.get("division")
        if self.case.record.state == "posted" or not division:
            return
        if until := self.doors.budget(self.connection).exhausted_until(Division(division)):
            code = "EXACT_DAY_LIMIT" if until > next_minute(clock.now()) else "EXACT_MINUTE_LIMIT"
            raise Later(code, until, f"the calls of division {division} are used up.")

    def _fetch(self) -> Order:
        profile = self.connection.profile
        day = datetime.fromisoformat(self.case.record.received_at).date()
        order = read_order(self._raw_order(), profile, day)
        if order.id != self.id:
            raise Review([problem("NOT_THE_ORDER", self.id, f"It was {order.id}.")])
        if _ending(order) or not order.vendor.id:
            return order
        airbase = self.doors.airbase(self.connection)
        return with_vendor(order, airbase.vendor(VendorId(order.vendor.id)), profile)

    def _raw_order(self) -> Any:
        profile = self.connection.profile
        if profile.order_source == "detail":
            return self.doors.airbase(self.connection).order(self.id)
        events = self.case.record.facts.get("events") or [""]
        kept = self.doors.inbox.get(self.connection.id, events[-1])
        if kept is None:
            raise Review([problem("NOT_IN_AIRBASE", self.id, "Its event is no longer kept.")])
        try:
            return jmespath.search(profile.event_order, read_json(kept.body))
        except ValueError:
            raise Review([problem("UNREADABLE_EVENT", self.id)]) from None

    def _post_order(self, order: Order, division: ExactDivision) -> None:
        self._note_fetched(order, division)
        self._refuse_when_halted(division.division)
        made = self._plan(order, division)
        gateway = self.doors.exact(self.connection)
        self._intend(order, division, made)
        self._post(gateway, division.division, made)

    def _note_fetched(self, order: Order, division: ExactDivision) -> None:
        facts: dict[str, Any] = {
            "fingerprint": fingerprint(order),
            "division": division.division,
            "title": order.title,
            "vendor": str(order.vendor),
            "vendor_id": order.vendor.id,
            "vendor_name": order.vendor.name,
            "vendor_code": order.vendor.code,
            "total": str(order.total),
        }
        if facts.items() <= self.case.record.facts.items():
            return
        self.case.step(self.case.record.state, "fetched", SETTLE, **facts)

    def _plan(self, order: Order, division: ExactDivision) -> Plan:
        self._refuse_old_reference(division.division)
        made = self._plan_from_books(order, division)
        if made.needs:
            Provision(self.doors, self.connection, division).provide(made.needs)
            made = self._plan_from_books(order, division)
        return made

    def _plan_from_books(self, order: Order, division: ExactDivision) -> Plan:
        books = self.doors.books(self.connection, division.division)
        return plan(order, self.connection, division, books)

    def _refuse_old_reference(self, division: Division) -> None:
        read_at = self.doors.data(self.connection.id, division).freshness().streams_at
        if read_at and clock.now() - read_at < REFERENCE_MAX_AGE:
            return
        raise Later(  # the sweep has them read
            "REFERENCE_DATA_OLD",
            clock.now() + _REFRESH_WAIT,
            f"reference data of division {division} are being read.",
        )

    def _intend(self, order: Order, division: ExactDivision, made: Plan) -> None:
        """Record what will be sent before it is: whoever finds this looks in Exact first."""
        freshness = self.doors.data(self.connection.id, division.division).freshness()
        intent = {
            "at": clock.now().isoformat(),
            "division": division.division,
            "your_ref": your_ref(order.number, order.id),
            "digest": digest(made.body),
            "cursor": freshness.cursors.get(SYNC_PURCHASE_ORDERS, 1),
            "amount": str(order.total.amount),
        }
        self.case.step(
            "posting",
            "intent",
            SETTLE,
            {"body": made.body},
            intent=intent,
            problems=[],
            waiting=None,
        )

    def _post(self, gateway: ExactGateway, division: Division, made: Plan) -> None:
        try:
            entity = gateway.create(division, PURCHASE_ORDERS, made.body)
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
        intent = self.case.record.facts["intent"]
        settled = datetime.fromisoformat(intent["at"]) + SETTLE
        if clock.now() < settled:
            raise Later("OUTCOME_UNKNOWN", settled, "an earlier attempt may still be under way.")
        found = find_orders(self.doors, self.connection, self.id, intent)
        if len(found) > 1:
            numbers = ", ".join(str(one.get("OrderNumber")) for one in found)
            raise Review([problem("SEVERAL_IN_EXACT", self.case.title, f"Numbers: {numbers}.")])
        if found:
            self._confirm(found[0], "adopted")
        else:
            self.case.step("received", "looked", SETTLE, {"found": "nothing"})

    def _confirm(self, entity: Mapping[str, Any], step: str) -> None:
        record = self.case.record
        exact = {"id": entity["PurchaseOrderID"], "number": entity.get("OrderNumber")}
        self.doors.mappings.note_posted(self.connection.id, exact["id"], self.id)
        includes_vat = self.connection.amounts_include_vat
        problems = amount_problems(self.case.title, record.facts["intent"], entity, includes_vat)
        self.case.step(
            "posted",
            step,
            None,
            {"amount": str(entity.get("AmountFC"))},
            exact=exact,
            problems=[p.as_dict() for p in problems],
            waiting=None,
            posted_at=clock.now().isoformat(),
        )

    def _compare(self, order: Order) -> None:
        """A late or repeated approval of a posted order changes nothing; a changed one is shown."""
        facts = self.case.record.facts
        mark = fingerprint(order)
        if mark in {facts["fingerprint"], facts.get("seen")}:
            if self.case.record.due_at:
                self.case.step("posted", "unchanged")
            return
        number = facts["exact"]["number"]
        detail = f"It was {facts['total']}, now {order.total}; Exact order {number}."
        found = problem("CHANGED_AFTER_POSTING", order.title, detail)
        self.case.step("posted", "changed_in_airbase", problems=[found.as_dict()], seen=mark)


def _ending(order: Order) -> str | None:
    """Return the state in which an order that is not to be posted rests; None for the others."""
    if order.state is State.PENDING:
        return "awaiting_approval"
    if order.state not in _APPROVED:
        return f"not_posted_{order.state.value}"
    return None if order.outcome is Outcome.PURCHASE_ORDER else "not_an_order"
