"""Find purchase orders in Exact: by our marker, or by their key."""

from collections.abc import Iterable

from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Review
from ml_connector.domain.ids import ConnectionId, Division, Guid, OrderId
from ml_connector.domain.orders.exact_order import ExactHeader, ExactOrder
from ml_connector.domain.orders.marker import is_marked_for
from ml_connector.domain.orders.questions import Outcome
from ml_connector.exact.client import ExactClient
from ml_connector.exact.odata import guid_literal, int64_literal, text_literal
from ml_connector.exact.purchase_orders import (
    HEADER_FIELDS,
    LINE_FIELDS,
    LINES_PATH,
    ORDERS_PATH,
    STREAM_PATH,
    Row,
    read_header,
    read_order,
)
from ml_connector.infrastructure.exact_orders import ExactOrders
from ml_connector.services import Services

_FIELDS = "PurchaseOrderID,OrderNumber,YourRef,Remarks,Currency,AmountFC,AmountFCExclVat"
_SYNC_FIELDS = f"Timestamp,LineNumber,{_FIELDS}"


def find_orders(
    services: Services,
    order: OrderId,
    sought: Outcome,
    *,
    remember: bool,
) -> tuple[ExactHeader, ...]:
    """Return the purchase orders in Exact that carry the order's marker.

    They are filtered by `YourRef`; where Exact refuses that filter, the sync stream is read from
    the cursor of the intent. `remember`: note per division that the filter is refused.
    """
    division = sought.division
    exact_client = services.exact
    data = services.reference_store(division)
    if data.noted_at("your_ref_filter_refused") is None:
        query = {
            "$filter": f"YourRef eq {text_literal(sought.your_ref)}",
            "$select": _FIELDS,
        }
        try:
            return _marked(exact_client.rows(division, ORDERS_PATH, query), services.id, order)
        except Review:
            if remember:
                data.note("your_ref_filter_refused")
    query = {
        "$filter": f"Timestamp gt {int64_literal(sought.cursor)}",
        "$select": _SYNC_FIELDS,
    }
    return _marked(exact_client.rows(division, STREAM_PATH, query), services.id, order)


def _marked(
    rows: Iterable[Row], connection: ConnectionId, order: OrderId
) -> tuple[ExactHeader, ...]:
    """Return each order once: the stream repeats the header's remarks on its lines."""
    found = {
        header.id: header
        for row in rows
        if not row.get("LineNumber") and is_marked_for(row.get("Remarks"), connection, order)
        for header in [read_header(row)]
    }
    return tuple(found.values())


def read_current(
    services: Services,
    division: Division,
    id: Guid,
    *,
    may_be_gone: bool = False,
) -> ExactOrder | None:
    """Return the order as `fetch_current` does, and store it."""
    found = fetch_current(services, division, id, may_be_gone=may_be_gone)
    store_current(services.exact_orders(division), id, found)
    return found


def fetch_current(
    services: Services,
    division: Division,
    id: Guid,
    *,
    may_be_gone: bool = False,
) -> ExactOrder | None:
    """Return the order as Exact holds it now, None when it is not there; two calls.

    `may_be_gone`: a removal of ours is under way. Raises `Later`, `Review` or `Halt` as the
    Exact client does.
    """
    exact_client = services.exact
    key = f"PurchaseOrderID eq {guid_literal(id)}"
    headers = list(
        exact_client.rows(division, ORDERS_PATH, {"$filter": key, "$select": HEADER_FIELDS})
    )
    if not headers:
        if not may_be_gone and not services.exact_orders(division).is_deleted(id):
            _refuse_empty_division(exact_client, division, id)
        return None
    lines = exact_client.rows(division, LINES_PATH, {"$filter": key, "$select": LINE_FIELDS})
    return read_order(headers[0], lines)


def store_current(exact_orders: ExactOrders, id: Guid, found: ExactOrder | None) -> None:
    """Store an order as it was read, or that it is gone."""
    if found is None:
        exact_orders.mark_deleted(id)
    else:
        exact_orders.keep([found])


def _refuse_empty_division(exact_client: ExactClient, division: Division, id: Guid) -> None:
    """Raise `Review` when the division shows no purchase order at all.

    Exact may answer with an empty list where a right is missing: the order may still be there.
    """
    query = {"$select": "PurchaseOrderID", "$top": "1"}
    if not any(exact_client.rows(division, ORDERS_PATH, query)):
        raise Review([problem("EXACT_SHOWS_NOTHING", f"Exact order {id}")])
