"""Adopt an order that people entered in Exact for an approved one of Airbase."""

from dataclasses import replace
from datetime import datetime

from ml_connector.domain.ids import Division
from ml_connector.domain.orders.diff import LINES
from ml_connector.domain.orders.edits import as_body
from ml_connector.domain.orders.exact_order import ExactOrder
from ml_connector.domain.orders.order import Order
from ml_connector.domain.orders.outcome import total_problems, with_approved
from ml_connector.domain.records import Body, ExactReference, OrderFacts
from ml_connector.settings.connection import Connection

_AS_ENTERED: Body = {"Supplier": None, "Currency": None, LINES: ()}
"""What is kept, with each line, of an order of which we cannot say what we would have written."""


def adopted(
    facts: OrderFacts,
    connection: Connection,
    order: Order,
    division: Division,
    body: Body | None,
    found: ExactOrder,
    at: datetime,
) -> OrderFacts:
    """Return the facts of an order that is `found` in Exact and stays as people entered it there.

    `body` is what would have been posted, None if it cannot be mapped: while Airbase says the same,
    nothing is changed.
    """
    return replace(
        with_approved(facts, order),
        exact=ExactReference(found.id, found.number, found.amount),
        division=division,
        body=as_body(found, body or _AS_ENTERED),
        adopted_as=dict(body) if body else None,
        adopted_fingerprint=order.fingerprint,
        adopted_at=at,
        status=found.status,
        problems=total_problems(connection, order, found, found.number),
        waiting=None,
    )
