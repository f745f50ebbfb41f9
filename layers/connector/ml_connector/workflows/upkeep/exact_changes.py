"""What Exact tells us of: the stream that has news is read at the next sweep.

A notification carries only the key of what changed, and a storm of them is one increment.
"""

from ml_connector.codes import problem
from ml_connector.exact.orders import STREAM_PATH
from ml_connector.exact.reference import DELETED_PATH, STREAMS
from ml_connector.faults import Review
from ml_connector.ids import ConnectionId, Division, Guid
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.upkeep.refresh import note_stale

_KINDS = {"GLAccounts": "gl_account", "Items": "item", "Accounts": "supplier"}
_STREAM_OF = {"PurchaseOrders": STREAM_PATH} | {
    topic: next(stream.path for stream in STREAMS if stream.kind == kind)
    for topic, kind in _KINDS.items()
}


def note_change(
    doors: Doors,
    connection: ConnectionId,
    division: Division,
    topic: str,
    key: Guid,
    action: str,
) -> None:
    """Take note of one notification.

    Raises `Review` for a topic without a meaning here.
    """
    if topic not in _STREAM_OF:
        raise Review([problem("UNKNOWN_TOPIC", topic, f"Division {division}, key {key}.")])
    path = DELETED_PATH if action == "Delete" else _STREAM_OF[topic]
    note_stale(doors.data(connection, division), path)
