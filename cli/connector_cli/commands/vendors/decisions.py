"""`connector vendors accept`, `reject`, `link` and `unlink`."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from connector_cli.commands.common import ConnectionArgument, Json, stack_of
from connector_cli.commands.vendors.views import VendorArgument
from connector_cli.printing import print_json, print_line
from ml_connector.vendors.review import decide_by_name

_Division = Annotated[
    str | None,
    typer.Option(help="Exact division; needed only when there are several possibilities."),
]
_Reason = Annotated[str, typer.Option(help="The reason; kept in the audit trail.")]


def accept(
    context: typer.Context,
    connection: ConnectionArgument,
    vendor: VendorArgument,
    division: _Division = None,
    supplier: Annotated[
        str | None, typer.Option(help="GUID or account code; default: the best candidate.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Link a vendor to a proposed supplier; its waiting orders are retried."""
    stack = stack_of(context)
    found = decide_by_name.accept(stack, stack.actor, connection, vendor, division, supplier)
    _print_result(found, "is now", as_json=as_json)


def reject(
    context: typer.Context,
    connection: ConnectionArgument,
    vendor: VendorArgument,
    supplier: Annotated[str, typer.Option(help="GUID or account code.")],
    reason: _Reason,
    division: _Division = None,
    as_json: Json = False,
) -> None:
    """Reject a pair: it is not proposed again until the vendor's or supplier's data change."""
    stack = stack_of(context)
    found = decide_by_name.reject(
        stack, stack.actor, connection, vendor, supplier, reason, division
    )
    _print_result(found, "is not", as_json=as_json)


def link(
    context: typer.Context,
    connection: ConnectionArgument,
    vendor: VendorArgument,
    supplier: Annotated[str, typer.Argument(metavar="SUPPLIER", help="GUID or account code.")],
    reason: _Reason,
    division: _Division = None,
    as_json: Json = False,
) -> None:
    """Link a vendor to any supplier by hand; its waiting orders are retried."""
    stack = stack_of(context)
    found = decide_by_name.link(stack, stack.actor, connection, vendor, supplier, reason, division)
    _print_result(found, "is now", as_json=as_json)


def unlink(
    context: typer.Context,
    connection: ConnectionArgument,
    vendor: VendorArgument,
    reason: _Reason,
    division: _Division = None,
    as_json: Json = False,
) -> None:
    """Remove a vendor's link; its orders wait, and the pair is not linked automatically again."""
    stack = stack_of(context)
    found = decide_by_name.unlink(stack, stack.actor, connection, vendor, reason, division)
    _print_result(found, "is no longer", as_json=as_json)


def _print_result(found: Mapping[str, Any], verb: str, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    supplier = found["supplier"]
    other = f"{supplier['code']} {supplier['name']}".strip() or supplier["id"]
    vendor = f"{found['name']} ({found['vendor']})"
    print_line(f"{vendor} {verb} {other} in division {found['division']}.")
    if orders := found.get("orders"):
        print_line(f"Queued {len(orders)}: {', '.join(orders)}.")
