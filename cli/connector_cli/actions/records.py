"""Find records of a connection by what people call them."""

from connector_cli.complaints import Complaint
from connector_cli.stack import Stack
from ml_connector.doors.ledger import CONNECTION, Record, order_key
from ml_connector.ids import ConnectionId, OrderId, RecordKey

_ORDERS = "order#"


def find_order(stack: Stack, id: ConnectionId, name: str) -> Record:
    """Return the order with this Airbase id, number or title, or number in Exact.

    Raises `Complaint` when there is none, or more than one.
    """
    found = look_for_order(stack, id, name)
    if found is None:
        raise Complaint(f"connection {id} has no order {name!r}; see `connector orders {id}`")
    return found


def look_for_order(stack: Stack, id: ConnectionId, name: str) -> Record | None:
    """Return the order as `find_order`, None when there is none.

    Raises `Complaint` when there is more than one.
    """
    ledger = stack.doors.ledger
    direct = ledger.read(id, order_key(OrderId(name)))
    if direct.version:
        return direct
    wanted = name.casefold()
    found = [each for each in ledger.records(id, _ORDERS) if wanted in _names(each)]
    if len(found) > 1:
        ids = ", ".join(airbase_id(each) for each in found)
        raise Complaint(f"{name!r} is the name of several orders: give one of the ids {ids}")
    return found[0] if found else None


def find_record(stack: Stack, id: ConnectionId, name: str) -> Record:
    """Return an order as `find_order`, or a record by its key: `connection`, `vendor#<id>`."""
    if name == CONNECTION or "#" in name:
        record = stack.doors.ledger.read(id, RecordKey(name))
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


def _names(record: Record) -> set[str]:
    names = {title(record), exact_number(record)} - {""}
    return {name.casefold() for name in names}
