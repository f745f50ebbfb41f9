"""Orders in Exact that are this one, or look like it, before it is posted."""

import shlex
from collections.abc import Sequence

from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Problem, Review
from ml_connector.domain.ids import Division
from ml_connector.domain.money import round_to_cents
from ml_connector.domain.orders.exact_order import ExactHeader, ExactOrder
from ml_connector.domain.orders.marker import order_tokens_in, your_ref
from ml_connector.domain.orders.order import Order
from ml_connector.domain.orders.questions import Known, MarkedOrders, OrdersNear, OriginOf
from ml_connector.settings.connection import Connection

_MOST_SHOWN = 3

POSSIBLE_DUPLICATE = "POSSIBLE_DUPLICATE"


def only_one(found: Sequence[ExactHeader], title: str) -> ExactHeader | None:
    """Return the one order that carries our marker, None if there is none.

    Raises `Review` when there are several.
    """
    if len(found) > 1:
        numbers = ", ".join(str(one.number) for one in found)
        raise Review([problem("SEVERAL_IN_EXACT", title, "numbers", numbers=numbers)])
    return found[0] if found else None


def find_unrecorded(known: Known, order: Order, division: Division) -> ExactOrder | None:
    """Return the Exact order that carries this order's marker and is not in the ledger.

    A restored ledger has lost what was posted after its backup. Raises `Review` when there are
    several.
    """
    removed = known.facts.removed
    marked = known.ask(MarkedOrders(division))
    existing = [
        one for one in marked if not one.is_cancelled and not (removed and one.id == removed.id)
    ]
    if len(existing) > 1:
        numbers = ", ".join(one.number for one in existing)
        raise Review([problem("SEVERAL_IN_EXACT", order.title, "numbers", numbers=numbers)])
    return existing[0] if existing else None


def refuse_look_alikes(known: Known, order: Order, near: OrdersNear) -> None:
    """Raise `Review` when somebody entered an order in Exact that looks like this one.

    One that a person has said to be another purchase, or that came from another Airbase order,
    does not count.
    """
    alike = [
        one
        for one in known.ask(near)
        if _is_alike(one, order, known.connection) and one.id not in known.facts.not_duplicates
    ]
    origins = known.ask_all([OriginOf(one.id) for one in alike])
    similar = [
        one for one, origin in zip(alike, origins, strict=True) if origin in {None, order.id}
    ]
    if similar:
        raise Review([_possible_duplicate(known.connection, order, similar[:_MOST_SHOWN])])


def _possible_duplicate(
    connection: Connection, order: Order, similar: Sequence[ExactOrder]
) -> Problem:
    candidates = [
        {
            "id": one.id,
            "number": one.number,
            "date": str(one.order_date),
            "reference": one.your_ref,
            "amount": f"{one.currency} {one.amount_without_vat}",
        }
        for one in similar
    ]
    numbers = ", ".join(one.number for one in similar)
    return problem(
        POSSIBLE_DUPLICATE, order.title, "numbers", numbers=numbers, candidates=candidates,
        connection=connection.id, order=shlex.quote(order.title), number=similar[0].number,
    )  # fmt: skip


def _is_alike(found: ExactOrder, order: Order, connection: Connection) -> bool:
    """Compare the reference, then amount and currency; the supplier is known to be the same."""
    if found.is_cancelled or order_tokens_in(found.remarks):
        return False
    if found.your_ref and found.your_ref.casefold() == your_ref(order.number, order.id).casefold():
        return True
    amount = found.amount if connection.amounts_include_vat else found.amount_without_vat
    if amount is None or found.currency != order.total.currency:
        return False
    return round_to_cents(amount, found.currency) == order.total.amount
