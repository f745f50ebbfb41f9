"""The record of the calls that the simulator answered."""

from typing import NamedTuple


class ExactCall(NamedTuple):
    """One call; `status` 0 means that no answer was sent."""

    method: str
    path: str
    """Path template: `/api/v1/{division}/crm/Accounts({key})`."""
    division: int | None
    status: int
    at: float
    """Epoch seconds by the simulator's clock."""
    fault: str | None = None
