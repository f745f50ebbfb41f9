"""`connector ready`."""

from pathlib import Path
from typing import Annotated

import typer

from connector_cli.commands.common import ConnectionArgument, Json, stack_of
from connector_cli.printing import print_json, print_line, print_table
from ml_connector.domain.words import counted
from ml_connector.lists.writing import check_list_path
from ml_connector.output.files import STANDARD_OUTPUT
from ml_connector.rehearsal.readiness import check_readiness
from ml_connector.rehearsal.report_files import write_readiness, write_sign_off
from ml_connector.user_errors import UserError

_WORDS = {True: "ok", False: "RED", None: "look"}


def ready(
    context: typer.Context,
    connection: ConnectionArgument,
    csv: Annotated[
        Path | None, typer.Option(help="Write all lines to this file, .csv or .xlsx.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page to be printed and signed to this file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say whether a connection is ready to go live, and what is to be repaired first.

    Exit code 1 when it is not.
    """
    if csv:
        check_list_path(csv)
    if html and not html.parent.is_dir():
        raise UserError(f"{html}: there is no folder {html.parent}")
    stack = stack_of(context)
    found = check_readiness(stack.services_of(connection), stack.actor)
    if csv:
        write_readiness(found, csv)
    if html:
        write_sign_off(found, html)
    if as_json:
        print_json(found.as_dict())
    elif STANDARD_OUTPUT not in {csv, html}:
        rows = (
            (e.area, e.where, _WORDS[e.ok], f"{e.what}\n{e.remedy}".strip()) for e in found.lines
        )
        print_table(("Area", "Where", "", "Finding, and what to do"), rows)
        verdict = "ready to go live"
        if not found.is_ready:
            verdict = f"not ready: {counted(len(found.red), 'red line')}"
        print_line(f"{connection} is {verdict}.")
        for path in filter(None, (csv, html)):
            print_line(f"Written: {path}.")
    if not found.is_ready:
        raise typer.Exit(1)
