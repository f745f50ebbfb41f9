"""`connector personal-data ...`: what is kept of a person."""

from typing import Annotated

import typer

from connector_cli.commands.common import ConnectionArgument, Json, stack_of
from connector_cli.printing import print_json, print_line, print_table
from ml_connector.audit import removal
from ml_connector.domain.words import counted

app = typer.Typer(
    no_args_is_help=True,
    help="Remove what is kept of a person; audit trails stay verifiable.",
)
_LEFT = 1


@app.command()
def remove(
    context: typer.Context,
    connection: ConnectionArgument,
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="Name, address or subject, as it is kept.")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit trails.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be removed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove a person from records and audit trails, which stay verifiable.

    This cannot be undone. Exit code 1 when something was left, because it is open, or nothing
    was found.
    """
    stack = stack_of(context)
    found = removal.remove(stack, stack.actor, connection, text, reason, dry_run=dry_run)
    if as_json:
        print_json([vars(each) for each in found])
    else:
        rows = (
            (e.record, e.title, e.values, e.entries, e.in_record, e.left or "\n".join(e.found_in))
            for e in found
        )
        last = "Found in, or left because" if dry_run else "Left because"
        if found:
            columns = ("Record", "Title", "Values", "Whole entries", "In the record", last)
            print_table(columns, list(rows))
        done = sum(not each.left for each in found)
        words = "It would be removed" if dry_run else "It was removed"
        print_line(f"{words} from {counted(done, 'record')}.")
    if not found or any(each.left for each in found):
        raise typer.Exit(_LEFT)
