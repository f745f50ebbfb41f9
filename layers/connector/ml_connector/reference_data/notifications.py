"""Handle Exact's notifications: the next sweep reads the stream that changed.

A notification carries only the key of what changed; many of them lead to one increment.
"""

from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Review
from ml_connector.domain.ids import Division, Guid
from ml_connector.exact.purchase_orders import STREAM_PATH
from ml_connector.exact.reference_data import DELETED_PATH, STREAMS
from ml_connector.infrastructure.reference_store import ReferenceStore
from ml_connector.reference_data.refresh import note_stale

_KINDS = {"GLAccounts": "gl_account", "Items": "item", "Accounts": "supplier"}
_STREAM_OF = {"PurchaseOrders": STREAM_PATH} | {
    topic: next(stream.path for stream in STREAMS if stream.kind == kind)
    for topic, kind in _KINDS.items()
}


def note_stream_change(
    data: ReferenceStore,
    division: Division,
    topic: str,
    key: Guid,
    action: str,
) -> None:
    """Take note of one notification; raises `Review` for an unknown topic."""
    if topic not in _STREAM_OF:
        raise Review([problem("UNKNOWN_TOPIC", topic, "key", division=division, key=key)])
    path = DELETED_PATH if action == "Delete" else _STREAM_OF[topic]
    note_stale(data, path)
