"""Accept that a listing of Exact lost most of its rows, after a person has checked it."""

from dataclasses import replace
from typing import Any

from msgspec.structs import replace as replace_struct

from ml_connector import clock
from ml_connector.domain.ids import Actor
from ml_connector.domain.records import DivisionFacts, Note
from ml_connector.reference_data import refresh_request
from ml_connector.reference_data.division_record import DivisionReadings
from ml_connector.settings.division_names import find_division
from ml_connector.stack import Stack
from ml_connector.user_errors import UserError


def accept_listing(
    stack: Stack, actor: Actor, id: str, division: str, path: str, reason: str
) -> dict[str, Any]:
    """Say that the smaller listing is right, and have it read again.

    It replaces what is kept once that reading agrees, and another call shows that it may be read.
    Raises `UserError` when nothing is kept of this listing.
    """
    connection = stack.connection(id)
    of = find_division(connection, division)
    readings = DivisionReadings(stack.ledger_of(actor, connection.id), of)
    kept = readings.facts.kept
    if path not in kept:
        named = ", ".join(kept) or "none"
        raise UserError(f"division {of} has no kept listing {path!r}; it has {named}")
    note = Note(reason, actor, clock.now())

    def confirm(facts: DivisionFacts) -> DivisionFacts:
        listing = facts.kept.get(path)
        if listing is None:  # it came back meanwhile
            return facts
        return replace(facts, kept={**facts.kept, path: replace_struct(listing, confirmed=note)})

    readings.change(confirm, "listing_accepted")
    refresh_request.refresh(stack, id, of)
    return {"connection": id, "division": of, "listing": path, "rows": kept[path].found}
