"""`connector bills`."""

from typing import Annotated

import typer

from connector_cli.actions import bills as bills_
from connector_cli.commands.common import ConnectionArgument, Json, opened
from connector_cli.complaints import Complaint
from connector_cli.printing import complain, say, say_json, say_table


def bills(
    context: typer.Context,
    connection: ConnectionArgument,
    order: Annotated[
        str | None, typer.Argument(help="Order id, number or number in Exact.")
    ] = None,
    vendor: Annotated[
        str | None, typer.Option(help="Airbase's id of a vendor, instead of an order.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the bills of an order's vendor in Airbase; for reference, bills are never posted."""
    if (order is None) == (vendor is None):
        raise Complaint("say either an order or --vendor ID")
    found = bills_.list_bills(opened(context), connection, order, vendor)
    if as_json:
        say_json(found)
        return
    if found["bills"]:
        columns = ("Bill", "Date", "Amount", "Status", "Entered in Exact")
        say_table(columns, [_row(each) for each in found["bills"]])
    else:
        say(f"Airbase has no bills of vendor {found['vendor']}.")
    for each in found["unreadable"]:
        complain(f"not shown: {each['record']}: {each['cause']}")


def _row(bill: dict[str, str]) -> tuple[str, ...]:
    amount = f"{bill['amount']} {bill['currency']}"
    return bill["number"] or bill["id"], bill["date"], amount, bill["status"], bill["entered"]
