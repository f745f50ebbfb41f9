"""What the simulator remembers of the calls that it answered."""

from typing import NamedTuple


class Call(NamedTuple):
    """One call as it was logged; `status` 0 means that no answer left the simulator."""

    method: str
    path: str
    """Path template: `/api/v1/{division}/crm/Accounts({key})`."""
    division: int | None
    status: int
    at: float
    """Epoch seconds by the simulator's clock."""
    fault: str | None = None
