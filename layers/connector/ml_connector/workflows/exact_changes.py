"""What Exact tells us of: changed reference data, and changed purchase orders of ours."""

from ml_connector.codes import problem
from ml_connector.doors.ledger import order_key
from ml_connector.faults import Review
from ml_connector.ids import ConnectionId, Division, Guid
from ml_connector.workflows.case import Case
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.refresh import STALE

_REFERENCE_TOPICS = {"GLAccounts", "Items", "Accounts"}


def note_change(
    doors: Doors,
    connection: ConnectionId,
    division: Division,
    topic: str,
    key: Guid,
    action: str,
) -> None:
    """Take note of one notification; it carries only the key of what changed.

    Reference data are read at the next sweep: a storm of notifications is one increment.

    Raises `Review` for a topic without a meaning here.
    """
    if topic in _REFERENCE_TOPICS:
        doors.data(connection, division).note(STALE)
    elif topic == "PurchaseOrders":
        _note_purchase_order(doors, connection, key, action)
    else:
        raise Review([problem("UNKNOWN_TOPIC", topic, f"Division {division}, key {key}.")])


def _note_purchase_order(doors: Doors, connection: ConnectionId, key: Guid, action: str) -> None:
    """Note the change on the order that we posted; orders typed in by hand are not ours."""
    order = doors.mappings.order_of(connection, key)
    if order is None:
        return
    case = Case(doors.ledger, doors.ledger.read(connection, order_key(order)))
    if case.record.state != "posted":
        return  # its own worker is still at it, and its due time must stay
    if action == "Delete":
        found = problem("DELETED_IN_EXACT", case.title)
        case.step("posted", "deleted_in_exact", problems=[found.as_dict()])
    elif action != "Create":  # our own posting comes back as a Create
        case.step("posted", "changed_in_exact", detail={"action": action})
