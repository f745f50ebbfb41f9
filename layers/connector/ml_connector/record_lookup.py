"""Find records of a connection by what people call them."""

from typing import Any

from ml_connector.domain.ids import ConnectionId, OrderId, RecordKey
from ml_connector.domain.open_exceptions import SET_ASIDE
from ml_connector.infrastructure.ledger import CONNECTION, Record, order_key
from ml_connector.stack import Stack
from ml_connector.user_errors import UserError

_ORDERS = "order#"


def find_order(stack: Stack, id: ConnectionId, name: str) -> Record:
    """Return the order with this Airbase id, number or title, or number in Exact.

    Raises `UserError` when there is none, or more than one.
    """
    found = find_order_or_none(stack, id, name)
    if found is None:
        raise UserError(f"connection {id} has no order {name!r}; see `connector orders {id}`")
    return found


def find_order_or_none(stack: Stack, id: ConnectionId, name: str) -> Record | None:
    """Do as `find_order`; return None when there is none.

    Raises `UserError` when there is more than one.
    """
    ledger = stack.services.ledger
    direct = ledger.read(id, order_key(OrderId(name)))
    if direct.version:
        return direct
    wanted = name.casefold()
    found = [each for each in ledger.records(id, _ORDERS) if wanted in _names(each)]
    if len(found) > 1:
        ids = ", ".join(airbase_id(each) for each in found)
        raise UserError(f"{name!r} is the name of several orders: give one of the ids {ids}")
    return found[0] if found else None


def find_record(stack: Stack, id: ConnectionId, name: str) -> Record:
    """Return an order as `find_order`, or a record by its key: `connection`, `vendor#<id>`."""
    if name == CONNECTION or "#" in name:
        record = stack.services.ledger.read(id, RecordKey(name))
        if record.version:
            return record
    return find_order(stack, id, name)


def airbase_id(record: Record) -> str:
    """Return the id of an order or vendor without its kind."""
    return record.key.partition("#")[2] or record.key


def title(record: Record) -> str:
    """Return what people call the record."""
    return str(record.facts.get("title") or record.facts.get("order") or airbase_id(record))


def exact_number(record: Record) -> str:
    """Return the order's number in Exact, empty while it has none."""
    return str((record.facts.get("exact") or {}).get("number") or "")


def set_aside(record: Record) -> dict[str, Any] | None:
    """Return why, by whom and when an order was set aside; None for other orders."""
    return dict(record.facts.get("aside", {})) if record.state == SET_ASIDE else None


def _names(record: Record) -> set[str]:
    names = {title(record), exact_number(record)} - {""}
    return {name.casefold() for name in names}
