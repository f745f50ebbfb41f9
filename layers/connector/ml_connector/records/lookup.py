"""Find records of a connection by what people call them."""

from typing import Any

from ml_connector.domain.ids import OrderId, RecordKey
from ml_connector.domain.records import OrderFacts, OrderState
from ml_connector.domain.words import command
from ml_connector.infrastructure.data_form import ORDER_NAMES
from ml_connector.infrastructure.ledger import (
    CONNECTION,
    AnyRecord,
    Ledger,
    OrderRecord,
    UnreadableRecord,
    order_key,
)
from ml_connector.infrastructure.order_names import names_of
from ml_connector.infrastructure.record_codec import is_record_key
from ml_connector.user_errors import UserError


def find_order(ledger: Ledger, name: str) -> OrderRecord:
    """Return the order with this Airbase id, number or title, or number in Exact.

    Raises `UserError` when there is none, or more than one.
    """
    found = find_order_or_none(ledger, name)
    if found is None:
        raise UserError(
            f"connection {ledger.id} has no order {name!r}; see {command('orders', ledger.id)}"
        )
    return found


def find_order_or_none(ledger: Ledger, name: str) -> OrderRecord | None:
    """Do as `find_order`; return None when there is none.

    Raises `UserError` when there is more than one.
    """
    # Orders of an earlier version have no rows by name yet.
    is_named = ledger.has_form(ORDER_NAMES)
    found = ledger.orders_named(name) if is_named else _among_all(ledger, name)
    if len(found) > 1:
        each = ", ".join(f"{airbase_id(one)} ({_where(one)})" for one in found)
        raise UserError(f"{name!r} is the name of several orders: give one of the ids {each}")
    return found[0] if found else None


def _where(record: OrderRecord) -> str:
    division = record.facts.division
    return f"{title(record)}{f' in {division}' if division else ''}"


def find_record(ledger: Ledger, name: str) -> AnyRecord:
    """Return an order as `find_order`, or a record by its key: `connection`, `vendor#<id>`."""
    if name == CONNECTION or ("#" in name and is_record_key(name)):
        record = ledger.read(RecordKey(name))
        if record.version:
            return record
    return find_order(ledger, name)


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


def served_elsewhere(record: AnyRecord) -> str | None:
    """Return in words why an order is not posted here; None for other orders."""
    elsewhere = order_facts(record).elsewhere
    is_resting = record.state == OrderState.SERVED_ELSEWHERE
    return str(elsewhere) if elsewhere and is_resting else None


def order_facts(record: AnyRecord) -> OrderFacts:
    """Return the facts of an order; for another kind of record those of an unknown order."""
    return record.facts if isinstance(record.facts, OrderFacts) else OrderFacts()


def _among_all(ledger: Ledger, name: str) -> list[OrderRecord]:
    """Do as `Ledger.orders_named` by reading every order."""
    direct, wanted = order_key(OrderId(name)), name.casefold()
    named = [
        each for each in ledger.orders() if each.key == direct or wanted in names_of(each.facts)
    ]
    return [each for each in named if each.key == direct] or named
