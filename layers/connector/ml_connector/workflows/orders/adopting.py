"""An order that people entered in Exact is taken for an approved one of Airbase."""

from typing import Any

from ml_connector import clock
from ml_connector.connection import Connection
from ml_connector.ids import Division
from ml_connector.purchase_orders.amendment import as_body
from ml_connector.purchase_orders.comparison import Body
from ml_connector.purchase_orders.exact_order import ExactOrder
from ml_connector.purchase_orders.fingerprint import fingerprint
from ml_connector.purchase_orders.model import Order
from ml_connector.workflows.orders.confirmation import kept_problems


def adopted_facts(
    connection: Connection, order: Order, division: Division, planned: Body, found: ExactOrder
) -> dict[str, Any]:
    """Return the facts of an order that is `found` in Exact and stays as people entered it there.

    `adopted_as` is what would have been posted: while Airbase says the same, nothing is changed.
    """
    amount = None if found.amount is None else str(found.amount)
    problems = kept_problems(connection, order, found, found.number)
    return {
        "exact": {"id": found.id, "number": found.number, "amount": amount},
        "division": division,
        "body": as_body(found, planned),
        "adopted_as": dict(planned),
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
