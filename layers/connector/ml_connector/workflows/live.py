"""Read one purchase order from Exact itself, whole, and keep what was read."""

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
    """Return the order as Exact holds it now, None when it is not there; two calls.

    `may_be_gone`: a deletion of ours is under way. Raises `Later`, `Review` or `Halt` as the
    gateway does.
    """
    gateway, kept = doors.exact(connection), doors.exact_orders(connection.id, division)
    key = f"PurchaseOrderID eq {guid_literal(id)}"
    headers = list(gateway.rows(division, ORDERS_PATH, {"$filter": key, "$select": HEADER_FIELDS}))
    if not headers:
        if not may_be_gone and not kept.is_gone(id):
            _refuse_blindness(gateway, division, id)
        kept.forget(id)
        return None
    lines = gateway.rows(division, LINES_PATH, {"$filter": key, "$select": LINE_FIELDS})
    order = read_order(headers[0], lines)
    kept.keep([order])
    return order


def _refuse_blindness(gateway: ExactGateway, division: Division, id: Guid) -> None:
    """Exact answers some questions with nothing where a right is missing: then nothing is known.

    Raises `Review` when the division shows no purchase order at all.
    """
    query = {"$select": "PurchaseOrderID", "$top": "1"}
    if not any(gateway.rows(division, ORDERS_PATH, query)):
        raise Review([problem("EXACT_SHOWS_NOTHING", f"Exact order {id}")])
