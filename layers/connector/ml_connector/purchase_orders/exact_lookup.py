"""Find purchase orders in Exact: by our marker, by their key, or as a possible duplicate."""

import shlex
from collections.abc import Callable, Mapping
from typing import Any

from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Review
from ml_connector.domain.ids import ConnectionId, Division, Guid, OrderId
from ml_connector.domain.orders.exact_order import ExactOrder
from ml_connector.domain.orders.marker import is_marked_for, order_token, order_tokens_in, your_ref
from ml_connector.domain.orders.order import Order
from ml_connector.domain.records import Intent
from ml_connector.exact.client import ExactClient
from ml_connector.exact.odata import guid_literal, int64_literal, text_literal
from ml_connector.exact.purchase_orders import (
    HEADER_FIELDS,
    LINE_FIELDS,
    LINES_PATH,
    ORDERS_PATH,
    STREAM_PATH,
    read_order,
)
from ml_connector.infrastructure.exact_orders import ExactOrders
from ml_connector.services import Services
from ml_connector.settings.connection import Connection

_FIELDS = "PurchaseOrderID,OrderNumber,YourRef,Remarks,AmountFC,AmountFCExclVat"
_SYNC_FIELDS = f"Timestamp,LineNumber,{_FIELDS}"


def find_orders(
    services: Services,
    order: OrderId,
    intent: Intent,
    *,
    remember: bool = True,
) -> list[Mapping[str, Any]]:
    """Return the purchase orders in Exact that carry the order's marker.

    They are filtered by `YourRef`; where Exact refuses that filter, the sync stream is read from
    the cursor of the intent. `remember`: note per division that the filter is refused.
    """
    division = intent.division
    exact_client = services.exact
    data = services.reference_store(division)
    if data.noted_at("your_ref_filter_refused") is None:
        query = {
            "$filter": f"YourRef eq {text_literal(intent.your_ref)}",
            "$select": _FIELDS,
        }
        try:
            return _marked(
                exact_client.rows(division, ORDERS_PATH, query), services.connection, order
            )
        except Review:
            if remember:
                data.note("your_ref_filter_refused")
    query = {
        "$filter": f"Timestamp gt {int64_literal(intent.cursor)}",
        "$select": _SYNC_FIELDS,
    }
    return _marked(exact_client.rows(division, STREAM_PATH, query), services.connection, order)


def _marked(rows: Any, connection: Connection, order: OrderId) -> list[Mapping[str, Any]]:
    """Return one row per order: the stream repeats the header's remarks on its lines."""
    found = {
        row["PurchaseOrderID"]: row
        for row in rows
        if not row.get("LineNumber") and is_marked_for(row.get("Remarks"), connection.id, order)
    }
    return list(found.values())


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


_MOST_SHOWN = 3


def find_unrecorded(
    orders: ExactOrders, connection: ConnectionId, order: Order, deleted: Guid | None = None
) -> ExactOrder | None:
    """Return the Exact order that carries this order's marker and is not in the ledger.

    A restored ledger has lost what was posted after its backup. `deleted` is known to be gone,
    even if it is still stored. Raises `Review` when there are several.
    """
    found = orders.with_order_token(order_token(connection, order.id))
    existing = [
        one
        for one in found
        if not one.is_cancelled and one.id != deleted and not orders.is_deleted(one.id)
    ]
    if len(existing) > 1:
        numbers = ", ".join(one.number for one in existing)
        raise Review([problem("SEVERAL_IN_EXACT", order.title, "numbers", numbers=numbers)])
    return existing[0] if existing else None


def refuse_duplicate(
    orders: ExactOrders,
    connection: Connection,
    order: Order,
    supplier: Guid,
    is_known_other: Callable[[Guid], bool],
) -> None:
    """Raise `Review` when somebody entered an order in Exact that looks like this one.

    `is_known_other` returns whether an Exact order is known to be a different one.
    """
    near = orders.near(supplier, order.order_date)
    similar = [
        one for one in near if _is_similar(one, order, connection) and not is_known_other(one.id)
    ]
    if not similar:
        return
    candidates = [
        {
            "id": one.id,
            "number": one.number,
            "date": str(one.order_date),
            "reference": one.your_ref,
            "amount": f"{one.currency} {one.amount_without_vat}",
        }
        for one in similar[:_MOST_SHOWN]
    ]
    numbers = ", ".join(one.number for one in similar[:_MOST_SHOWN])
    found = problem(
        "POSSIBLE_DUPLICATE", order.title, "numbers", numbers=numbers, candidates=candidates,
        connection=connection.id, order=shlex.quote(order.title), number=similar[0].number,
    )  # fmt: skip
    raise Review([found])


def _is_similar(found: ExactOrder, order: Order, connection: Connection) -> bool:
    """Compare the reference, then amount and currency; the supplier is known to be the same."""
    if found.is_cancelled or order_tokens_in(found.remarks):
        return False
    if found.your_ref and found.your_ref.casefold() == your_ref(order.number, order.id).casefold():
        return True
    amount = found.amount if connection.amounts_include_vat else found.amount_without_vat
    return found.currency == order.total.currency and amount == order.total.amount
