"""Adopt an order that people entered in Exact for an approved one of Airbase."""

from typing import Any

from ml_connector import clock
from ml_connector.domain.ids import Division
from ml_connector.domain.orders.diff import Body
from ml_connector.domain.orders.edits import as_body
from ml_connector.domain.orders.exact_order import ExactOrder
from ml_connector.domain.orders.fingerprint import fingerprint
from ml_connector.domain.orders.order import Order
from ml_connector.purchase_orders.outcome import total_problems
from ml_connector.settings.connection import Connection


def adopted_facts(
    connection: Connection, order: Order, division: Division, body: Body, found: ExactOrder
) -> dict[str, Any]:
    """Return the facts of an order that is `found` in Exact and stays as people entered it there.

    `body` is what would have been posted: while Airbase says the same, nothing is changed.
    """
    amount = None if found.amount is None else str(found.amount)
    problems = total_problems(connection, order, found, found.number)
    return {
        "exact": {"id": found.id, "number": found.number, "amount": amount},
        "division": division,
        "body": as_body(found, body),
        "adopted_as": dict(body),
        "adopted_at": clock.now().isoformat(),
        "fingerprint": fingerprint(order),
        "status": found.status,
        "title": order.title,
        "vendor": str(order.vendor),
        "vendor_id": order.vendor.id,
        "total": str(order.total),
        "problems": [each.as_dict() for each in problems],
        "waiting": None,
    }
