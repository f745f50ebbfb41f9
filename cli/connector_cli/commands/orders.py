"""`connector orders`."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from connector_cli.commands.common import ConnectionArgument, Csv, Json, stack_of
from connector_cli.printing import print_json, print_line, print_table, print_written
from ml_connector.connections.unsaved import unsaved
from ml_connector.domain.money import readable
from ml_connector.purchase_orders.listing import list_orders, read_filter, why, write_orders


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
    since: Annotated[
        str | None,
        typer.Option(help="Only orders first heard of since then: 2026-11-20 (UTC), or 3d ago."),
    ] = None,
    search: Annotated[
        str,
        typer.Option(
            help="Only orders with this text in number, id, vendor, total or number in Exact."
        ),
    ] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="At most this many, the newest.")] = None,
    csv: Csv = None,
    as_json: Json = False,
) -> None:
    """List the orders of a connection and their states."""
    wanted = read_filter(state or (), since, search, limit)
    stack = stack_of(context)
    ledger = stack.known_ledger(connection)
    found = list_orders(ledger, wanted)
    if csv:
        write_orders(csv, found)
    if as_json:
        print_json(found)
    elif csv:
        print_written(len(found), csv)
    elif not found:
        for line in _why_none(len(list_orders(ledger)), unsaved(stack.tables, connection)):
            print_line(line)
    else:
        columns = ("Order", "Vendor", "Total", "Division", "State", "Exact number", "Why")
        print_table(columns, map(_order_row, found))


def _why_none(others: int, missing: Sequence[str]) -> Sequence[str]:
    """Return what is true when nothing is listed: there may be orders, or half a connection."""
    if others == 1:
        return ["The one order does not match."]
    if others:
        return [f"None of the {others:,} orders matches."]
    return missing or ["No orders found."]


def _order_row(found: Mapping[str, Any]) -> tuple[object, ...]:
    state = str(found["state"]).replace("_", " ")
    about = found["title"], found["vendor"], readable(found["total"])
    return *about, found["division"], state, found["exact_number"], why(found)
