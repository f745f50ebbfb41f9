"""`connector vendors export` and `import`."""

from pathlib import Path
from typing import Annotated

import typer

from connector_cli.commands.common import ConnectionArgument, Json, stack_of
from connector_cli.printing import print_beside, print_json, print_line
from ml_connector.domain.words import counted, verb
from ml_connector.vendors.review import spreadsheet, spreadsheet_import


def export(
    context: typer.Context,
    connection: ConnectionArgument,
    out: Annotated[
        Path, typer.Option(help="File to write, .csv or .xlsx: one row per vendor and division.")
    ],
    as_json: Json = False,
) -> None:
    """Write all vendors to a list (CSV, xlsx): fill in decisions, then import it."""
    found = spreadsheet.export(stack_of(context).services_of(connection), out)
    if as_json:
        print_json(found)
    else:
        print_beside(
            out,
            f"{found['link']} linked, {found['review']} to review, {found['none']} none; "
            f"written to {out}.",
        )


def import_(
    context: typer.Context,
    connection: ConnectionArgument,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file written by `export`, as CSV or .xlsx.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the file and show the changes; save nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Apply the decisions in a list (link, reject, unlink); none if any line is wrong."""
    stack = stack_of(context)
    found = spreadsheet_import.import_spreadsheet(
        stack, stack.actor, connection, file, dry_run=dry_run
    )
    if as_json:
        print_json(found)
        return
    for each in found["decisions"] if dry_run else ():
        supplier = each["supplier"]
        other = f"{supplier['code']} {supplier['name']}".strip() or supplier["id"]
        where = f"line {each['line']}, division {each['division']}"
        print_line(f"{each['decision']} {each['name'] or each['vendor']}: {other} ({where})")
    for note in found["notes"]:
        print_line(note)
    made = "would be made" if dry_run else "made"
    rest = found["unchanged"]
    print_line(
        f"{counted(found['link'], 'link')}, {counted(found['reject'], 'rejection')} and "
        f"{counted(found['unlink'], 'unlink')} {made}; "
        f"{counted(rest, 'row')} {verb(rest, 'changes', 'change')} nothing."
    )
