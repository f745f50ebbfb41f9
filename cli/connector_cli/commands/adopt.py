"""`connector adopt`."""

from typing import Annotated

import typer

from connector_cli.commands.common import ConnectionArgument, Json, stack_of
from connector_cli.printing import print_json, print_line
from ml_connector.exceptions import possible_duplicates


def adopt(
    context: typer.Context,
    connection: ConnectionArgument,
    order: Annotated[
        str, typer.Argument(metavar="ORDER", help="Order id or order number in Airbase.")
    ],
    exact_number: Annotated[str, typer.Option(help="Order number in Exact.")],
    as_json: Json = False,
) -> None:
    """Link to an order already in Exact; it is not posted again.

    For an order with the exception POSSIBLE_DUPLICATE. Nothing is changed in Exact.
    """
    stack = stack_of(context)
    done = possible_duplicates.adopt(stack, stack.actor, connection, order, exact_number)
    if as_json:
        print_json(done)
        return
    print_line(f"{done['title']} is now linked to Exact order {done['exact_number']}.")
    for each in done["exceptions"]:
        print_line(f"{each['code']}: {each['cause']}")
