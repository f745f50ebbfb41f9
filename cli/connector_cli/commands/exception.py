"""`connector exception ...`: about the exceptions of one record."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from connector_cli.commands.common import ConnectionArgument, Json, stack_of
from connector_cli.commands.shown_exception import print_exception
from connector_cli.printing import print_json, print_line, print_table
from ml_connector.domain.exception_codes.readable import readable_evidence
from ml_connector.domain.money import readable
from ml_connector.domain.words import command, instant, moment
from ml_connector.exceptions import decisions as exceptions_
from ml_connector.exceptions import showing

app = typer.Typer(no_args_is_help=True, help="Show, dismiss or assign a record's exceptions.")

_Record = Annotated[
    str,
    typer.Argument(
        metavar="RECORD",
        help="Order id, order number or number in Exact; or a record key: connection, "
        "vendor#ID, event#ID, division#SITE.CODE.",
    ),
]
_INDENT = "  "


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
        print_exception(each)
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


def _print_evidence(evidence: Mapping[str, Any]) -> None:
    for name, value in evidence.items():
        if name != "answer":
            print_line(f"  {name.replace('_', ' ')}: {readable_evidence(name, value)}")
    if answer := evidence.get("answer"):
        print_line("  Raw answer:")
        for line in str(answer).splitlines():
            print_line(f"    {line}")
