"""`connector vendors accept`, `reject`, `link` and `unlink`."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from connector_cli.actions.vendors import decisions
from connector_cli.commands.common import ConnectionArgument, Json, opened
from connector_cli.commands.vendors.views import VendorArgument
from connector_cli.printing import say, say_json

_Division = Annotated[
    int | None, typer.Option(help="Exact division; may be left out where only one can be meant.")
]
_Reason = Annotated[str, typer.Option(help="Why; it is kept in the audit trail.")]


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
    """Link a vendor to a proposed supplier; its waiting orders go on."""
    found = decisions.accept(opened(context), connection, vendor, division, supplier)
    _tell(found, "is now", as_json=as_json)


def reject(
    context: typer.Context,
    connection: ConnectionArgument,
    vendor: VendorArgument,
    supplier: Annotated[str, typer.Option(help="GUID or account code.")],
    reason: _Reason,
    division: _Division = None,
    as_json: Json = False,
) -> None:
    """Say that a vendor is not this supplier; holds until the data of one of them change."""
    found = decisions.reject(opened(context), connection, vendor, supplier, reason, division)
    _tell(found, "is not", as_json=as_json)


def link(
    context: typer.Context,
    connection: ConnectionArgument,
    vendor: VendorArgument,
    supplier: Annotated[str, typer.Argument(metavar="SUPPLIER", help="GUID or account code.")],
    reason: _Reason,
    division: _Division = None,
    as_json: Json = False,
) -> None:
    """Link a vendor by hand, whatever is proposed; its waiting orders go on."""
    found = decisions.link(opened(context), connection, vendor, supplier, reason, division)
    _tell(found, "is now", as_json=as_json)


def unlink(
    context: typer.Context,
    connection: ConnectionArgument,
    vendor: VendorArgument,
    reason: _Reason,
    division: _Division = None,
    as_json: Json = False,
) -> None:
    """Take a vendor's link away; its orders wait, and the pair is not linked again by itself."""
    found = decisions.unlink(opened(context), connection, vendor, reason, division)
    _tell(found, "is no longer", as_json=as_json)


def _tell(found: Mapping[str, Any], verb: str, *, as_json: bool) -> None:
    if as_json:
        say_json(found)
        return
    supplier = found["supplier"]
    other = f"{supplier['code']} {supplier['name']}".strip() or supplier["id"]
    vendor = f"{found['name']} ({found['vendor']})"
    say(f"{vendor} {verb} {other} in division {found['division']}.")
    if orders := found.get("orders"):
        say(f"Queued {len(orders)}: {', '.join(orders)}.")
