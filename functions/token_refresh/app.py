"""Every six hours: renew idle Exact tokens and keep webhook subscriptions in place."""

from typing import Any

from ml_connector.bootstrap import open_services
from ml_connector.connections.token_refresh import refresh_in_turn

_services = open_services("token_refresh")
_LONGEST_TURN = 120_000  # milliseconds: each call of a connection with three sites times out


def handler(_event: dict[str, Any], context: Any) -> None:
    """Refresh every connection of the stack; the schedule's event is not used."""
    refresh_in_turn(_services, lambda: context.get_remaining_time_in_millis() > _LONGEST_TURN)
