"""`connector connect`: set up a connection step by step."""

from collections.abc import Sequence
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
from ml_connector.domain.faults import Fault
from ml_connector.settings.connection import usable_id
from ml_connector.settings.exact_sites import ANOTHER_SITE, EXACT_SITES
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
        list[str] | None,
        typer.Option(
            metavar="SITE",
            help=f"Exact country site of an app: {', '.join(EXACT_SITES)}; repeatable. Adds a site "
            "to a connected company.",
        ),
    ] = None,
    exact_url: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[SITE=]URL", help="Another Exact server, instead of a site's own; repeatable."
        ),
    ] = None,
    airbase_url: Annotated[str | None, typer.Option(help="Airbase's base URL.")] = None,
    name: Annotated[str | None, typer.Option(help="The company's name, for people.")] = None,
    division: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIVISION=SUBSIDIARY,...",
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
    drop: Annotated[
        bool,
        typer.Option(
            "--drop", help="Also drop what is stored and not in the file, such as mappings."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Connect a company, step by step. Every step can be repeated.

    Leads through one or several Exact sites. Asks for what is missing: secrets, Exact's consent,
    the divisions, the Airbase subsidiaries and the codes of each, and notifications. What was
    answered is kept for the next run. Secrets are read from the variables listed in `connector
    connection add --help`, or asked for without being shown; those of a further site end in it, as
    in ..._BE. With --json nothing is asked: the output lists what is missing.
    """
    if as_json and show_secrets:
        raise UserError("secrets are never part of --json: leave out one of the two")
    file = read_settings(config) if config else None
    id = connection or str((file or {}).get("id") or "")
    if not id:
        raise UserError("name the connection: `connector connect my-firm`")
    if not reconnect:  # a site's app, as firm.be, has a consent of its own
        _refuse_unusable(id)
    stack = stack_of(context)
    consent = ConsentOptions(redirect_uri, listen, wait, browser)
    divisions = read_divisions(division or ())
    options = ConnectOptions(
        divisions, consent, yes, drop, show_secrets, shares_app=shared_app, is_silent=as_json
    )
    sites = _read_sites(exact_site or (), exact_url or ())
    report = ConnectReport(id)
    session = ConnectSession(options, report)
    steps = ConnectSteps(stack, session)
    known = stack.connection(id) if reconnect else None
    try:
        if known:
            steps.reconnect(known, tuple(sites))
        else:
            changes = {"airbase_base_url": airbase_url, "name": name}
            steps.connect(id, file, sites, changes)
        report.complete = True
    except MissingInputError as missing:
        session.explain_kept()
        if not as_json:
            raise
        report.missing = list(missing.lines)
    except (UserError, Fault, KeyboardInterrupt):
        session.explain_kept()
        raise
    if as_json:
        print_json(vars(report))
        if report.missing:
            raise typer.Exit(1)


def _refuse_unusable(id: str) -> None:
    try:
        usable_id(id)
    except ValueError as error:
        raise UserError(f"{id!r} cannot be a connection's name: {error}") from None


def _read_sites(names: Sequence[str], urls: Sequence[str]) -> dict[str, str]:
    """Return the address of each named site, empty for Exact's own; "" names the only site."""
    sites = {name.strip().lower(): "" for name in names}
    for text in urls:
        name, _, url = text.partition("=")
        is_named = "://" not in name
        sites[name.strip().lower() if is_named else ""] = url if is_named else text
    if unknown := sites.keys() - {"", ANOTHER_SITE, *EXACT_SITES}:
        raise UserError(
            f"{', '.join(sorted(unknown))} is not one of Exact's sites: {', '.join(EXACT_SITES)}"
        )
    return sites
