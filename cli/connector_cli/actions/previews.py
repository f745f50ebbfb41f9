"""What orders would do to Exact, without doing it."""

from collections.abc import Iterator
from typing import Any

from connector_cli.actions import records
from connector_cli.complaints import Complaint, Trouble
from connector_cli.stack import Stack
from ml_connector.doors.ledger import Record, order_key
from ml_connector.ids import OrderId
from ml_connector.workflows.orders.preview import preview as preview_order
from ml_connector.workflows.orders.preview import preview_open

_UNKNOWN = "NOT_IN_AIRBASE"


def preview(stack: Stack, id: str, name: str, *, by_hand: bool = False) -> dict[str, Any]:
    """Return what would become of one order; what the ledger does not know is asked of Airbase.

    `by_hand`: if a person retried it now. Raises `Complaint` when neither knows it, `Trouble`
    when only Airbase could tell and does not answer.
    """
    connection = stack.connection(id)
    found = records.look_for_order(stack, connection.id, name)
    record = found or Record(connection.id, order_key(OrderId(name)))
    shown = preview_order(stack.doors, connection, record, by_hand=by_hand)
    if found is None and _UNKNOWN in {each.code for each in shown.problems}:
        raise Complaint(
            f"neither connection {id} nor Airbase has an order {name!r}; "
            f"see `connector orders {id}`"
        )
    if found is None and shown.waiting and not shown.title:  # so nobody knows whether there is one
        raise Trouble(f"{shown.waiting.code}: {shown.waiting.cause}")
    return shown.as_dict()


def preview_all(stack: Stack, id: str) -> Iterator[dict[str, Any]]:
    """Yield what would become of every order that waits, or is approved and not known yet."""
    connection = stack.connection(id)
    return (each.as_dict() for each in preview_open(stack.doors, connection))
