"""`connector retry`, `fetch`, `refresh` and `codes`."""

from typing import Annotated

import typer

from connector_cli.commands.common import ConnectionArgument, Json, stack_of
from connector_cli.commands.exceptions import (
    AssignedTo,
    Codes,
    MinAmount,
    NewerThan,
    OlderThan,
    Unassigned,
)
from connector_cli.printing import print_json, print_line, print_table
from ml_connector.exceptions import codes as codes_
from ml_connector.exceptions import listing, possible_duplicates
from ml_connector.exceptions import retry as retry_
from ml_connector.purchase_orders import fetch_by_name
from ml_connector.reference_data import refresh_request
from ml_connector.user_errors import UserError

_Division = Annotated[
    str | None,
    typer.Argument(metavar="DIVISION", help="Exact division code; default: all divisions."),
]


def retry(  # noqa: PLR0913, PLR0917  one for each option
    context: typer.Context,
    connection: ConnectionArgument,
    order: Annotated[
        str | None,
        typer.Argument(
            metavar="ORDER", help="Order id, order number, number in Exact, or record key."
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All orders in review.")] = False,
    code: Codes = None,
    older_than: OlderThan = None,
    newer_than: NewerThan = None,
    min_amount: MinAmount = None,
    assigned_to: AssignedTo = None,
    unassigned: Unassigned = False,
    not_a_duplicate: Annotated[
        bool,
        typer.Option("--not-a-duplicate", help="The similar orders in Exact are other purchases."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Retry an order, or all orders with certain exceptions; nothing is posted twice.

    An order that was set aside is retried only when you name it.
    """
    filters = (code, older_than, newer_than, min_amount, assigned_to, unassigned or None)
    is_filtered = any(each is not None for each in filters)
    if sum((every, order is not None, is_filtered)) != 1:
        raise UserError("pass an order, or --all, or which exceptions (--code, --older-than, ...)")
    wanted = listing.read_filter(
        code or (), older_than, newer_than, min_amount, assigned_to, unassigned=unassigned
    )
    if not_a_duplicate and order is None:
        raise UserError("--not-a-duplicate needs an order")
    stack = stack_of(context)
    if order is not None and not_a_duplicate:
        done = possible_duplicates.not_a_duplicate(stack, stack.actor, connection, order)
        if as_json:
            print_json(done)
        else:
            others = ", ".join(done["not_duplicates"])
            print_line(f"Queued {done['queued'][0]}: Exact order {others} is another purchase.")
        return
    if order is not None:
        queued = [retry_.retry(stack, stack.actor, connection, order)]
    elif every:
        queued = retry_.retry_all(stack, stack.actor, connection)
    else:
        queued = retry_.retry_where(stack, stack.actor, connection, wanted)
    if as_json:
        print_json({"connection": connection, "queued": queued})
    else:
        print_line(
            f"Queued {len(queued):,}: {', '.join(queued)}." if queued else "Nothing to retry."
        )


def fetch(
    context: typer.Context,
    connection: ConnectionArgument,
    order: Annotated[str, typer.Argument(metavar="ORDER", help="The order's Airbase id.")],
    as_json: Json = False,
) -> None:
    """Import an approved order whose webhook never arrived."""
    stack = stack_of(context)
    id = fetch_by_name.id_of(stack.services_of(connection), order)
    retry_.fetch(stack, stack.actor, connection, id)
    if as_json:
        print_json({"connection": connection, "queued": [id]})
    else:
        print_line(f"Queued {order}.")


def refresh(
    context: typer.Context,
    connection: ConnectionArgument,
    division: _Division = None,
    as_json: Json = False,
) -> None:
    """Read Exact's reference data now instead of at the next scheduled time."""
    queued = refresh_request.refresh(stack_of(context), connection, division)
    if as_json:
        print_json({"connection": connection, "divisions": queued})
    else:
        print_line(f"Reading the reference data of {', '.join(map(str, queued))}.")


def codes(
    code: Annotated[
        str | None, typer.Argument(metavar="CODE", help="An exception code; default: all.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Explain an exception code: its cause and remedy."""
    found = codes_.explain(code)
    if as_json:
        print_json(found)
    elif code is None:
        print_table(("Code", "Kind", "Cause"), ((c["code"], c["kind"], c["cause"]) for c in found))
    else:
        for each in found:
            print_line(f"{each['code']} ({each['kind']})")
            print_line(f"  Cause: {each['cause']}")
            print_line(f"  To do: {each['remedy']}")
