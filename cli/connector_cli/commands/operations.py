"""`connector redrive`, `restored` and `migrate`, for those who operate the stack."""

import re
from datetime import UTC, datetime
from typing import Annotated

import typer

from connector_cli.commands.common import Json, stack_of
from connector_cli.printing import print_json, print_line, print_table
from ml_connector.domain.words import counted, moment
from ml_connector.migrations import run as migrations
from ml_connector.operations.redrive import redrive_messages
from ml_connector.operations.restore import resume_after_restore
from ml_connector.user_errors import UserError

_Connection = Annotated[
    str | None, typer.Argument(metavar="CONNECTION", help="The connection's id.")
]
_DAY_OF_UTC = re.compile(r"\d{4}-\d{2}-\d{2}Z")
_Every = Annotated[bool, typer.Option("--all", help="All connections of the stack.")]


def redrive(
    context: typer.Context,
    connection: _Connection = None,
    every: _Every = False,
    as_json: Json = False,
) -> None:
    """Send messages from the dead-letter queues back; no order is posted twice."""
    stack = stack_of(context)
    found = redrive_messages(stack, stack.actor, _selected(connection, every))
    if as_json:
        print_json(found)
        return
    if found["messages"]:
        names = ("queue", "connection", "kind", "about")
        rows = ([each[name] for name in names] for each in found["messages"])
        print_table(("Queue", "Connection", "Kind", "About"), rows)
    print_line(
        f"Sent back: {sum(found['moved'].values())}. Left for other connections: {found['left']}."
    )


def restored(
    context: typer.Context,
    to: Annotated[str, typer.Option(help="The time restored to, for example 2026-11-20T10:00Z.")],
    connection: _Connection = None,
    every: _Every = False,
    as_json: Json = False,
) -> None:
    """Run after restoring the ledger and audit tables, so that nothing is posted twice.

    For 30 days, each order is looked up in Exact before it is posted (one extra call per order).
    Events received since the restored time are queued again.
    """
    asked = _read_time(to)
    stack = stack_of(context)
    found = resume_after_restore(stack, stack.actor, _selected(connection, every), asked)
    if as_json:
        print_json(found)
        return
    for each in found:
        events = counted(each["events_queued"], "event")
        print_line(
            f"{each['connection']}: {events} queued again; orders are "
            f"looked up in Exact before posting until {moment(each['looks_first_until'])}."
        )


def migrate(
    context: typer.Context,
    connection: Annotated[
        str | None, typer.Argument(metavar="CONNECTION", help="Default: all connections.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count the changes and write nothing.")
    ] = False,
    again: Annotated[
        bool,
        typer.Option("--again", help="Check everything once more, after an older version has run."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring stored data into the form of this version; workers keep running.

    An interrupted run is continued by the next; a run with nothing to do changes nothing.
    """
    stack = stack_of(context)
    found = migrations.migrate(stack, stack.actor, connection, dry_run=dry_run, again=again)
    unfinished = [each for each in found if each["why"]]
    if as_json:
        print_json(found)
        raise typer.Exit(1 if unfinished else 0)
    columns = ("Connection", "Step", "Purpose", "State", "To change" if dry_run else "Changed")
    names = ("connection", "step", "purpose", "state", "changes")
    rows = ([str(each[name]).replace("_", " ") for name in names] for each in found)
    print_table(columns, rows)
    for each in unfinished:
        print_line(f"Step {each['step']} of {each['connection']} is not finished: {each['why']}")
    if unfinished:
        print_line("Resolve this, then run it again: it continues.")
        raise typer.Exit(1)


def _selected(connection: str | None, every: bool) -> str | None:
    if every == (connection is not None):
        raise UserError("pass either a connection or --all")
    return connection


def _read_time(text: str) -> datetime:
    """Return a moment in UTC; what a `UserError` proposes instead can be given as it stands."""
    written = text.strip().upper()
    if _DAY_OF_UTC.fullmatch(written):
        written = written.replace("Z", "T00:00Z")
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        raise UserError(f"{text!r} is not a time: write it like 2026-11-20T10:00Z") from None
    if found.tzinfo is None:
        proposed = found.isoformat().removesuffix(":00")
        raise UserError(f"{text!r} has no time zone: write {proposed}Z for UTC")
    return found.astimezone(UTC)
