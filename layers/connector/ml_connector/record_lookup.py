"""Find records of a connection by what people call them."""

from typing import Any

from ml_connector.domain.ids import ConnectionId, OrderId, RecordKey
from ml_connector.domain.records import OrderFacts, OrderState
from ml_connector.infrastructure.data_form import ORDER_NAMES
from ml_connector.infrastructure.ledger import (
    CONNECTION,
    AnyRecord,
    OrderRecord,
    UnreadableRecord,
    order_key,
)
from ml_connector.infrastructure.order_names import names_of
from ml_connector.infrastructure.record_codec import is_record_key
from ml_connector.stack import Stack
from ml_connector.user_errors import UserError


def find_order(stack: Stack, id: ConnectionId, name: str) -> OrderRecord:
    """Return the order with this Airbase id, number or title, or number in Exact.

    Raises `UserError` when there is none, or more than one.
    """
    found = find_order_or_none(stack, id, name)
    if found is None:
        raise UserError(f"connection {id} has no order {name!r}; see `connector orders {id}`")
    return found


def find_order_or_none(stack: Stack, id: ConnectionId, name: str) -> OrderRecord | None:
    """Do as `find_order`; return None when there is none.

    Raises `UserError` when there is more than one.
    """
    if stack.has_form(id, ORDER_NAMES):
        found = stack.services.ledger.orders_named(id, name)
    else:  # orders of an earlier version have no rows by name yet
        found = _among_all(stack, id, name)
    if len(found) > 1:
        ids = ", ".join(airbase_id(each) for each in found)
        raise UserError(f"{name!r} is the name of several orders: give one of the ids {ids}")
    return found[0] if found else None


def find_record(stack: Stack, id: ConnectionId, name: str) -> AnyRecord:
    """Return an order as `find_order`, or a record by its key: `connection`, `vendor#<id>`."""
    if name == CONNECTION or ("#" in name and is_record_key(name)):
        record = stack.services.ledger.read(id, RecordKey(name))
        if record.version:
            return record
    return find_order(stack, id, name)


def airbase_id(record: AnyRecord | UnreadableRecord) -> str:
    """Return the id of an order or vendor without its kind."""
    return record.key.partition("#")[2] or record.key


def title(record: AnyRecord) -> str:
    """Return what people call the record."""
    return record.facts.title or order_facts(record).order or airbase_id(record)


def exact_number(record: AnyRecord) -> str:
    """Return the order's number in Exact, empty while it has none."""
    exact = order_facts(record).exact
    return str(exact.number or "") if exact else ""


def set_aside(record: AnyRecord) -> dict[str, Any] | None:
    """Return why, by whom and when an order was set aside; None for other orders."""
    aside = order_facts(record).aside
    return aside.as_dict() if aside and record.state == OrderState.SET_ASIDE else None


def order_facts(record: AnyRecord) -> OrderFacts:
    """Return the facts of an order; for another kind of record those of an unknown order."""
    return record.facts if isinstance(record.facts, OrderFacts) else OrderFacts()


def _among_all(stack: Stack, id: ConnectionId, name: str) -> list[OrderRecord]:
    """Do as `Ledger.orders_named` by reading every order."""
    direct, wanted = order_key(OrderId(name)), name.casefold()
    named = [
        each
        for each in stack.services.ledger.orders(id)
        if each.key == direct or wanted in names_of(each.facts)
    ]
    return [each for each in named if each.key == direct] or named
