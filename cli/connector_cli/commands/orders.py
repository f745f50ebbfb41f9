"""`connector orders`, `exceptions`, `retry`, `refresh` and `codes`."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from connector_cli.actions import codes as codes_
from connector_cli.actions import orders as orders_
from connector_cli.commands.common import ConnectionArgument, Json, opened
from connector_cli.complaints import Complaint
from connector_cli.printing import say, say_json, say_table

_Division = Annotated[int | None, typer.Argument(help="Exact division code; default: all.")]


def orders(
    context: typer.Context,
    connection: ConnectionArgument,
    state: Annotated[
        list[str] | None,
        typer.Option(help="Only orders in this state, such as posted or review; repeatable."),
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


def exceptions(
    context: typer.Context,
    connection: Annotated[str | None, typer.Argument(help="Default: all connections.")] = None,
    as_json: Json = False,
) -> None:
    """List what a person has to look at, with what to do."""
    found = orders_.list_exceptions(opened(context), connection)
    if as_json:
        say_json(found)
    elif not found:
        say("No open exceptions.")
    else:
        for each in found:
            _say_exception(each)


def retry(
    context: typer.Context,
    connection: ConnectionArgument,
    order: Annotated[
        str | None, typer.Argument(help="Order id, number or number in Exact.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every order that waits in review.")] = False,
    as_json: Json = False,
) -> None:
    """Have an order looked at now; one that is in Exact already is never posted again."""
    if every == (order is not None):
        raise Complaint("say either an order or --all")
    stack = opened(context)
    queued = (
        orders_.retry_all(stack, connection)
        if order is None
        else [orders_.retry(stack, connection, order)]
    )
    if as_json:
        say_json({"connection": connection, "queued": queued})
    else:
        say(f"Queued {len(queued)}: {', '.join(queued)}." if queued else "Nothing waits in review.")


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
    if found["waiting_for"]:
        until = str(found["waiting_until"] or "")[:19].replace("T", " ")
        return f"{found['waiting_for']} until {until} UTC" if until else str(found["waiting_for"])
    return ""


def _say_exception(each: Mapping[str, Any]) -> None:
    stops = f", stops {each['stops']}" if each["stops"] else ""
    say(f"{each['code']}  {each['record']}  ({each['connection']}{stops})")
    say(f"  Cause: {each['cause']}")
    say(f"  To do: {each['remedy']}")
    for candidate in each["candidates"] or ():
        say(f"  Candidate: {', '.join(f'{name} {value}' for name, value in candidate.items())}")
