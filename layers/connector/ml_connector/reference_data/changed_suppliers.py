"""Note which suppliers changed while Exact's streams are read, and queue them for the vendors."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ml_connector.domain.ids import Division
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.exact.odata import guid
from ml_connector.infrastructure.reference_store import ReferenceStore
from ml_connector.messages import suppliers_message, unique_id
from ml_connector.services import Services

_FOLLOWED = "suppliers_followed"


def note_supplier_changes(
    data: ReferenceStore,
    rows: Sequence[Mapping[str, Any]],
    read: Callable[[Mapping[str, Any]], Supplier],
) -> None:
    """Note which of these rows differ from what is stored; call it before they are stored.

    Until the first reading is finished, single changes are not noted.
    """
    if data.noted_at(_FOLLOWED) is None:
        return
    for row in rows:
        supplier = read(row)
        if data.get("supplier", supplier.id, Supplier) != supplier:
            data.note_supplier_change(supplier.id, int(row["Timestamp"]))


def note_deleted(data: ReferenceStore, row: Mapping[str, Any]) -> None:
    """Note that a supplier was deleted; call it before the supplier is removed."""
    id = guid(row["EntityKey"])
    if data.noted_at(_FOLLOWED) and data.get("supplier", id, Supplier):
        data.note_supplier_change(id, int(row["Timestamp"]))


def queue_supplier_changes(services: Services, division: Division) -> None:
    """Queue a message if suppliers changed; after the first reading, always."""
    data = services.reference_store(division)
    is_first = data.noted_at(_FOLLOWED) is None
    if is_first:
        data.note(_FOLLOWED)
    if is_first or next(data.supplier_changes(), None):
        message = suppliers_message(services.id, services.connection.site, division)
        services.queues.send(message, unique_id())
