"""The two ways out of a possible duplicate: it is another order, or it is this one."""

from collections.abc import Callable
from typing import Any

from connector_cli.actions import orders, records
from connector_cli.complaints import Complaint
from connector_cli.stack import Stack
from ml_connector import clock
from ml_connector.connection import Connection
from ml_connector.doors.ledger import Conflict, Record, order_key
from ml_connector.ids import ConnectionId, Division, Guid, OrderId
from ml_connector.purchase_orders.exact_order import ExactOrder
from ml_connector.purchase_orders.marker import marks, marks_in
from ml_connector.purchase_orders.model import Order
from ml_connector.purchase_orders.plan import Plan, pick_division
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.orders.adopting import adopted_facts
from ml_connector.workflows.orders.fetching import fetch_order, is_wanted
from ml_connector.workflows.orders.live import ask_live
from ml_connector.workflows.orders.planning import plan_from_books

CODE = "POSSIBLE_DUPLICATE"
_ATTEMPTS = 3


def not_a_duplicate(stack: Stack, id: str, name: str) -> dict[str, Any]:
    """Remember that the candidates in Exact are other orders, and queue the order to be posted.

    Raises `Complaint` unless the order waits as a possible duplicate.
    """
    record = records.find_order(stack, stack.connection(id).id, name)

    def other(record: Record) -> Record:
        shown = [str(each["id"]) for each in _candidates(record)]
        known = [*record.facts.get("not_duplicates", ()), *shown]
        numbers = [str(each["number"]) for each in _candidates(record)]
        moved = record.now(record.state, not_duplicates=sorted(set(known))).due(clock.now())
        return stack.signed.write(moved, "not_a_duplicate", exact_numbers=numbers)

    numbers = [str(each["number"]) for each in _candidates(record)]
    record = _persist(stack, record, other)
    orders.send_by_hand(stack, record)
    return {"connection": id, "queued": [records.title(record)], "not_duplicates": numbers}


def adopt(stack: Stack, id: str, name: str, number: str) -> dict[str, Any]:
    """Take the purchase order with this number in Exact for this Airbase order; nothing is sent.

    Raises `Complaint` unless the order waits as a possible duplicate and the one in Exact is of
    the same division, supplier and currency, alive, and nobody else's.
    """
    connection = stack.connection(id)
    record = records.find_order(stack, connection.id, name)
    _candidates(record)
    order = fetch_order(stack.doors, connection, OrderId(records.airbase_id(record)), record)
    if not is_wanted(order):
        raise Complaint(f"{order.title} is no approved purchase order in Airbase any more")
    division = pick_division(order, connection)
    plan = plan_from_books(stack.doors, connection, order, division)
    found = _find(stack.doors, connection, division.division, number.strip())
    known = stack.doors.mappings.order_of(connection.id, found.id)
    _refuse_stranger(stack, connection.id, order, plan, found, known)
    facts = adopted_facts(connection, order, division.division, plan.body, found)

    def take(record: Record) -> Record:
        _candidates(record)
        _claim(stack, connection.id, order, found, known)
        return stack.signed.write(record.now("posted", **facts), "adopted_by_hand", **facts)

    after = _persist(stack, record, take)
    return {
        "connection": id,
        "order": order.id,
        "title": order.title,
        "division": division.division,
        "exact_number": found.number,
        "state": after.state,
        "exceptions": [{"code": p["code"], "cause": p["cause"]} for p in after.problems],
    }


def _candidates(record: Record) -> list[dict[str, Any]]:
    """Return the look-alikes that were shown; refuse an order that does not wait for them."""
    title, exact = records.title(record), records.exact_number(record)
    if exact:
        raise Complaint(f"{title} is in Exact already, as order {exact}")
    shown = [each for each in record.problems if each["code"] == CODE]
    if record.state != "review" or not shown:
        state = record.state.replace("_", " ")
        raise Complaint(f"{title} does not wait as a possible duplicate: it is {state}")
    return [dict(each) for problem in shown for each in problem["candidates"]]


def _find(doors: Doors, connection: Connection, division: Division, number: str) -> ExactOrder:
    """Return the order as Exact has it now."""
    known = [o for o in doors.exact_orders(connection.id, division).all() if o.number == number]
    found = ask_live(doors, connection, division, known[0].id) if len(known) == 1 else None
    if len(known) > 1:
        raise Complaint(f"division {division} has several orders with the number {number}")
    if found is None:
        raise Complaint(
            f"division {division} has no order {number!r}; if it was just entered, run "
            f"`connector refresh {connection.id} {division}` first"
        )
    return found


def _refuse_stranger(
    stack: Stack,
    id: ConnectionId,
    order: Order,
    plan: Plan,
    found: ExactOrder,
    known: OrderId | None,
) -> None:
    name = f"Exact order {found.number}"
    if found.supplier != plan.body["Supplier"]:
        raise Complaint(f"{name} is of another supplier than {order.title}")
    if found.currency != order.total.currency:
        raise Complaint(f"{name} is in {found.currency}, {order.title} in {order.total.currency}")
    if found.is_cancelled:
        raise Complaint(f"{name} is cancelled in Exact")
    if other := _linked(stack, id, order.id, found, known):
        raise Complaint(f"{name} is linked to {other} already")


def _linked(
    stack: Stack, id: ConnectionId, order: OrderId, found: ExactOrder, known: OrderId | None
) -> str:
    """Return what the other order is called that this one in Exact belongs to, empty for none."""
    if known and known != order:
        record = stack.doors.ledger.read(id, order_key(known))
        if Guid((record.facts.get("exact") or {}).get("id", "")) == found.id:
            return records.title(record)
    if marks_in(found.remarks) and not marks(found.remarks, id, order):
        return "another order, by the marker in its remarks"
    return ""


def _claim(
    stack: Stack, id: ConnectionId, order: Order, found: ExactOrder, known: OrderId | None
) -> None:
    """Note whose order it is; of two people at once, the first has it."""
    mappings = stack.doors.mappings
    if known and known != order.id:  # it had it once, as was seen
        mappings.note_posted(id, found.id, order.id)
    elif not mappings.claim_posted(id, found.id, order.id):
        raise Complaint(f"Exact order {found.number} was just linked to another order")


def _persist(stack: Stack, record: Record, write: Callable[[Record], Record]) -> Record:
    """Workers write the record too: read it again, judge it again, and have another try."""
    for _ in range(_ATTEMPTS):
        try:
            return write(record)
        except Conflict:
            record = stack.signed.read(record.connection, record.key)
    raise Conflict(records.title(record))
