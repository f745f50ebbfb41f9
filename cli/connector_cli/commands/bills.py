"""`connector bills`."""

from typing import Annotated

import typer

from connector_cli.commands.common import ConnectionArgument, Json, stack_of
from connector_cli.printing import print_error, print_json, print_line, print_table
from ml_connector.domain.money import readable
from ml_connector.purchase_orders import bills as bills_
from ml_connector.user_errors import UserError


def bills(
    context: typer.Context,
    connection: ConnectionArgument,
    order: Annotated[
        str | None,
        typer.Argument(metavar="ORDER", help="Order id, order number or number in Exact."),
    ] = None,
    vendor: Annotated[
        str | None, typer.Option(help="A vendor's Airbase id, instead of an order.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the Airbase bills of an order's vendor, for reference; bills are never posted."""
    if (order is None) == (vendor is None):
        raise UserError("pass either an order or --vendor ID")
    found = bills_.list_bills(stack_of(context).services_of(connection), order, vendor)
    if as_json:
        print_json(found)
        return
    if found["bills"]:
        columns = ("Bill", "Date", "Amount", "Status", "Entered in Exact")
        print_table(columns, [_row(each) for each in found["bills"]])
    else:
        print_line(f"Airbase has no bills of vendor {found['vendor']}.")
    for each in found["unreadable"]:
        print_error(f"not shown: {each['record']}: {each['cause']}")


def _row(bill: dict[str, str]) -> tuple[str, ...]:
    amount = readable(f"{bill['currency']} {bill['amount']}")
    return bill["number"] or bill["id"], bill["date"], amount, bill["status"], bill["entered"]
