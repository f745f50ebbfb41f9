"""`connector exceptions`: the list."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import typer

from connector_cli.commands.common import Csv, Json, stack_of
from connector_cli.commands.shown_exception import print_exception
from connector_cli.printing import print_json, print_line, print_table, print_written
from connector_cli.stack import OpenedStack
from ml_connector.connections.unsaved import unsaved
from ml_connector.domain.ids import ConnectionId
from ml_connector.exceptions import listing as lists

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
    found = lists.list_open(stack, connection, wanted)
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
            print_exception(each)
        print_line()
        print_table(("Code", "Open"), Counter(str(each["code"]) for each in found).most_common())
        for line in unsaved(stack.tables, connection):
            print_line(line)


def _why_none(stack: OpenedStack, connection: str | None) -> Sequence[str]:
    """Return what is true when nothing is listed: that may not mean that nothing is wrong."""
    others = lists.list_open(stack, connection, lists.ExceptionFilter())
    if len(others) == 1:
        return ["The one open exception does not match."]
    if others:
        return [f"None of the {len(others):,} open exceptions matches."]
    # Most lists have rows: they start without the models of the settings.
    from ml_connector.connections.half_made import half_made  # noqa: PLC0415

    is_current = connection is None or stack.services.connections.get(ConnectionId(connection))
    missing = half_made(stack, connection) if is_current else []
    return [*missing, *unsaved(stack.tables, connection)] or ["No open exceptions."]
