"""What a reading of Exact's streams tells the vendors' side: which suppliers really changed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ml_connector.doors.reference import ReferenceData
from ml_connector.exact.odata import guid
from ml_connector.ids import ConnectionId, Division
from ml_connector.purchase_orders.books import Supplier
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.messages import never_seen, suppliers_message

_FOLLOWED = "suppliers_followed"


def note_suppliers(
    data: ReferenceData,
    rows: Sequence[Mapping[str, Any]],
    read: Callable[[Mapping[str, Any]], Supplier],
) -> None:
    """Note which of these rows differ from what is kept, before they are kept in its place.

    Before the first reading is finished nobody follows single changes, and none is noted.
    """
    if data.noted_at(_FOLLOWED) is None:
        return
    for row in rows:
        supplier = read(row)
        if data.get("supplier", supplier.id, Supplier) != supplier:
            data.note_supplier_change(supplier.id, int(row["Timestamp"]))


def note_deleted(data: ReferenceData, row: Mapping[str, Any]) -> None:
    """Note that a supplier was deleted, before it is forgotten."""
    id = guid(row["EntityKey"])
    if data.noted_at(_FOLLOWED) and data.get("supplier", id, Supplier):
        data.note_supplier_change(id, int(row["Timestamp"]))


def tell_suppliers(doors: Doors, connection: ConnectionId, division: Division) -> None:
    """Have the changes followed; after the first reading, have everything matched."""
    data = doors.data(connection, division)
    is_first = data.noted_at(_FOLLOWED) is None
    if is_first:
        data.note(_FOLLOWED)
    if is_first or next(data.supplier_changes(), None):
        message = suppliers_message(connection, division)
        doors.queues.send(message, never_seen())
