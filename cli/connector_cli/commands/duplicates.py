"""`connector adopt`."""

from typing import Annotated

import typer

from connector_cli.actions import duplicates
from connector_cli.commands.common import ConnectionArgument, Json, opened
from connector_cli.printing import say, say_json


def adopt(
    context: typer.Context,
    connection: ConnectionArgument,
    order: Annotated[str, typer.Argument(help="Order id or number.")],
    exact_number: Annotated[str, typer.Option(help="The order's number in Exact.")],
    as_json: Json = False,
) -> None:
    """Take an order that somebody entered in Exact for this one, which is then not posted.

    For an order with the exception POSSIBLE_DUPLICATE. Nothing is changed in Exact.
    """
    done = duplicates.adopt(opened(context), connection, order, exact_number)
    if as_json:
        say_json(done)
        return
    say(f"{done['title']} is Exact order {done['exact_number']} now.")
    for each in done["exceptions"]:
        say(f"{each['code']}: {each['cause']}")
