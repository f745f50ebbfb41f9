"""Notice that another connector posts in a division: an order with a marker that is not ours.

Two stacks do not see each other's records. Until the first such order is read, both may post the
same purchase; from then on the division is stopped until a person says that it is known.
"""

from collections.abc import Iterable, Sequence

from ml_connector import clock
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Problem
from ml_connector.domain.ids import ConnectionId, Division, Guid, OrderId
from ml_connector.domain.orders.exact_order import ExactOrder
from ml_connector.domain.orders.marker import order_token, order_tokens_in
from ml_connector.infrastructure.connection_store import FIRST_READING
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.services import Services

_MARKED = "marked "
_MOST_NAMED = 3


def note_marked(services: Services, division: Division, orders: Iterable[ExactOrder]) -> None:
    """Note the new ones of orders that carry a marker and that this connection did not post."""
    data, known = services.reference_store(division), services.exact_orders(division)
    for order in orders:
        if known.get(order.id) is None:
            data.note(f"{_MARKED}{order.id}")


def stop_for_other_connector(services: Services, division: Division) -> None:
    """Halt the division if one of the orders that were noted is not ours.

    Ours are those of the ledger and of Airbase's listing. Nothing is concluded before the listing
    was read once, nor while the ledger may lack orders because it was restored.
    """
    data = services.reference_store(division)
    noted = [Guid(name.removeprefix(_MARKED)) for name in data.notes(_MARKED)]
    if not noted or _may_lack_ours(services.ledger):
        return
    listed = services.notes.listed_orders()
    if services.connection.profile.orders_path and FIRST_READING not in listed:
        return
    orders = [found for id in noted if (found := services.exact_orders(division).get(id))]
    ours = _our_tokens(services, listed)
    foreign = [each for each in orders if not order_tokens_in(each.remarks) & ours]
    if foreign:
        Halts(services.ledger).stop(_problem(services.id, division, foreign), division)
    for id in noted:
        data.forget_note(f"{_MARKED}{id}")


def _may_lack_ours(ledger: Ledger) -> bool:
    until = ledger.connection().facts.looks_first_until
    return until is not None and clock.now() < until


def _our_tokens(services: Services, listed: Iterable[OrderId]) -> frozenset[str]:
    recorded = services.ledger.readable_or_not("order#")
    ids = {OrderId(each.key.partition("#")[2]) for each in recorded}
    return frozenset(order_token(services.id, id) for id in ids.union(listed))


def _problem(
    connection: ConnectionId, division: Division, foreign: Sequence[ExactOrder]
) -> Problem:
    numbers = ", ".join(each.number or each.id for each in foreign[:_MOST_NAMED])
    return problem(
        "ANOTHER_CONNECTOR", f"Exact division {division}", "orders",
        numbers=numbers, connection=connection, division=division,
        evidence={"orders": [each.id for each in foreign[:_MOST_NAMED]], "count": len(foreign)},
    )  # fmt: skip
