"""`connector orders`."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from connector_cli.commands.common import ConnectionArgument, Json, stack_of
from connector_cli.printing import print_json, print_line, print_table
from ml_connector.purchase_orders.listing import list_orders


def orders(
    context: typer.Context,
    connection: ConnectionArgument,
    state: Annotated[
        list[str] | None,
        typer.Option(
            help="Only orders in this state, for example posted, review, set_aside or "
            "served_elsewhere; repeatable."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the orders of a connection and their states."""
    found = list_orders(stack_of(context).known_ledger(connection), tuple(state or ()))
    if as_json:
        print_json(found)
    elif not found:
        print_line("No orders found.")
    else:
        columns = ("Order", "Division", "State", "Exact number", "Why")
        print_table(columns, map(_order_row, found))


def _order_row(found: Mapping[str, Any]) -> tuple[object, ...]:
    state = str(found["state"]).replace("_", " ")
    return found["title"], found["division"], state, found["exact_number"], _why(found)


def _why(found: Mapping[str, Any]) -> str:
    if found["exceptions"]:
        return "\n".join(f"{each['code']}: {each['cause']}" for each in found["exceptions"])
    if decision := found["set_aside"]:
        return f"{decision['by']}: {decision['reason']}"
    if found["served_elsewhere"]:
        return f"{found['served_elsewhere']}."
    if found["waiting_for"]:
        until = str(found["waiting_until"] or "")[:19].replace("T", " ")
        return f"{found['waiting_for']} until {until} UTC" if until else str(found["waiting_for"])
    return ""
