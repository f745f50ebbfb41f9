"""Orders and exceptions of a connection, and the nudges: retry an order, read the books again."""

from collections.abc import Iterator
from typing import Any

from connector_cli.actions import records
from connector_cli.complaints import Complaint
from connector_cli.stack import Stack
from ml_connector import clock
from ml_connector.doors.ledger import CONNECTION, Conflict, Record, order_key
from ml_connector.ids import ConnectionId, Division, OrderId
from ml_connector.workflows.messages import order_message, refresh_message

_ORDERS = "order#"
_ATTEMPTS = 3


def list_orders(stack: Stack, id: str, states: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Return the orders of a connection, oldest first, or those in one of `states`."""
    found = stack.doors.ledger.records(stack.known_id(id), _ORDERS)
    wanted = (each for each in found if not states or each.state in states)
    return [_order(each) for each in sorted(wanted, key=lambda each: each.received_at)]


def list_exceptions(stack: Stack, id: str | None = None) -> list[dict[str, Any]]:
    """Return the open exceptions of one connection or of all: halts first, then its records."""
    if id is not None:
        return list(_exceptions(stack, stack.known_id(id)))
    every = [each.id for each in stack.doors.mappings.connections()]
    return [found for each in every for found in _exceptions(stack, each)]


def retry(stack: Stack, id: str, order: str) -> str:
    """Queue one order to be looked at now; return what people call it."""
    connection = stack.connection(id)
    record = records.find_order(stack, connection.id, order)
    _retry(stack, record)
    return records.title(record)


def fetch(stack: Stack, id: str, order: str) -> None:
    """Queue the order with this Airbase id, whether or not a webhook has spoken of it."""
    connection = stack.connection(id)
    record = stack.signed.read(connection.id, order_key(OrderId(order)))
    if record.version:
        _retry(stack, record)
        return
    stack.signed.write(record.now("received").due(clock.now()), "fetch_asked")
    stack.send(order_message(connection.id, OrderId(order)), f"asked {clock.epoch()}")


def retry_all(stack: Stack, id: str) -> list[str]:
    """Queue every order that waits for a person; return what people call them."""
    connection = stack.connection(id)
    waiting = [
        record
        for record in stack.doors.ledger.records(connection.id, _ORDERS)
        if record.problems and record.state != "posted"
    ]
    for record in waiting:
        _retry(stack, record)
    return [records.title(record) for record in waiting]


def refresh(stack: Stack, id: str, division: int | None = None) -> list[int]:
    """Queue the reading of Exact's reference data, of one division or all; return which."""
    connection = stack.connection(id)
    codes = [each.division for each in connection.divisions]
    if division is not None and division not in codes:
        known = ", ".join(str(code) for code in codes)
        raise Complaint(f"connection {id} has no division {division}; it has {known}")
    wanted = codes if division is None else [Division(division)]
    for code in wanted:
        stack.send(refresh_message(connection.id, code), f"asked {clock.epoch()}")
    return [int(code) for code in wanted]


def _retry(stack: Stack, record: Record) -> None:
    """Who asked goes into the order's trail; a worker that has the order needs no nudge."""
    for _ in range(_ATTEMPTS):
        try:
            stack.signed.write(record, "retry_asked")
        except Conflict:
            record = stack.signed.read(record.connection, record.key)
        else:
            break
    order = OrderId(records.airbase_id(record))
    stack.send(order_message(record.connection, order), f"asked {clock.epoch()}")


def _order(record: Record) -> dict[str, Any]:
    facts = record.facts
    waiting = facts.get("waiting") or {}
    return {
        "order": records.airbase_id(record),
        "title": records.title(record),
        "division": facts.get("division"),
        "state": record.state,
        "exact_number": records.exact_number(record) or None,
        "vendor": facts.get("vendor"),
        "total": facts.get("total"),
        "received_at": record.received_at,
        "waiting_for": waiting.get("code"),
        "waiting_until": _until(record) if waiting else None,
        "exceptions": [_brief(problem) for problem in record.problems],
    }


def _until(record: Record) -> str | None:
    """Return when the order is looked at again; for an outage or a halt nobody can say."""
    return record.due_at.isoformat() if record.due_at and not record.parked else None


def _exceptions(stack: Stack, id: ConnectionId) -> Iterator[dict[str, Any]]:
    halts = stack.doors.ledger.read(id, CONNECTION).facts.get("halts", {})
    for where, problem in sorted(halts.items()):
        yield _exception(id, CONNECTION, problem) | {
            "stops": f"division {where}" if where else "all"
        }
    for record in stack.doors.ledger.records(id):
        for problem in record.problems:
            yield _exception(id, record.key, problem)


def _exception(id: ConnectionId, key: str, problem: dict[str, Any]) -> dict[str, Any]:
    return {"connection": id, "key": key, **_brief(problem), "stops": None}


def _brief(problem: dict[str, Any]) -> dict[str, Any]:
    names = ("code", "record", "cause", "remedy", "candidates")
    return {name: problem.get(name, "") for name in names}
