"""Request a refresh of Exact's reference data now."""

from ml_connector import clock
from ml_connector.domain.ids import Division
from ml_connector.messages import refresh_message
from ml_connector.stack import Stack
from ml_connector.user_errors import UserError


def refresh(stack: Stack, id: str, division: int | None = None) -> list[int]:
    """Queue a refresh of one division's reference data, or of all; return their codes."""
    connection = stack.connection(id)
    codes = [each.division for each in connection.divisions]
    if division is not None and division not in codes:
        known = ", ".join(str(code) for code in codes)
        raise UserError(f"connection {id} has no division {division}; it has {known}")
    requested = codes if division is None else [Division(division)]
    for code in requested:
        message = refresh_message(connection.id, connection.site, code, everything=True)
        stack.send(message, f"asked {clock.epoch()}")
    return [int(code) for code in requested]
