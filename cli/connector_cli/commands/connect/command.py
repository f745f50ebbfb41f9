"""`connector connect`: set up a connection step by step."""

from pathlib import Path
from typing import Annotated

import typer

from connector_cli.commands.common import Json, SharedApp, stack_of
from connector_cli.commands.connect.session import (
    ConnectOptions,
    ConnectReport,
    ConnectSession,
    MissingInputError,
)
from connector_cli.commands.connect.steps import ConnectSteps
from connector_cli.commands.connect.subsidiaries import read_divisions
from connector_cli.commands.consent import (
    DEFAULT_WAIT,
    Browser,
    ConsentOptions,
    Listen,
    RedirectUri,
    Wait,
)
from connector_cli.printing import print_json
from ml_connector.connections.files import read_settings
from ml_connector.settings.exact_sites import EXACT_SITES
from ml_connector.user_errors import UserError


def connect(  # noqa: PLR0913, PLR0917  each is an option
    context: typer.Context,
    connection: Annotated[
        str | None,
        typer.Argument(
            metavar="CONNECTION", help="The connection's id; default: the id in the file."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Connection file, .toml or .json; divisions may be left out."),
    ] = None,
    exact_site: Annotated[
        str | None,
        typer.Option(help=f"Exact country site of the app: {', '.join(EXACT_SITES)}."),
    ] = None,
    exact_url: Annotated[
        str | None, typer.Option(help="Another Exact server, instead of --exact-site.")
    ] = None,
    airbase_url: Annotated[str | None, typer.Option(help="Airbase's base URL.")] = None,
    name: Annotated[str | None, typer.Option(help="The company's name, for people.")] = None,
    division: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODE=SUBSIDIARY,...",
            help="An Exact division and the Airbase subsidiaries it serves; repeatable.",
        ),
    ] = None,
    reconnect: Annotated[
        bool, typer.Option("--reconnect", help="Renew Exact's consent; change nothing else.")
    ] = False,
    redirect_uri: RedirectUri = None,
    listen: Listen = None,
    wait: Wait = DEFAULT_WAIT,
    browser: Browser = False,
    show_secrets: Annotated[
        bool, typer.Option("--show-secrets", help="Show generated webhook secrets, once.")
    ] = False,
    shared_app: SharedApp = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Accept the proposals and do not ask for confirmation.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Connect a company, step by step. Every step can be repeated.

    Asks for what is missing: secrets, Exact's consent, the divisions, and the Airbase
    subsidiaries that each serves. Secrets are read from the variables listed in `connector
    connection add --help`, or asked for without being shown. With --json nothing is asked:
    the output lists what is missing.
    """
    if as_json and show_secrets:
        raise UserError("secrets are never part of --json: leave out one of the two")
    file = read_settings(config) if config else None
    id = connection or str((file or {}).get("id") or "")
    if not id:
        raise UserError("name the connection: `connector connect my-firm`")
    stack = stack_of(context)
    consent = ConsentOptions(redirect_uri, listen, wait, browser)
    divisions = read_divisions(division or ())
    options = ConnectOptions(
        divisions, consent, yes, show_secrets, shares_app=shared_app, is_silent=as_json
    )
    changes = {
        "exact_site": exact_site,
        "exact_base_url": exact_url,
        "airbase_base_url": airbase_url,
        "name": name,
    }
    report = ConnectReport(id)
    steps = ConnectSteps(stack, ConnectSession(options, report))
    try:
        if reconnect:
            steps.reconnect(stack.connection(id))
        else:
            steps.connect(id, file, changes)
        report.complete = True
    except MissingInputError as missing:
        if not as_json:
            raise
        report.missing = list(missing.lines)
    if as_json:
        print_json(vars(report))
        if report.missing:
            raise typer.Exit(1)
