"""`connector redrive` and `restored`: for those who run the stack."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from connector_cli.actions import operating
from connector_cli.commands.common import Json, opened
from connector_cli.complaints import Complaint
from connector_cli.printing import say, say_json, say_table

_Connection = Annotated[
    str | None, typer.Argument(metavar="CONNECTION", help="The connection's id.")
]
_Every = Annotated[bool, typer.Option("--all", help="All connections of the stack.")]


def redrive(
    context: typer.Context,
    connection: _Connection = None,
    every: _Every = False,
    as_json: Json = False,
) -> None:
    """Send dead letters back to their queues; an order that is in Exact is never posted again."""
    found = operating.redrive(opened(context), _meant(connection, every))
    if as_json:
        say_json(found)
        return
    if found["messages"]:
        names = ("queue", "connection", "kind", "about")
        rows = ([each[name] for name in names] for each in found["messages"])
        say_table(("Queue", "Connection", "Kind", "About"), rows)
    say(f"Sent back: {sum(found['moved'].values())}. Left to other connections: {found['left']}.")


def restored(
    context: typer.Context,
    to: Annotated[str, typer.Option(help="The moment restored to, such as 2026-11-20T10:00Z.")],
    connection: _Connection = None,
    every: _Every = False,
    as_json: Json = False,
) -> None:
    """After ledger and audit trail were put back: find in Exact what was posted since then.

    For 30 days each order is looked for in Exact before it is posted, at one call more an order;
    the events received since that moment are queued again.
    """
    moment = _moment(to)
    found = operating.restored(opened(context), _meant(connection, every), moment)
    if as_json:
        say_json(found)
        return
    for each in found:
        say(
            f"{each['connection']}: {each['events_queued']} events queued again; orders are "
            f"looked for in Exact first until {each['looks_first_until']}."
        )


def _meant(connection: str | None, every: bool) -> str | None:
    if every == (connection is not None):
        raise Complaint("say either a connection or --all")
    return connection


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Complaint(f"{text!r} is not a moment such as 2026-11-20T10:00Z") from None
    if moment.tzinfo is None:
        raise Complaint(f"{text!r} has no zone: write {text}Z for UTC")
    return moment.astimezone(UTC)
