"""Retry an order, or a record with exceptions, at a person's request."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ml_connector import clock
from ml_connector.domain.ids import Actor, OrderId, VendorId
from ml_connector.domain.open_exceptions import taken_up
from ml_connector.domain.records import OrderState
from ml_connector.exceptions.listing import ExceptionFilter
from ml_connector.exceptions.open_rows import open_rows, with_exceptions
from ml_connector.infrastructure.inbox import Inbox
from ml_connector.infrastructure.ledger import (
    CONNECTION,
    AnyRecord,
    Conflict,
    Ledger,
    UnreadableRecord,
)
from ml_connector.infrastructure.queues import Message
from ml_connector.messages.outcome import kept_messages
from ml_connector.messages.sending import order_message, vendor_message
from ml_connector.records import lookup as records
from ml_connector.stack import RecordStack, Send
from ml_connector.user_errors import UserError

_ORDERS = "order#"
_ATTEMPTS = 3


def retry(stack: RecordStack, actor: Actor, id: str, name: str) -> str:
    """Queue one order (or a vendor or event, by its key) now; return its title.

    An order that was set aside is taken up again.
    """
    ledger = stack.ledger_of(actor, stack.connection(id).id)
    record = records.find_record(ledger, name)
    if not _retry(stack, ledger, record):
        raise UserError(f"{records.title(record)} cannot be retried: {_reason_against(record)}")
    return records.title(record)


def fetch(stack: RecordStack, actor: Actor, id: str, order: str) -> None:
    """Queue the order with this Airbase id, even if its webhook never arrived."""
    ledger = stack.ledger_of(actor, stack.connection(id).id)
    record = ledger.order(OrderId(order))
    if record.version:
        _retry(stack, ledger, record)
        return
    ledger.write(record.now(OrderState.RECEIVED).due(clock.now()), "fetch_asked")
    stack.send(order_message(ledger.id, OrderId(order)), f"asked {clock.epoch()}")


def retry_all(stack: RecordStack, actor: Actor, id: str) -> list[str]:
    """Queue every order that waits for a person; return their titles."""
    ledger = stack.ledger_of(actor, stack.connection(id).id)
    waiting = [
        record
        for record in _with_exceptions(ledger)
        if record.key.startswith(_ORDERS) and record.problems and record.state != OrderState.POSTED
    ]
    return _retry_each(stack, ledger, waiting)


def retry_where(stack: RecordStack, actor: Actor, id: str, wanted: ExceptionFilter) -> list[str]:
    """Queue every record with a `wanted` exception; return their titles.

    The connection's own exceptions cannot be retried: the token refresh checks them.
    """
    ledger = stack.ledger_of(actor, stack.connection(id).id)
    found = [
        record
        for record in _with_exceptions(ledger)
        if any(wanted.matches(row) for row in open_rows(record))
    ]
    return _retry_each(stack, ledger, found)


def _with_exceptions(ledger: Ledger) -> Iterator[AnyRecord]:
    """Yield them; one that this version cannot read is left for the version that can."""
    return (each for each in with_exceptions(ledger) if not isinstance(each, UnreadableRecord))


def _retry_each(stack: RecordStack, ledger: Ledger, wanted: Sequence[AnyRecord]) -> list[str]:
    oldest_first = sorted(wanted, key=lambda record: record.received_at)
    return [records.title(record) for record in oldest_first if _retry(stack, ledger, record)]


def _retry(stack: RecordStack, ledger: Ledger, record: AnyRecord) -> bool:
    """Audit the request and queue the record; return whether it can be retried.

    If workers change the record meanwhile, it is queued without the audit entry.
    """
    messages = messages_of(stack.services.inbox_of(record.connection), record)
    if not messages:
        return False
    for _ in range(_ATTEMPTS):
        try:
            ledger.write(_resumed(record), "retry_asked")
        except Conflict:
            record = ledger.read(record.key)
        else:
            break
    for message in messages:
        stack.send(message, f"asked {clock.epoch()} {message.body.get('event', '')}")
    return True


def send_by_hand(send: Send, record: AnyRecord) -> None:
    """Queue an order at a person's request."""
    message = order_message(record.connection, OrderId(records.airbase_id(record)), by_hand=True)
    send(message, f"asked {clock.epoch()}")


def _resumed(record: AnyRecord) -> AnyRecord:
    """Return the record as never tried, and an order that was set aside in its earlier state."""
    if record.state != OrderState.SET_ASIDE:
        return replace(record, receives=0)
    state = record.facts.aside_from or OrderState.RECEIVED
    return record.now(state, taken_up(record.facts)).due(clock.now())


def messages_of(inbox: Inbox, record: AnyRecord) -> list[Message]:
    """Return what asks a worker for the record again; empty when nothing of it is kept."""
    kind, _, id = record.key.partition("#")
    if kind == "order":
        return [order_message(record.connection, OrderId(id), by_hand=True)]
    if kind == "vendor":
        return [vendor_message(record.connection, VendorId(id))]
    return kept_messages(inbox, record) if kind == "event" else []


def _reason_against(record: AnyRecord) -> str:
    if record.key == CONNECTION:
        return "exceptions of the connection are checked every six hours"
    return "its event is no longer kept"
