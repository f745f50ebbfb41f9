"""Resolve a possible duplicate: the order in Exact is another one, or it is adopted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ml_connector import clock
from ml_connector.domain.faults import Problem, Review
from ml_connector.domain.ids import Actor, Division, Guid, OrderId
from ml_connector.domain.orders.adoption import adopted
from ml_connector.domain.orders.exact_order import ExactOrder
from ml_connector.domain.orders.look_alikes import POSSIBLE_DUPLICATE
from ml_connector.domain.orders.mapping import MappedOrder, pick_division
from ml_connector.domain.orders.marker import is_marked_for, order_tokens_in
from ml_connector.domain.orders.order import Order
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.domain.records import OrderFacts, OrderState
from ml_connector.domain.words import command
from ml_connector.exceptions import retry
from ml_connector.infrastructure.connection_store import ConnectionNotes
from ml_connector.infrastructure.ledger import Conflict, Ledger, OrderRecord
from ml_connector.purchase_orders.exact_lookup import fetch_current
from ml_connector.purchase_orders.fetch import fetch_order
from ml_connector.purchase_orders.prerequisites import (
    map_with_stored_data,
    supplier_with_stored_data,
)
from ml_connector.records import lookup as records
from ml_connector.services import Services
from ml_connector.settings.connection import Connection, ExactDivision
from ml_connector.stack import RecordStack
from ml_connector.user_errors import UserError

_ORDERS = "order#"
_ATTEMPTS = 3


def not_a_duplicate(stack: RecordStack, actor: Actor, id: str, name: str) -> dict[str, Any]:
    """Record that the candidates in Exact are other orders, and queue the order to be posted.

    Raises `UserError` unless the order waits as a possible duplicate.
    """
    ledger = stack.ledger_of(actor, stack.connection(id).id)
    record = _order(ledger, name)

    def write(record: OrderRecord) -> OrderRecord:
        shown = [Guid(each["id"]) for each in _candidates(record)]
        others = {*record.facts.not_duplicates, *shown}
        numbers = [str(each["number"]) for each in _candidates(record)]
        facts = replace(record.facts, not_duplicates=tuple(sorted(others)))
        after = record.now(record.state, facts).due(clock.now())
        detail = {"exact_numbers": numbers}
        return ledger.write(after, "not_a_duplicate", detail=detail)

    numbers = [str(each["number"]) for each in _candidates(record)]
    record = _write_repeatedly(ledger, record, write)
    retry.send_by_hand(stack.send, record)
    return {"connection": id, "queued": [records.title(record)], "not_duplicates": numbers}


def adopt(stack: RecordStack, actor: Actor, id: str, name: str, number: str) -> dict[str, Any]:
    """Link the order to the Exact order with this number; nothing is sent to Exact.

    Raises `UserError` unless the order waits as a possible duplicate, and the one in Exact has the
    same division, supplier and currency, is not cancelled and not linked to another order.
    """
    services = stack.services_of(id)
    ledger = stack.ledger_of(actor, services.id)
    record = _order(ledger, name)
    _candidates(record)
    order = fetch_order(services, OrderId(records.airbase_id(record)), record)
    refuse_unwanted(order)
    division = _division(services.connection, record, order)
    found = _find(services, division.division, number.strip())
    after, unmapped = link(services, ledger, record, order, division, found, _candidates)
    return {
        "connection": id,
        "order": order.id,
        "title": order.title,
        "division": division.division,
        "exact_number": found.number,
        "state": after.state,
        "exceptions": [{"code": p.code, "cause": p.cause} for p in after.problems],
        "unmapped": [shown_unmapped(each) for each in unmapped],
    }


def _division(connection: Connection, record: OrderRecord, order: Order) -> ExactDivision:
    """Return where the candidates are, also after the subsidiary was moved from there."""
    own = record.facts.division
    known = connection.division(own) if own else None
    return known or pick_division(order, connection)


def refuse_unwanted(order: Order) -> None:
    """Raise `UserError` unless the order is an approved purchase order."""
    if not order.is_wanted:
        raise UserError(f"{order.title} is no longer an approved purchase order in Airbase")


class Linked(NamedTuple):
    """The record of an order that was linked; `unmapped`: what keeps it from being mapped."""

    record: OrderRecord
    unmapped: Sequence[Problem]


def shown_unmapped(found: Problem) -> dict[str, str]:
    """Return what keeps a linked order from being mapped, as JSON."""
    return {
        "code": found.code, "record": found.record, "cause": found.cause, "remedy": found.remedy,
    }  # fmt: skip


def link(
    services: Services,
    ledger: Ledger,
    record: OrderRecord,
    order: Order,
    division: ExactDivision,
    found: ExactOrder,
    check: Callable[[OrderRecord], object],
    detail: Mapping[str, Any] | None = None,
) -> Linked:
    """Link an approved order to the one that is `found` in Exact.

    `check` raises when the record, as it is just before it is written, may not be linked; `detail`
    goes into its trail. An order that cannot be mapped is linked as well: what is in Exact is kept.
    Raises `UserError` unless both have the same supplier, as far as the vendor is linked, and the
    same currency, and the one in Exact is not cancelled and not linked to another order. After a
    crash at any point it can be repeated.
    """
    owner = services.notes.order_of(found.id)
    supplier = supplier_with_stored_data(services, order, division, record.facts)
    _refuse_other_order(services.ledger, order, supplier, found, owner)
    mapped, unmapped = _mapped(services, order, division, record.facts)
    used = (
        {"mappings": list(mapped.used)}
        if mapped
        else {"unmapped": [shown_unmapped(e) for e in unmapped]}
    )
    said = {**(detail or {}), **used}

    def write(record: OrderRecord) -> OrderRecord:
        check(record)
        _claim(services.notes, order, found, owner)
        facts = adopted(
            record.facts,
            services.connection,
            order,
            division.division,
            mapped.body if mapped else None,
            found,
            clock.now(),
        )
        return ledger.write(record.now(OrderState.POSTED, facts), "adopted_by_hand", detail=said)

    return Linked(_write_repeatedly(ledger, record, write), unmapped)


def _mapped(
    services: Services, order: Order, division: ExactDivision, facts: OrderFacts
) -> tuple[MappedOrder | None, Sequence[Problem]]:
    try:
        return map_with_stored_data(services, order, division, facts), ()
    except Review as review:
        return None, review.problems


def _order(ledger: Ledger, name: str) -> OrderRecord:
    """Return the order with this name, or the key of its record; raises `UserError`."""
    record = records.find_record(ledger, name)
    if not record.key.startswith(_ORDERS):
        raise UserError(f"{name!r} is not an order")
    return record


def _candidates(record: OrderRecord) -> list[dict[str, Any]]:
    """Return the candidates shown for the order.

    Raises `UserError` unless the order waits as a possible duplicate.
    """
    title, exact = records.title(record), records.exact_number(record)
    if exact:
        raise UserError(f"{title} is in Exact already, as order {exact}")
    shown = [each for each in record.problems if each.code == POSSIBLE_DUPLICATE]
    if record.state != OrderState.REVIEW or not shown:
        state = record.state.replace("_", " ")
        raise UserError(f"{title} does not wait as a possible duplicate: it is {state}")
    return [dict(each) for problem in shown for each in problem.candidates]


def _find(services: Services, division: Division, number: str) -> ExactOrder:
    """Return the order as Exact has it now."""
    stored = services.exact_orders(division).all()
    ids = [each.id for each in stored if each.number == number]
    if len(ids) > 1:
        raise UserError(f"division {division} has several orders with the number {number}")
    found = fetch_current(services, division, ids[0]) if ids else None
    if found is None:
        raise UserError(
            f"division {division} has no order {number!r}; if it was just entered, run "
            f"{command('refresh', services.id, division)} first"
        )
    return found


def _refuse_other_order(
    ledger: Ledger,
    order: Order,
    supplier: Supplier | None,
    found: ExactOrder,
    owner: OrderId | None,
) -> None:
    name = f"Exact order {found.number}"
    if supplier and found.supplier != supplier.id:
        raise UserError(f"{name} is of another supplier than {order.title}")
    if found.currency != order.total.currency:
        raise UserError(f"{name} is in {found.currency}, {order.title} in {order.total.currency}")
    if found.is_cancelled:
        raise UserError(f"{name} is cancelled in Exact")
    if other := _linked(ledger, order.id, found, owner):
        raise UserError(f"{name} is linked to {other} already")


def _linked(ledger: Ledger, order: OrderId, found: ExactOrder, owner: OrderId | None) -> str:
    """Return the title of the other order that this Exact order belongs to, empty if none."""
    if owner and owner != order:
        record = ledger.order(owner)
        if record.facts.exact and record.facts.exact.id == found.id:
            return records.title(record)
    if order_tokens_in(found.remarks) and not is_marked_for(found.remarks, ledger.id, order):
        return "another order, by the marker in its remarks"
    return ""


def _claim(notes: ConnectionNotes, order: Order, found: ExactOrder, owner: OrderId | None) -> None:
    """Note which order the Exact order belongs to; of two people at once, the first one wins."""
    if owner and owner != order.id:  # the earlier link was checked: it no longer holds
        notes.note_posted(found.id, order.id)
    elif not notes.claim_posted(found.id, order.id):
        raise UserError(f"Exact order {found.number} was just linked to another order")


def _write_repeatedly(
    ledger: Ledger,
    record: OrderRecord,
    write: Callable[[OrderRecord], OrderRecord],
) -> OrderRecord:
    """Write the record; after a conflict with a worker, read it again and try again."""
    for _ in range(_ATTEMPTS):
        try:
            return write(record)
        except Conflict:
            record = ledger.read(record.key)
    raise Conflict(records.title(record))
