"""`connector exceptions`, the list, and `connector exception ...`, about one record."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from connector_cli.commands.common import ConnectionArgument, Csv, Json, stack_of
from connector_cli.printing import print_json, print_line, print_table, print_written
from connector_cli.stack import OpenedStack
from ml_connector import clock
from ml_connector.connections.half_made import half_made, unsaved
from ml_connector.domain.ids import ConnectionId
from ml_connector.domain.money import readable
from ml_connector.domain.words import command, instant, moment
from ml_connector.exceptions import decisions as exceptions_
from ml_connector.exceptions import listing as lists
from ml_connector.exceptions import showing
from ml_connector.exceptions.next_commands import next_command
from ml_connector.user_errors import UserError

app = typer.Typer(no_args_is_help=True, help="Show, dismiss or assign a record's exceptions.")

Codes = Annotated[
    list[str] | None, typer.Option("--code", help="Only exceptions with this code; repeatable.")
]
OlderThan = Annotated[
    str | None, typer.Option(help="Only those open for longer than this: 90m, 4h, 3d, 2w.")
]
NewerThan = Annotated[
    str | None, typer.Option(help="Only those opened within this time: 90m, 4h, 3d, 2w.")
]
MinAmount = Annotated[
    str | None,
    typer.Option(help="Only orders of at least this total: 1000 (any currency) or '1000 EUR'."),
]
AssignedTo = Annotated[str | None, typer.Option(help="Only those assigned to this name.")]
Unassigned = Annotated[bool, typer.Option("--unassigned", help="Only those that are not assigned.")]
_Record = Annotated[
    str,
    typer.Argument(
        metavar="RECORD",
        help="Order id, order number or number in Exact; or a record key: connection, "
        "vendor#ID, event#ID, division#SITE.CODE.",
    ),
]
_INDENT = "  "


def exceptions(  # noqa: PLR0913, PLR0917  one for each option
    context: typer.Context,
    connection: Annotated[
        str | None, typer.Argument(metavar="CONNECTION", help="Default: all connections.")
    ] = None,
    code: Codes = None,
    older_than: OlderThan = None,
    newer_than: NewerThan = None,
    min_amount: MinAmount = None,
    assigned_to: AssignedTo = None,
    unassigned: Unassigned = False,
    csv: Csv = None,
    as_json: Json = False,
) -> None:
    """List open exceptions, oldest first, with their causes and remedies."""
    wanted = lists.read_filter(
        code or (), older_than, newer_than, min_amount, assigned_to, unassigned=unassigned
    )
    stack = stack_of(context)
    try:
        found = lists.list_open(stack, connection, wanted)
    except UserError as error:  # there is no such connection: it may be half made
        raise UserError(*error.lines, *unsaved(stack.services, connection)) from None
    if csv:
        lists.write_open(csv, found)
    if as_json:
        print_json(found)
    elif csv:
        print_written(len(found), csv)
    elif not found:
        for line in _why_none(stack, connection):
            print_line(line)
    else:
        for each in found:
            _print_exception(each)
        print_line()
        print_table(("Code", "Open"), Counter(str(each["code"]) for each in found).most_common())
        for line in unsaved(stack.services, connection):
            print_line(line)


def _why_none(stack: OpenedStack, connection: str | None) -> Sequence[str]:
    """Return what is true when nothing is listed: that may not mean that nothing is wrong."""
    others = lists.list_open(stack, connection, lists.ExceptionFilter())
    if len(others) == 1:
        return ["The one open exception does not match."]
    if others:
        return [f"None of the {len(others)} open exceptions matches."]
    is_current = connection is None or stack.services.connections.get(ConnectionId(connection))
    missing = half_made(stack, connection) if is_current else []
    return [*missing, *unsaved(stack.services, connection)] or ["No open exceptions."]


@app.command()
def show(
    context: typer.Context,
    connection: ConnectionArgument,
    record: _Record,
    as_json: Json = False,
) -> None:
    """Show a record's exceptions: evidence, raw answer, remedy, and the last steps."""
    found = showing.show(stack_of(context).known_ledger(connection), record)
    if as_json:
        print_json(found)
        return
    total = readable(found["total"])
    facts = (f"state {found['state'].replace('_', ' ')}", found["vendor"], total)
    print_line(f"{found['title']}  ({connection}, {found['key']})")
    print_line(_INDENT + ", ".join(str(fact) for fact in facts if fact))
    for each in found["exceptions"]:
        print_line()
        _print_exception(each)
        _print_evidence(each["evidence"])
    if not found["exceptions"]:
        print_line("No open exceptions.")
    for each in found["dismissed"]:
        print_line()
        print_line(
            f"{each['code']}  dismissed by {each['by']} on {moment(each['at'])}: {each['reason']}"
        )
    print_line()
    rows = ((e["seq"], instant(e["at"]), e["actor"], e["step"]) for e in found["trail"])
    print_table(("#", "At", "Who", "Step"), rows, "Last steps")


