"""Connections of which nobody can say yet that nothing is wrong."""

from collections.abc import Iterator

from ml_connector.domain.words import command
from ml_connector.reference_data.refresh import fresh_since
from ml_connector.services import Services
from ml_connector.stack import RecordStack


def half_made(stack: RecordStack, id: str | None) -> list[str]:
    """Return in words what is missing of a connection, or of all of the stack; empty if nothing.

    Asks no remote and needs no secret. Raises `UserError` for an unknown connection.
    """
    if id is not None:
        return list(_missing(stack.services_of(id)))
    every = list(stack.services.all())
    if not every:
        return ["There is no connection yet: `connector connect my-firm` makes one, or goes on."]
    return [line for each in every for line in _missing(each)]


def _missing(services: Services) -> Iterator[str]:
    unread = [
        each.division
        for each in services.connection.divisions
        if fresh_since(services.reference_store(each.division)) is None
    ]
    if unread:
        yield (
            f"Nothing can be said of {services.id} yet: Exact was never read in "
            f"{', '.join(unread)}. See what is missing: {command('ping', services.id)}."
        )
