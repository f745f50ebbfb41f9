"""Find in Exact what an earlier attempt may have left there, by the marker in its remarks."""

from collections.abc import Mapping
from typing import Any

from ml_connector.connection import Connection
from ml_connector.exact.odata import int64_literal, text_literal
from ml_connector.exact.orders import ORDERS_PATH, STREAM_PATH
from ml_connector.faults import Review
from ml_connector.ids import Division, OrderId
from ml_connector.purchase_orders.marker import marks
from ml_connector.workflows.doors import Doors

_FIELDS = "PurchaseOrderID,OrderNumber,YourRef,Remarks,AmountFC,AmountFCExclVat"
_SYNC_FIELDS = f"Timestamp,LineNumber,{_FIELDS}"


def find_orders(
    doors: Doors,
    connection: Connection,
    order: OrderId,
    intent: Mapping[str, Any],
    *,
    may_note: bool = True,
) -> list[Mapping[str, Any]]:
    """Return the purchase orders in Exact that carry the order's marker.

    By `YourRef`; where Exact refuses that filter, through the sync stream from the place it had
    reached when the intent was recorded. Which it is, is remembered per division,
    unless nothing may be noted.
    """
    division = Division(intent["division"])
    gateway = doors.exact(connection)
    data = doors.data(connection.id, division)
    if data.noted_at("your_ref_filter_refused") is None:
        query = {
            "$filter": f"YourRef eq {text_literal(intent['your_ref'])}",
            "$select": _FIELDS,
        }
        try:
            return _ours(gateway.rows(division, ORDERS_PATH, query), connection, order)
        except Review:
            if may_note:
                data.note("your_ref_filter_refused")
    query = {
        "$filter": f"Timestamp gt {int64_literal(intent['cursor'])}",
        "$select": _SYNC_FIELDS,
    }
    return _ours(gateway.rows(division, STREAM_PATH, query), connection, order)


def _ours(rows: Any, connection: Connection, order: OrderId) -> list[Mapping[str, Any]]:
    """Keep one row an order: the stream repeats the header's remarks on its lines."""
    found = {
        row["PurchaseOrderID"]: row
        for row in rows
        if not row.get("LineNumber") and marks(row.get("Remarks"), connection.id, order)
    }
    return list(found.values())
