"""List the orders of a connection and their states."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ml_connector.domain.exception_codes.readable import coded_text
from ml_connector.domain.ids import OrderId
from ml_connector.domain.open_exceptions import brief
from ml_connector.domain.records import OrderState
from ml_connector.domain.words import moment
from ml_connector.infrastructure.ledger import Ledger, OrderRecord, UnreadableRecord, new_order
from ml_connector.lists.writing import write_list
from ml_connector.records import ages
from ml_connector.records import lookup as records
from ml_connector.records.lookup import served_elsewhere, set_aside
from ml_connector.user_errors import UserError

COLUMNS = (
    "order", "title", "division", "state", "exact_number", "vendor", "total", "received_at", "why",
)  # fmt: skip
"""Of a written list; all but the last are fields of a listed order."""

_ORDERS = "order#"
_SEARCHED = ("order", "title", "division", "exact_number", "vendor", "total")


@dataclass(frozen=True)
class OrderFilter:
    """Selects the orders that meet every condition that is set, of those the `limit` newest."""

    states: frozenset[str] = frozenset()
    since: datetime | None = None
    """When the connector first heard of an order, at the earliest."""
    search: str = ""
    """Part of a name of the order, in any case: see `_SEARCHED`."""
    limit: int | None = None


def read_filter(
    states: Sequence[str] = (), since: str | None = None, search: str = "", limit: int | None = None
) -> OrderFilter:
    """Return the filter that a person asks for; raises `UserError`.

    A state is written as stored or as shown (`set aside`). Raises `UserError` for any other word.
    """
    return OrderFilter(
        frozenset(map(_state, states)),
        None if since is None else ages.since("--since", since),
        search.strip().casefold(),
        limit,
    )


def list_orders(ledger: Ledger, wanted: OrderFilter | None = None) -> list[dict[str, Any]]:
    """Return the wanted orders of a connection, by default all, oldest first."""
    wanted = wanted or OrderFilter()
    found = [each for each in ledger.readable_or_not(_ORDERS) if _is_wanted(each, wanted)]
    found.sort(key=lambda each: each.received_at)
    shown = [shown for shown in map(_order, found) if _is_named(shown, wanted.search)]
    return shown if wanted.limit is None else shown[-wanted.limit :]


def write_orders(path: Path, found: Iterable[Mapping[str, Any]]) -> None:
    """Write a row for each of the listed orders; raises `UserError` if that is not possible."""
    write_list(path, COLUMNS, map(_cells, found))


def _is_wanted(record: OrderRecord | UnreadableRecord, wanted: OrderFilter) -> bool:
    if wanted.states and record.state not in wanted.states:
        return False
    return wanted.since is None or datetime.fromisoformat(record.received_at) >= wanted.since


def _is_named(shown: Mapping[str, Any], search: str) -> bool:
    return any(search in str(shown[name] or "").casefold() for name in _SEARCHED)


def _cells(shown: Mapping[str, Any]) -> tuple[object, ...]:
    return (*(shown[name] for name in COLUMNS[:-1]), why(shown))


def why(shown: Mapping[str, Any]) -> str:
    """Return in words why a listed order is as it is; empty when there is nothing to say."""
    if shown["exceptions"]:
        return "\n".join(coded_text(each["code"], each["cause"]) for each in shown["exceptions"])
    if decision := shown["set_aside"]:
        return f"{decision['by']}: {decision['reason']}"
    if shown["served_elsewhere"]:
        return f"{shown['served_elsewhere']}."
    if shown["waiting_for"]:
        until = shown["waiting_until"]
        return f"{shown['waiting_for']}{f' until {moment(until)}' if until else ''}"
    return ""


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
