"""`connector connect`: a conversation from nothing to a connection that works."""

from pathlib import Path
from typing import Annotated

import typer

from connector_cli.actions.connection_files import read_settings
from connector_cli.commands.common import Json, opened
from connector_cli.commands.connect.assigning import read_divisions
from connector_cli.commands.connect.guide import Guide
from connector_cli.commands.connect.run import Missing, Report, Run, Wish
from connector_cli.commands.consenting import (
    DEFAULT_WAIT,
    Browser,
    Listen,
    RedirectUri,
    Wait,
    Way,
)
from connector_cli.complaints import Complaint
from connector_cli.printing import say_json
from ml_connector.connection import EXACT_SITES


def connect(  # noqa: PLR0913, PLR0917  each is an option
    context: typer.Context,
    connection: Annotated[
        str | None, typer.Argument(help="The connection's id; default: the file's.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Connection file, .toml or .json; divisions may be left out."),
    ] = None,
    exact_site: Annotated[
        str | None, typer.Option(help=f"Country site of the app: {', '.join(EXACT_SITES)}.")
    ] = None,
    exact_url: Annotated[
        str | None, typer.Option(help="Instead of --exact-site: another server.")
    ] = None,
    airbase_url: Annotated[str | None, typer.Option(help="Airbase's base URL.")] = None,
    name: Annotated[str | None, typer.Option(help="What people call the company.")] = None,
    division: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE=SUBSIDIARY,...",
            help="An Exact division and the Airbase subsidiaries it serves; repeatable.",
        ),
    ] = None,
    reconnect: Annotated[
        bool, typer.Option("--reconnect", help="Only give Exact's consent again.")
    ] = False,
    redirect_uri: RedirectUri = None,
    listen: Listen = None,
    wait: Wait = DEFAULT_WAIT,
    browser: Browser = False,
    show_secrets: Annotated[
        bool, typer.Option("--show-secrets", help="Show webhook secrets that are made, once.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Take what is proposed and do not ask for confirmation.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Connect a company, step by step; every step can be repeated.

    Asks for what is missing: Exact's consent, the divisions, which Airbase subsidiary each
    serves. Secrets come from the variables that `connector connection add --help` names, or are
    asked for without being shown. With --json nobody is asked: what is missing is listed.
    """
    if as_json and show_secrets:
        raise Complaint("secrets are never part of --json: leave out one of the two")
    file = read_settings(config) if config else None
    id = connection or str((file or {}).get("id") or "")
    if not id:
        raise Complaint("name the connection: `connector connect my-firm`")
    stack = opened(context)
    wish = Wish(
        read_divisions(division or ()),
        Way(redirect_uri, listen, wait, browser),
        yes,
        show_secrets,
        as_json,
    )
    changes = {
        "exact_site": exact_site,
        "exact_base_url": exact_url,
        "airbase_base_url": airbase_url,
        "name": name,
    }
    report = Report(id)
    guide = Guide(stack, Run(wish, report))
    try:
        if reconnect:
            guide.reconnect(stack.connection(id))
        else:
            guide.connect(id, file, changes)
        report.complete = True
    except Missing as missing:
        if not as_json:
            raise
        report.missing = list(missing.lines)
    if as_json:
        say_json(vars(report))
        if report.missing:
            raise typer.Exit(1)
