"""Let a division's suppliers be read at the next sweep, as notifications would."""

from ml_connector.doors.reference import ReferenceData
from ml_connector.exact.reference import ACCOUNTS_PATH, DELETED_PATH
from ml_connector.workflows.upkeep.refresh import note_stale


def note_all_stale(data: ReferenceData) -> None:
    """Say that suppliers were changed and deleted."""
    note_stale(data, ACCOUNTS_PATH)
    note_stale(data, DELETED_PATH)
