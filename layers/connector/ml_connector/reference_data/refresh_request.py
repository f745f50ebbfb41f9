"""Request a refresh of Exact's reference data now."""

from ml_connector import clock
from ml_connector.domain.ids import Division
from ml_connector.messages.sending import refresh_message
from ml_connector.settings.division_names import find_division
from ml_connector.stack import Stack


def refresh(stack: Stack, id: str, division: str | None = None) -> list[Division]:
    """Queue a refresh of one division's reference data, or of all; return which.

    Raises `UserError` for a division that the connection does not have.
    """
    connection = stack.connection(id)
    requested = [each.division for each in connection.divisions]
    if division is not None:
        requested = [find_division(connection, division)]
    for each in requested:
        message = refresh_message(connection.id, each, everything=True)
        stack.send(message, f"asked {clock.epoch()}")
    return requested
