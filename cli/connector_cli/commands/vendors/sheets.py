"""`connector vendors export` and `import`."""

from pathlib import Path
from typing import Annotated

import typer

from connector_cli.actions.vendors import sheet, sheet_import
from connector_cli.commands.common import ConnectionArgument, Json, opened
from connector_cli.printing import say, say_json


def export(
    context: typer.Context,
    connection: ConnectionArgument,
    out: Annotated[Path, typer.Option(help="CSV to write: one row for each vendor and division.")],
    as_json: Json = False,
) -> None:
    """Write all vendors to a CSV file, to decide in it and import it again."""
    found = sheet.export(opened(context), connection, out)
    if as_json:
        say_json(found)
    else:
        say(
            f"{found['link']} linked, {found['review']} to review, {found['none']} none; "
            f"written to {out}."
        )


def import_(
    context: typer.Context,
    connection: ConnectionArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV that `export` has written.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check it and say what would change.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Decide as a CSV file says (link, reject, unlink); nothing if any line is wrong."""
    found = sheet_import.import_sheet(opened(context), connection, file, dry_run=dry_run)
    if as_json:
        say_json(found)
        return
    for each in found["decisions"] if dry_run else ():
        supplier = each["supplier"]
        other = f"{supplier['code']} {supplier['name']}".strip() or supplier["id"]
        where = f"line {each['line']}, division {each['division']}"
        say(f"{each['decision']} {each['name'] or each['vendor']}: {other} ({where})")
    made = "would be made" if dry_run else "made"
    say(
        f"{found['link']} links, {found['reject']} rejections, {found['unlink']} unlinks {made}; "
        f"{found['unchanged']} rows change nothing."
    )
