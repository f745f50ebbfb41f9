"""Note which suppliers changed while Exact's streams are read, and queue them for the vendors."""

from collections.abc import Iterable
from typing import Any

from ml_connector.domain.ids import Division, Guid
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.exact.reference_data import ACCOUNTS_PATH
from ml_connector.exact.rows import ReadRow
from ml_connector.infrastructure.reference_store import ReferenceStore
from ml_connector.messages.sending import suppliers_message, unique_id
from ml_connector.services import Services

_FOLLOWED = "suppliers_followed"


def note_supplier_changes(data: ReferenceStore, rows: Iterable[ReadRow[Any]]) -> None:
    """Note which of these rows differ from what is stored; call it before they are stored.

    Until the first reading is finished, single changes are not noted.
    """
    if data.noted_at(_FOLLOWED) is None:
        return
    for row in rows:
        if not row.wrong and data.get("supplier", row.value.id, Supplier) != row.value:
            data.note_supplier_change(row.value.id, row.version or 0)


def note_deleted(data: ReferenceStore, id: Guid, version: int) -> None:
    """Note that a supplier was deleted; call it before the supplier is removed."""
    if data.noted_at(_FOLLOWED) and data.get("supplier", id, Supplier):
        data.note_supplier_change(id, version)


def queue_supplier_changes(services: Services, division: Division) -> None:
    """Queue a message if suppliers changed; after the first reading, always.

    Not before that is stored as finished: the worker that compares them would find none.
    """
    data = services.reference_store(division)
    is_first = data.noted_at(_FOLLOWED) is None
    if is_first and data.cursor(ACCOUNTS_PATH).read_at is None:
        return
    if is_first:
        data.note(_FOLLOWED)
    if is_first or next(data.supplier_changes(), None):
        message = suppliers_message(services.id, division)
        services.queues.send(message, unique_id())
