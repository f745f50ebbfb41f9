"""Have the next sweep read a division's suppliers, as after a notification."""

from ml_connector.exact.reference_data import ACCOUNTS_PATH, DELETED_PATH
from ml_connector.infrastructure.reference_store import ReferenceStore
from ml_connector.reference_data.refresh import note_stale


def note_all_stale(data: ReferenceStore) -> None:
    """Note changed and deleted suppliers."""
    note_stale(data, ACCOUNTS_PATH)
    note_stale(data, DELETED_PATH)
