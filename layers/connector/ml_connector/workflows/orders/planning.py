"""Plan an order over what is known of its division, and have made what it needs."""

from datetime import timedelta

from ml_connector import clock
from ml_connector.connection import Connection, ExactDivision
from ml_connector.faults import Later
from ml_connector.ids import Division
from ml_connector.purchase_orders.model import Order
from ml_connector.purchase_orders.plan import Plan, plan
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.orders.provision import Provision
from ml_connector.workflows.upkeep.refresh import is_usable

_REFRESH_WAIT = timedelta(seconds=60)
ROUNDS = 2
"""An item that was made may have to be linked to the supplier next."""


def plan_order(doors: Doors, connection: Connection, order: Order, division: ExactDivision) -> Plan:
    """Return what to send; carrier items and supplier links that it needs are made first.

    Raises `Review` with all that is wrong with the order, `Later` while the division's data are
    too old to judge it.
    """
    refuse_old_data(doors, connection, division.division)
    made = plan_from_books(doors, connection, order, division)
    for _ in range(ROUNDS):
        if made.needs:
            Provision(doors, connection, division).provide(made.needs)
            made = plan_from_books(doors, connection, order, division)
    return made


def plan_from_books(
    doors: Doors, connection: Connection, order: Order, division: ExactDivision
) -> Plan:
    """Return what to send, and what it needs first; nothing is asked of Exact or written."""
    return plan(order, connection, division, doors.books(connection, division.division))


def refuse_old_data(doors: Doors, connection: Connection, division: Division) -> None:
    """Raise `Later` while the division's data were read too long ago; the sweep has them read."""
    if not is_usable(doors, connection.id, division):
        until = clock.now() + _REFRESH_WAIT
        cause = f"reference data of division {division} are being read."
        raise Later("REFERENCE_DATA_OLD", until, cause)