@app.command()
def dismiss(
    context: typer.Context,
    connection: ConnectionArgument,
    record: _Record,
    reason: Annotated[str, typer.Option(help="Why no action is needed; kept in the audit trail.")],
    code: Annotated[
        list[str] | None, typer.Option("--code", help="The exception's code; repeatable.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All open exceptions of the record.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Close exceptions with a reason; they reopen when the problem changes or comes back.

    An order that is not in Exact yet and has no other exception is set aside: it is not posted
    until you run `connector retry` on it.
    """
    stack = stack_of(context)
    done = exceptions_.dismiss(
        stack, stack.actor, connection, record, reason, code or (), every=every
    )
    if as_json:
        print_json(done)
        return
    print_line(f"Dismissed {', '.join(done['dismissed'])} of {done['title']}.")
    if done["state"] == "set_aside":
        again = command("retry", connection, record)
        print_line(f"{done['title']} is set aside; to post it after all, run {again}.")
    elif done["open"]:
        print_line(f"Still open: {', '.join(done['open'])}.")


@app.command()
def assign(
    context: typer.Context,
    connection: ConnectionArgument,
    record: _Record,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who handles it.")],
    as_json: Json = False,
) -> None:
    """Assign a record's exceptions to a person or team."""
    stack = stack_of(context)
    _print_assigned(
        exceptions_.assign(stack, stack.actor, connection, record, name), as_json=as_json
    )


@app.command()
def unassign(
    context: typer.Context,
    connection: ConnectionArgument,
    record: _Record,
    as_json: Json = False,
) -> None:
    """Remove the assignment of a record's exceptions."""
    stack = stack_of(context)
    _print_assigned(
        exceptions_.assign(stack, stack.actor, connection, record, None), as_json=as_json
    )


def _print_assigned(done: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(done)
    else:
        assignee = done["assignee"]
        print_line(
            f"{done['title']} is {f'assigned to {assignee}' if assignee else 'not assigned'}."
        )


def _print_exception(each: Mapping[str, Any]) -> None:
    stops = f", stops {each['stops']}" if each["stops"] else ""
    print_line(f"{each['code']}  {each['record']}  ({each['connection']}{stops})")
    print_line(f"  Cause: {each['cause']}")
    print_line(f"  To do: {each['remedy']}")
    if typed := next_command(each):
        print_line(f"  Next: {typed}")
    assignee = f"assigned to {each['assignee']}" if each["assignee"] else "not assigned"
    total = f", {readable(each['total'])}" if each["total"] else ""
    print_line(
        f"  Open since {moment(each['opened_at'])} ({_age(each['opened_at'])}), {assignee}{total}"
    )
    for candidate in each["candidates"] or ():
        print_line(
            f"  Candidate: {', '.join(f'{name} {value}' for name, value in candidate.items())}"
        )


def _print_evidence(evidence: Mapping[str, Any]) -> None:
    for name, value in evidence.items():
        if name != "answer":
            print_line(f"  {name.replace('_', ' ')}: {value}")
    if answer := evidence.get("answer"):
        print_line("  Raw answer:")
        for line in str(answer).splitlines():
            print_line(f"    {line}")


def _age(at: str) -> str:
    age = clock.now() - datetime.fromisoformat(at)
    if age >= timedelta(days=1):
        return f"{age.days} d"
    hours, minutes = divmod(max(0, int(age.total_seconds())) // 60, 60)
    return f"{hours} h" if hours else f"{minutes} min"
