"""List the orders of a connection and their states."""

from typing import Any

from ml_connector import record_lookup as records
from ml_connector.domain.ids import OrderId
from ml_connector.domain.open_exceptions import brief
from ml_connector.domain.records import OrderState
from ml_connector.infrastructure.ledger import Ledger, OrderRecord, UnreadableRecord, new_order
from ml_connector.record_lookup import served_elsewhere, set_aside
from ml_connector.user_errors import UserError

_ORDERS = "order#"


def list_orders(ledger: Ledger, states: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Return the orders of a connection, oldest first, or those in one of `states`.

    A state is written as stored or as shown (`set aside`). Raises `UserError` for any other word.
    """
    wanted = {_state(each) for each in states}
    found = ledger.readable_or_not(_ORDERS)
    oldest_first = sorted(found, key=lambda each: each.received_at)
    return [_order(each) for each in oldest_first if not wanted or each.state in wanted]


def _state(word: str) -> str:
    found = "_".join(word.lower().replace("-", " ").replace("_", " ").split())
    known = [str(each) for each in OrderState if each is not OrderState.NEW]
    if found not in known:
        raise UserError(f"there is no state {word!r}: use {', '.join(known)}")
    return found


def _order(record: OrderRecord | UnreadableRecord) -> dict[str, Any]:
    if isinstance(record, UnreadableRecord):
        shown = _order(new_order(record.connection, OrderId(records.airbase_id(record))))
        return shown | {
            "state": record.state,
            "received_at": record.received_at,
            "exceptions": [brief(record.problem)],
        }
    facts = record.facts
    return {
        "order": records.airbase_id(record),
        "title": records.title(record),
        "division": facts.division,
        "state": record.state,
        "exact_number": records.exact_number(record) or None,
        "vendor": facts.vendor or None,
        "total": facts.total or None,
        "received_at": record.received_at,
        "waiting_for": facts.waiting_for or None,
        "waiting_until": _until(record) if facts.waiting else None,
        "set_aside": set_aside(record),
        "served_elsewhere": served_elsewhere(record),
        "exceptions": [brief(problem) for problem in record.problems],
    }


def _until(record: OrderRecord) -> str | None:
    """Return when the order is tried again; None during an outage or a halt."""
    return record.due_at.isoformat() if record.due_at and not record.parked else None
