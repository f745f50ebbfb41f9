"""Divisions as people name them: `nl.2101`, or `2101` where only one site has it."""

from ml_connector.domain.ids import Division, code_of
from ml_connector.settings.connection import Connection
from ml_connector.user_errors import UserError


def find_division(connection: Connection, name: str) -> Division:
    """Return the connection's division with this name.

    Raises `UserError` for none, one that it does not have, or a code that several sites have.
    """
    wanted = name.strip().lower()
    if not wanted:
        raise UserError("names no division")
    known = [each.division for each in connection.divisions]
    found = [each for each in known if wanted in {each, str(code_of(each))}]
    if not found:
        raise UserError(
            f"connection {connection.id} has no division {name}; it has {', '.join(known)}"
        )
    if len(found) > 1:
        raise UserError(f"{name} is a division of several sites: name {' or '.join(found)}")
    return found[0]
