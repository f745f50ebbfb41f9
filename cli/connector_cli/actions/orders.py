"""The orders of a connection, and the nudges: retry an order, read the books again."""

from dataclasses import replace
from typing import Any

from connector_cli.actions import records
from connector_cli.actions.exception_lists import Wanted, brief, open_rows
from connector_cli.actions.exceptions import ASIDE_FACTS, set_aside
from connector_cli.complaints import Complaint
from connector_cli.stack import Stack
from ml_connector import clock
from ml_connector.doors.ledger import CONNECTION, Conflict, Record, order_key
from ml_connector.doors.queues import Message
from ml_connector.ids import Division, OrderId
from ml_connector.open_exceptions import SET_ASIDE
from ml_connector.workflows.messages import order_message, refresh_message, vendor_message

_ORDERS = "order#"
_ATTEMPTS = 3


def list_orders(stack: Stack, id: str, states: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Return the orders of a connection, oldest first, or those in one of `states`."""
    found = stack.doors.ledger.records(stack.known_id(id), _ORDERS)
    wanted = (each for each in found if not states or each.state in states)
    return [_order(each) for each in sorted(wanted, key=lambda each: each.received_at)]


def retry(stack: Stack, id: str, name: str) -> str:
    """Queue one order (or a vendor or event, by its key) now; return what people call it.

    An order that was set aside is taken up again.
    """
    connection = stack.connection(id)
    record = records.find_record(stack, connection.id, name)
    if not _retry(stack, record):
        raise Complaint(f"{records.title(record)} cannot be retried: {_no_retry(record)}")
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
    return _retry_each(stack, waiting)


def retry_where(stack: Stack, id: str, wanted: Wanted) -> list[str]:
    """Queue every record with an exception that is `wanted`; return what people call them.

    Nothing can be retried of the connection's own exceptions: the token keeper looks at them.
    """
    connection = stack.connection(id)
    found = [
        record
        for record in stack.doors.ledger.records(connection.id)
        if any(wanted.admits(row) for row in open_rows(record))
    ]
    return _retry_each(stack, found)


def _retry_each(stack: Stack, found: list[Record]) -> list[str]:
    oldest_first = sorted(found, key=lambda record: record.received_at)
    return [records.title(record) for record in oldest_first if _retry(stack, record)]


def refresh(stack: Stack, id: str, division: int | None = None) -> list[int]:
    """Queue the reading of Exact's reference data, of one division or all; return which."""
    connection = stack.connection(id)
    codes = [each.division for each in connection.divisions]
    if division is not None and division not in codes:
        known = ", ".join(str(code) for code in codes)
        raise Complaint(f"connection {id} has no division {division}; it has {known}")
    wanted = codes if division is None else [Division(division)]
    for code in wanted:
        stack.send(refresh_message(connection.id, code, everything=True), f"asked {clock.epoch()}")
    return [int(code) for code in wanted]


def _retry(stack: Stack, record: Record) -> bool:
    """Ask for it in the record's own name; return whether there was somebody to ask.

    Who asked goes into the trail; a worker that has the record needs no nudge.
    """
    message = _message(stack, record)
    if message is None:
        return False
    for _ in range(_ATTEMPTS):
        try:
            stack.signed.write(_taken_up(record), "retry_asked")
        except Conflict:
            record = stack.signed.read(record.connection, record.key)
        else:
            break
    stack.send(message, f"asked {clock.epoch()}")
    return True


def send_by_hand(stack: Stack, record: Record) -> None:
    """Queue an order as somebody who asks for it to be looked at now."""
    message = order_message(record.connection, OrderId(records.airbase_id(record)), by_hand=True)
    stack.send(message, f"asked {clock.epoch()}")


def _taken_up(record: Record) -> Record:
    """Return an order that was set aside as it was before; an unknown outcome is looked for."""
    if record.state != SET_ASIDE:
        return record
    left = {name: value for name, value in record.facts.items() if name not in ASIDE_FACTS}
    state = str(record.facts.get("aside_from", "received"))
    return replace(record, facts=left).now(state).due(clock.now())


def _message(stack: Stack, record: Record) -> Message | None:
    kind, _, id = record.key.partition("#")
    if kind == "order":
        return order_message(record.connection, OrderId(id), by_hand=True)
    if kind == "vendor":
        return vendor_message(record.connection, id)
    kept = stack.doors.inbox.get(record.connection, id) if kind == "event" else None
    return kept.message if kept else None


def _no_retry(record: Record) -> str:
    if record.key == CONNECTION:
        return "what concerns the connection is looked at every six hours"
    return "its event is no longer kept"


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
        "set_aside": set_aside(record),
        "exceptions": [brief(problem) for problem in record.problems],
    }


def _until(record: Record) -> str | None:
    """Return when the order is looked at again; for an outage or a halt nobody can say."""
    return record.due_at.isoformat() if record.due_at and not record.parked else None
