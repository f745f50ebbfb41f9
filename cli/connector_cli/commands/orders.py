"""`connector orders`, `retry`, `fetch`, `refresh` and `codes`."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from connector_cli.actions import codes as codes_
from connector_cli.actions import duplicates
from connector_cli.actions import exception_lists as lists
from connector_cli.actions import orders as orders_
from connector_cli.commands.common import ConnectionArgument, Json, opened
from connector_cli.commands.exceptions import (
    AssignedTo,
    Codes,
    MinAmount,
    NewerThan,
    OlderThan,
    Unassigned,
)
from connector_cli.complaints import Complaint
from connector_cli.printing import say, say_json, say_table

_Division = Annotated[int | None, typer.Argument(help="Exact division code; default: all.")]


def orders(
    context: typer.Context,
    connection: ConnectionArgument,
    state: Annotated[
        list[str] | None,
        typer.Option(
            help="Only orders in this state, such as posted, review or set_aside; repeatable."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the orders of a connection and where each stands."""
    found = orders_.list_orders(opened(context), connection, tuple(state or ()))
    if as_json:
        say_json(found)
    elif not found:
        say("No such orders.")
    else:
        columns = ("Order", "Division", "State", "Exact number", "Why")
        say_table(columns, map(_order_row, found))


def retry(  # noqa: PLR0913, PLR0917  one for each option
    context: typer.Context,
    connection: ConnectionArgument,
    order: Annotated[
        str | None, typer.Argument(help="Order id, number, number in Exact, or record key.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every order that waits in review.")] = False,
    code: Codes = None,
    older_than: OlderThan = None,
    newer_than: NewerThan = None,
    min_amount: MinAmount = None,
    assigned_to: AssignedTo = None,
    unassigned: Unassigned = False,
    not_a_duplicate: Annotated[
        bool,
        typer.Option("--not-a-duplicate", help="The look-alikes in Exact are other orders."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Have an order, or all with certain exceptions, looked at now; nothing is posted twice.

    An order that was set aside is taken up again when it is named.
    """
    asked = (code, older_than, newer_than, min_amount, assigned_to, unassigned or None)
    is_filtered = any(each is not None for each in asked)
    if sum((every, order is not None, is_filtered)) != 1:
        raise Complaint("say an order, or --all, or which exceptions (--code, --older-than, ...)")
    wanted = lists.wanted(
        code or (), older_than, newer_than, min_amount, assigned_to, unassigned=unassigned
    )
    if not_a_duplicate and order is None:
        raise Complaint("--not-a-duplicate is said of one order")
    stack = opened(context)
    if order is not None and not_a_duplicate:
        done = duplicates.not_a_duplicate(stack, connection, order)
        if as_json:
            say_json(done)
        else:
            others = ", ".join(done["not_duplicates"])
            say(f"Queued {done['queued'][0]}: Exact order {others} is another one.")
        return
    if order is not None:
        queued = [orders_.retry(stack, connection, order)]
    elif every:
        queued = orders_.retry_all(stack, connection)
    else:
        queued = orders_.retry_where(stack, connection, wanted)
    if as_json:
        say_json({"connection": connection, "queued": queued})
    else:
        say(f"Queued {len(queued)}: {', '.join(queued)}." if queued else "Nothing to retry.")


def fetch(
    context: typer.Context,
    connection: ConnectionArgument,
    order: Annotated[str, typer.Argument(help="Airbase's id of the order.")],
    as_json: Json = False,
) -> None:
    """Have an Airbase order looked at whose webhook never came."""
    orders_.fetch(opened(context), connection, order)
    if as_json:
        say_json({"connection": connection, "queued": [order]})
    else:
        say(f"Queued {order}.")


def refresh(
    context: typer.Context,
    connection: ConnectionArgument,
    division: _Division = None,
    as_json: Json = False,
) -> None:
    """Read Exact's reference data now."""
    queued = orders_.refresh(opened(context), connection, division)
    if as_json:
        say_json({"connection": connection, "divisions": queued})
    else:
        say(f"Reading the reference data of {', '.join(map(str, queued))}.")


def codes(
    code: Annotated[str | None, typer.Argument(help="One code; default: all.")] = None,
    as_json: Json = False,
) -> None:
    """Explain an exception code."""
    found = codes_.explain(code)
    if as_json:
        say_json(found)
    elif code is None:
        say_table(("Code", "Kind", "Cause"), ((c["code"], c["kind"], c["cause"]) for c in found))
    else:
        for each in found:
            say(f"{each['code']} ({each['kind']})")
            say(f"  Cause: {each['cause']}")
            say(f"  To do: {each['remedy']}")


def _order_row(found: Mapping[str, Any]) -> tuple[object, ...]:
    state = str(found["state"]).replace("_", " ")
    return found["title"], found["division"], state, found["exact_number"], _why(found)


def _why(found: Mapping[str, Any]) -> str:
    if found["exceptions"]:
        return "\n".join(f"{each['code']}: {each['cause']}" for each in found["exceptions"])
    if aside := found["set_aside"]:
        return f"{aside['by']}: {aside['reason']}"
    if found["waiting_for"]:
        until = str(found["waiting_until"] or "")[:19].replace("T", " ")
        return f"{found['waiting_for']} until {until} UTC" if until else str(found["waiting_for"])
    return ""
