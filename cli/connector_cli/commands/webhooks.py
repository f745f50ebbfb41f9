"""`connector webhooks`."""

from typing import Annotated

import typer

from connector_cli.actions import webhooks as webhooks_
from connector_cli.commands.common import ConnectionArgument, Json, opened
from connector_cli.printing import complain, say, say_json, say_table

_WORDS = {
    "ours": "leads here",
    "elsewhere": "leads elsewhere",
    "missing": "missing",
    "unseen": "somebody else's; its address cannot be seen",
}


def webhooks(
    context: typer.Context,
    connection: ConnectionArgument,
    move: Annotated[
        bool,
        typer.Option("--move", help="Delete those that lead elsewhere, and make ours."),
    ] = False,
    as_json: Json = False,
) -> None:
    """List Exact's webhook subscriptions, which tell the connector of changes in Exact."""
    stack = opened(context)
    found = (webhooks_.move if move else webhooks_.list_webhooks)(stack, connection)
    if as_json:
        say_json(found)
        return
    rows = (
        (each["division"], each["topic"], _WORDS[each["state"]], each["address"])
        for each in found["subscriptions"]
    )
    say_table(("Division", "Topic", "State", "Address"), rows)
    if move:
        say(f"Deleted {len(found['moved'])} that led elsewhere.")
    for line in found["trouble"]:
        complain(line)
