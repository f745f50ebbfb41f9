"""Read one purchase order from Exact itself, whole."""

from ml_connector.codes import problem
from ml_connector.connection import Connection
from ml_connector.exact.gateway import ExactGateway
from ml_connector.exact.odata import guid_literal
from ml_connector.exact.orders import (
    HEADER_FIELDS,
    LINE_FIELDS,
    LINES_PATH,
    ORDERS_PATH,
    read_order,
)
from ml_connector.faults import Review
from ml_connector.ids import Division, Guid
from ml_connector.purchase_orders.exact_order import ExactOrder
from ml_connector.workflows.doors import Doors


def read_live(
    doors: Doors,
    connection: Connection,
    division: Division,
    id: Guid,
    *,
    may_be_gone: bool = False,
) -> ExactOrder | None:
    """Return the order as `ask_live` does, and keep what was read."""
    found = ask_live(doors, connection, division, id, may_be_gone=may_be_gone)
    keep_live(doors, connection, division, id, found)
    return found


def ask_live(
    doors: Doors,
    connection: Connection,
    division: Division,
    id: Guid,
    *,
    may_be_gone: bool = False,
) -> ExactOrder | None:
    """Return the order as Exact holds it now, None when it is not there; two calls.

    `may_be_gone`: a deletion of ours is under way. Raises `Later`, `Review` or `Halt` as the
    gateway does.
    """
    gateway = doors.exact(connection)
    key = f"PurchaseOrderID eq {guid_literal(id)}"
    headers = list(gateway.rows(division, ORDERS_PATH, {"$filter": key, "$select": HEADER_FIELDS}))
    if not headers:
        if not may_be_gone and not doors.exact_orders(connection.id, division).is_gone(id):
            _refuse_blindness(gateway, division, id)
        return None
    lines = gateway.rows(division, LINES_PATH, {"$filter": key, "$select": LINE_FIELDS})
    return read_order(headers[0], lines)


def keep_live(
    doors: Doors, connection: Connection, division: Division, id: Guid, found: ExactOrder | None
) -> None:
    """Keep what was read of an order, or that it is gone."""
    kept = doors.exact_orders(connection.id, division)
    if found is None:
        kept.forget(id)
    else:
        kept.keep([found])


def _refuse_blindness(gateway: ExactGateway, division: Division, id: Guid) -> None:
    """Exact answers some questions with nothing where a right is missing: then nothing is known.

    Raises `Review` when the division shows no purchase order at all.
    """
    query = {"$select": "PurchaseOrderID", "$top": "1"}
    if not any(gateway.rows(division, ORDERS_PATH, query)):
        raise Review([problem("EXACT_SHOWS_NOTHING", f"Exact order {id}")])
