"""`connector exceptions`, the list, and `connector exception ...`, about one record."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from connector_cli.actions import exception_lists as lists
from connector_cli.actions import exceptions as exceptions_
from connector_cli.commands.common import ConnectionArgument, Json, opened
from connector_cli.printing import say, say_json, say_table
from ml_connector import clock

app = typer.Typer(no_args_is_help=True, help="Show, dismiss or assign the exceptions of a record.")

Codes = Annotated[
    list[str] | None, typer.Option("--code", help="Only exceptions of this code; repeatable.")
]
OlderThan = Annotated[str | None, typer.Option(help="Only those open for longer: 90m, 4h, 3d, 2w.")]
NewerThan = Annotated[str | None, typer.Option(help="Only those opened since: 90m, 4h, 3d, 2w.")]
MinAmount = Annotated[
    str | None,
    typer.Option(help="Only orders of this total or more: 1000 in any currency, or '1000 EUR'."),
]
AssignedTo = Annotated[str | None, typer.Option(help="Only those assigned to this name.")]
Unassigned = Annotated[bool, typer.Option("--unassigned", help="Only those assigned to nobody.")]
_Record = Annotated[
    str,
    typer.Argument(
        metavar="RECORD",
        help="Order id, number or number in Exact; or a record key: connection, vendor#ID, "
        "event#ID.",
    ),
]
_INDENT = "  "


def exceptions(
    context: typer.Context,
    connection: Annotated[str | None, typer.Argument(help="Default: all connections.")] = None,
    code: Codes = None,
    older_than: OlderThan = None,
    newer_than: NewerThan = None,
    min_amount: MinAmount = None,
    assigned_to: AssignedTo = None,
    unassigned: Unassigned = False,
    as_json: Json = False,
) -> None:
    """List what a person has to look at, the oldest first, with what to do."""
    wanted = lists.wanted(
        code or (), older_than, newer_than, min_amount, assigned_to, unassigned=unassigned
    )
    found = lists.list_open(opened(context), connection, wanted)
    if as_json:
        say_json(found)
    elif not found:
        say("No open exceptions.")
    else:
        for each in found:
            _say_exception(each)
        say()
        say_table(("Code", "Open"), Counter(str(each["code"]) for each in found).most_common())


@app.command()
def show(
    context: typer.Context,
    connection: ConnectionArgument,
    record: _Record,
    as_json: Json = False,
) -> None:
    """Show a record's exceptions: evidence, the raw answer, what to do, and what happened."""
    found = exceptions_.show(opened(context), connection, record)
    if as_json:
        say_json(found)
        return
    facts = (f"state {found['state'].replace('_', ' ')}", found["vendor"], found["total"])
    say(f"{found['title']}  ({connection}, {found['key']})")
    say(_INDENT + ", ".join(str(fact) for fact in facts if fact))
    for each in found["exceptions"]:
        say()
        _say_exception(each)
        _say_evidence(each["evidence"])
    if not found["exceptions"]:
        say("No open exceptions.")
    for each in found["dismissed"]:
        say()
        say(f"{each['code']}  dismissed by {each['by']} on {_day(each['at'])}: {each['reason']}")
    say()
    rows = ((e["seq"], e["at"][:19], e["actor"], e["step"]) for e in found["trail"])
    say_table(("#", "At (UTC)", "Who", "Step"), rows, "Last steps")


@app.command()
def dismiss(
    context: typer.Context,
    connection: ConnectionArgument,
    record: _Record,
    reason: Annotated[str, typer.Option(help="Why nothing has to be done; kept in the trail.")],
    code: Annotated[
        list[str] | None, typer.Option("--code", help="The exception's code; repeatable.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every open exception of it.")] = False,
    as_json: Json = False,
) -> None:
    """Close exceptions with a reason; they open again when the problem changes or comes back.

    An order that is not in Exact yet and has no other exception is set aside: nobody posts it
    until `connector retry` takes it up again.
    """
    stack = opened(context)
    done = exceptions_.dismiss(stack, connection, record, reason, code or (), every=every)
    if as_json:
        say_json(done)
        return
    say(f"Dismissed {', '.join(done['dismissed'])} of {done['title']}.")
    if done["state"] == "set_aside":
        say(f"{done['title']} is set aside; `connector retry` takes it up again.")
    elif done["open"]:
        say(f"Still open: {', '.join(done['open'])}.")


@app.command()
def assign(
    context: typer.Context,
    connection: ConnectionArgument,
    record: _Record,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who looks after it.")],
    as_json: Json = False,
) -> None:
    """Give a record's exceptions to somebody."""
    _say_assigned(exceptions_.assign(opened(context), connection, record, name), as_json=as_json)


@app.command()
def unassign(
    context: typer.Context,
    connection: ConnectionArgument,
    record: _Record,
    as_json: Json = False,
) -> None:
    """Take a record's exceptions off whoever has them."""
    _say_assigned(exceptions_.assign(opened(context), connection, record, None), as_json=as_json)


def _say_assigned(done: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(done)
    else:
        say(f"{done['title']} is assigned to {done['assignee'] or 'nobody'}.")


def _say_exception(each: Mapping[str, Any]) -> None:
    stops = f", stops {each['stops']}" if each["stops"] else ""
    say(f"{each['code']}  {each['record']}  ({each['connection']}{stops})")
    say(f"  Cause: {each['cause']}")
    say(f"  To do: {each['remedy']}")
    assignee = f"assigned to {each['assignee']}" if each["assignee"] else "not assigned"
    total = f", {each['total']}" if each["total"] else ""
    say(f"  Open since {_day(each['opened_at'])} ({_age(each['opened_at'])}), {assignee}{total}")
    for candidate in each["candidates"] or ():
        say(f"  Candidate: {', '.join(f'{name} {value}' for name, value in candidate.items())}")


def _say_evidence(evidence: Mapping[str, Any]) -> None:
    for name, value in evidence.items():
        if name != "answer":
            say(f"  {name.replace('_', ' ')}: {value}")
    if answer := evidence.get("answer"):
        say("  Raw answer:")
        for line in str(answer).splitlines():
            say(f"    {line}")


def _day(at: str) -> str:
    return f"{at[:16].replace('T', ' ')} UTC"


def _age(at: str) -> str:
    age = clock.now() - datetime.fromisoformat(at)
    if age >= timedelta(days=1):
        return f"{age.days} d"
    hours, minutes = divmod(max(0, int(age.total_seconds())) // 60, 60)
    return f"{hours} h" if hours else f"{minutes} min"
