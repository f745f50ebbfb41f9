"""`connector webhooks`."""

from typing import Annotated, Any

import typer

from connector_cli.commands.common import ConnectionArgument, Json, stack_of
from connector_cli.printing import print_error, print_json, print_line, print_table
from ml_connector.connections import manage_subscriptions
from ml_connector.domain.words import moment

_WORDS = {
    "ours": "points here",
    "elsewhere": "points elsewhere",
    "missing": "missing",
    "unseen": "belongs to another user; its address is not visible",
}


def _calls(of: dict[str, Any]) -> str:
    accepted, refused = (
        moment(of[at]) if of[at] else "never" for at in ("accepted_at", "refused_at")
    )
    why = f" ({of['reason']})" if of["reason"] else ""
    return f"Calls of {of['sender']}: last accepted {accepted}, last refused {refused}{why}."


def webhooks(
    context: typer.Context,
    connection: ConnectionArgument,
    move: Annotated[
        bool,
        typer.Option("--move", help="Delete subscriptions that point elsewhere and create ours."),
    ] = False,
    as_json: Json = False,
) -> None:
    """List the webhook subscriptions in Exact that notify the connector of changes."""
    stack = stack_of(context)
    if move:
        found = manage_subscriptions.move(stack, stack.actor, connection)
    else:
        found = manage_subscriptions.list_webhooks(stack.services_of(connection))
    if as_json:
        print_json(found)
        return
    rows = (
        (each["division"], each["topic"], _WORDS[each["state"]], each["address"])
        for each in found["subscriptions"]
    )
    print_table(("Division", "Topic", "State", "Address"), rows)
    for each in found["calls"]:
        print_line(_calls(each))
    if move:
        print_line(f"Deleted {len(found['moved'])} that pointed elsewhere.")
    for line in found["trouble"]:
        print_error(line)
