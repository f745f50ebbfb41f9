"""Before an order is posted: is it in Exact already, ours from before, or typed in by hand?

Both are looked for in what Exact's stream has told, so no call is made.
"""

from collections.abc import Callable

from ml_connector.codes import problem
from ml_connector.connection import Connection
from ml_connector.doors.exact_orders import ExactOrders
from ml_connector.faults import Review
from ml_connector.ids import ConnectionId, Guid
from ml_connector.purchase_orders.exact_order import ExactOrder
from ml_connector.purchase_orders.marker import mark, marks_in, your_ref
from ml_connector.purchase_orders.model import Order

_MOST_SHOWN = 3


def find_left_behind(
    orders: ExactOrders, connection: ConnectionId, order: Order, gone: Guid | None = None
) -> ExactOrder | None:
    """Return the order in Exact that carries this order's marker although the ledger has none.

    A restored ledger may have lost what was posted after its copy was made. `gone` is not there
    any more, whatever was told of it. Raises `Review` when there are several.
    """
    found = orders.marked(mark(connection, order.id))
    alive = [
        one
        for one in found
        if not one.is_cancelled and one.id != gone and not orders.is_gone(one.id)
    ]
    if len(alive) > 1:
        numbers = ", ".join(one.number for one in alive)
        raise Review([problem("SEVERAL_IN_EXACT", order.title, f"Numbers: {numbers}.")])
    return alive[0] if alive else None


def refuse_duplicate(
    orders: ExactOrders,
    connection: Connection,
    order: Order,
    supplier: Guid,
    is_other: Callable[[Guid], bool],
) -> None:
    """Raise `Review` when others have entered an order in Exact that looks like this one.

    `is_other` says of an order in Exact that it is known to be another one.
    """
    near = orders.near(supplier, order.order_date)
    alike = [one for one in near if _is_alike(one, order, connection) and not is_other(one.id)]
    if not alike:
        return
    candidates = [
        {
            "id": one.id,
            "number": one.number,
            "date": str(one.order_date),
            "reference": one.your_ref,
            "amount": f"{one.currency} {one.amount_without_vat}",
        }
        for one in alike[:_MOST_SHOWN]
    ]
    numbers = ", ".join(one.number for one in alike[:_MOST_SHOWN])
    detail = f"Exact order {numbers}."
    raise Review([problem("POSSIBLE_DUPLICATE", order.title, detail, candidates=candidates)])


def _is_alike(one: ExactOrder, order: Order, connection: Connection) -> bool:
    """Same supplier is given: now the same reference, or the same amount in the same currency."""
    if one.is_cancelled or marks_in(one.remarks):
        return False
    if one.your_ref and one.your_ref.casefold() == your_ref(order.number, order.id).casefold():
        return True
    amount = one.amount if connection.amounts_include_vat else one.amount_without_vat
    return one.currency == order.total.currency and amount == order.total.amount
