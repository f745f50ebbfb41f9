"""`connector connection ...`."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from connector_cli.commands import consent as consent_flow
from connector_cli.commands.common import (
    SET_IT,
    ConnectionArgument,
    Json,
    SharedApp,
    ask_secret,
    is_at_terminal,
    is_confirmed,
    stack_of,
)
from connector_cli.commands.consent import (
    DEFAULT_WAIT,
    Browser,
    ConsentOptions,
    Listen,
    RedirectUri,
    Wait,
)
from connector_cli.printing import print_error, print_json, print_line, print_table
from ml_connector.connections import changes, discarding, manage, manage_subscriptions, versions
from ml_connector.connections import secrets as given_secrets
from ml_connector.connections.description import described
from ml_connector.connections.files import read_connection
from ml_connector.connections.manage import Added
from ml_connector.connections.secrets import GivenSecrets
from ml_connector.connections.shared_use import share_apps
from ml_connector.connections.unsaved import unsaved
from ml_connector.domain.exception_codes.readable import coded_text
from ml_connector.domain.words import command, counted, moment
from ml_connector.secret import Secret
from ml_connector.settings.connection import Connection
from ml_connector.user_errors import UserError

app = typer.Typer(no_args_is_help=True, help="Add, show, change and remove connections.")
_Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
_Ask = Annotated[
    bool, typer.Option("--ask", help="Ask for the webhook secret instead of generating one.")
]


@app.command()
def add(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Connection file, .toml or .json.")],
    ask: _Ask = False,
    shared_app: SharedApp = False,
    yes: _Yes = False,
    as_json: Json = False,
) -> None:
    """Add a connection from a file, or replace the one with the same id.

    What changes is shown; what would be dropped, such as mappings, has to be confirmed.

    Secrets come from CONNECTOR_AIRBASE_API_KEY, CONNECTOR_EXACT_CLIENT_ID,
    CONNECTOR_EXACT_CLIENT_SECRET, CONNECTOR_AIRBASE_WEBHOOK_SECRET,
    CONNECTOR_EXACT_WEBHOOK_SECRET, CONNECTOR_EXACT_REFRESH_TOKEN and
    CONNECTOR_EXACT_ACCESS_TOKEN, or are asked for without being shown. Secrets that are stored
    already are kept unless you give new ones.
    """
    connection = read_connection(file)
    given = GivenSecrets.from_environment(os.environ)
    stack = stack_of(context)
    seen = versions.look(stack.services.connections, connection.id)
    connection = manage.continued(stack.services.connections, connection)
    found = changes.from_before(seen.connection, connection)
    accept_differences(connection.id, found, "--yes", is_accepted=yes, is_silent=as_json)
    for name in given_secrets.missing_names(stack.secret_store, connection, given):
        question = f"{given_secrets.question(name)} (not shown)"
        given = given.plus({name: ask_secret(question, f"{name} is not set; {SET_IT}")})
    connection = share_apps(stack, connection, given, is_wanted=shared_app)
    for site in connection.sites:
        given = given.without_app(site.id) if site.shares_app_with else given
    if ask:
        given = ask_webhook_secrets(connection, given)
    added = manage.add(stack, stack.actor, connection, given, seen)
    problems = (
        manage_subscriptions.subscribe(stack, stack.actor, connection) if added.has_consent else []
    )
    if as_json:
        print_json(_added_json(added) | {"trouble": problems})
    else:
        _print_added(added)
        _print_problems(problems)


@app.command("set")
def set_(
    context: typer.Context,
    connection: ConnectionArgument,
    assignments: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY=VALUE...",
            help="A setting as in a file, after its site or division: notify.slack=true, "
            "nl.2101.default_vat_code=5. An empty value takes it out.",
        ),
    ],
    yes: _Yes = False,
    as_json: Json = False,
) -> None:
    """Change single settings of a connection; the difference is shown first."""
    stack = stack_of(context)
    seen = versions.look(stack.services.connections, stack.connection(connection).id)
    before = seen.connection or stack.connection(connection)  # removed a moment ago
    after = changes.changed(before, assignments)
    found = changes.differences(before, after)
    if found and not as_json:
        _print_differences(found)
        if not yes and not is_confirmed(f"Change {before.id}?", "pass --yes", default=True):
            raise UserError(f"{before.id} was not changed")
    if found:
        manage.add(stack, stack.actor, after, GivenSecrets(), seen)
    if as_json:
        print_json({"connection": before.id, "changed": [each.text for each in found]})
    else:
        print_line(f"Changed {before.id}." if found else f"Nothing to change in {before.id}.")


def accept_differences(
    id: str,
    found: Sequence[changes.SettingChange],
    option: str,
    *,
    is_accepted: bool,
    is_silent: bool,
) -> None:
    """Show what a file changes; raise `UserError` unless what it drops is accepted.

    `option` is the one that accepts it beforehand.
    """
    if not is_silent:
        _print_differences(found)
    dropped = [each for each in found if each.is_dropped]
    if not dropped or is_accepted:
        return
    refused = UserError(
        f"the file would drop something of {id}: pass {option}, or put it into the file",
        *(each.text for each in dropped),
    )
    if is_silent or not is_at_terminal():
        raise refused
    if not is_confirmed(f"Drop what the file does not have, of {id}?", f"pass {option}"):
        raise refused


def _print_differences(found: Sequence[changes.SettingChange]) -> None:
    for each in found:
        typer.echo(f"  {each.text}", err=True)  # beside the question about it


@app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """List the connections of the stack."""
    stack = stack_of(context)
    found = manage.list_all(stack.services)
    if as_json:
        print_json(found)
        return
    if not found:
        print_line("No connections yet: `connector connect my-firm` makes one.")
    else:
        print_table(
            ("Connection", "Name", "Exact", "Divisions", "Stopped by"), map(_list_row, found)
        )
    for line in unsaved(stack.tables):
        print_line(line)


@app.command()
def show(context: typer.Context, connection: ConnectionArgument, as_json: Json = False) -> None:
    """Show a connection: settings, webhook URLs, which secrets are stored, and its halts."""
    stack = stack_of(context)
    found = manage.show(stack, connection)
    if as_json:
        print_json(found)
        return
    rows = [
        (name.replace("_", " "), _secret_state(value)) for name, value in found["secrets"].items()
    ]
    rows += [(f"{sender} webhooks", url) for sender, url in found["webhooks"].items()]
    for code, at in found["reference_data_read_at"].items():
        rows.append(
            (f"division {code}", f"reference data last read: {moment(at) if at else 'never'}")
        )
    print_table(("What", "State"), rows, title=connection)
    for halt in found["stopped"]:
        what = "Everything" if halt["stops"] == "all" else f"The {halt['stops']}"
        said = coded_text(halt["code"], halt["cause"])
        print_line(f"{what} is stopped. {said} {halt['remedy']}")
    for line in described(stack.services.connections.whole(stack.connection(connection))):
        print_line(line)


@app.command()
def remove(
    context: typer.Context,
    connection: ConnectionArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a connection: its mappings, links, secrets, reports and what was read for it.

    Its orders, exceptions and audit trail are kept. If it was never saved, the
    answers and secrets that `connector connect` has kept are removed.
    """
    stack = stack_of(context)
    is_saved = not discarding.is_unsaved(stack, connection)
    if is_saved:
        stack.connection(connection)
    if not yes and not is_confirmed(
        f"Remove {connection} and its secrets?", "confirmation needed: pass --yes"
    ):
        raise UserError(f"{connection} was not removed")
    if is_saved:
        manage.remove(stack, stack.actor, connection)
    else:
        discarding.discard(stack, stack.actor, connection)
    if as_json:
        print_json({"connection": connection, "removed": True})
        return
    if not is_saved:
        print_line(f"Removed the answers and secrets of {connection}, which was never saved.")
        return
    print_line(f"Removed {connection}. Its orders, exceptions and audit trail are kept.")
    print_line("Also remove the webhook in Airbase and the app's subscriptions in Exact.")


@app.command()
def known(
    context: typer.Context,
    connection: ConnectionArgument,
    division: Annotated[
        str | None, typer.Option(help="Only this division; default: each that is stopped for it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say that another connector's orders are known: the divisions that they stop go on.

    The next order with an unknown marker stops its division again.
    """
    stack = stack_of(context)
    going_on = manage.accept_other_connector(stack, stack.actor, connection, division)
    if as_json:
        print_json({"connection": connection, "divisions": going_on})
        return
    for code in going_on:
        print_line(f"Division {code} of {connection} goes on within 15 minutes.")


@app.command()
def rotate(
    context: typer.Context,
    connection: ConnectionArgument,
    sender: Annotated[str, typer.Argument(metavar="airbase|exact", help="Whose webhook secret.")],
    finish: Annotated[bool, typer.Option("--finish", help="Delete the old secret.")] = False,
    ask: _Ask = False,
    as_json: Json = False,
) -> None:
    """Add a new webhook secret; the old one stays valid until --finish.

    The new secret comes from CONNECTOR_AIRBASE_WEBHOOK_SECRET or CONNECTOR_EXACT_WEBHOOK_SECRET,
    is asked for with --ask, or is generated and shown once.
    """
    stack = stack_of(context)
    found = stack.connection(connection)  # before a secret is asked for
    if finish:
        manage.finish_rotation(stack, stack.actor, connection, sender)
        done = {"connection": connection, "sender": sender, "finished": True}
        print_json(done) if as_json else print_line(
            f"The old {sender} webhook secret is no longer valid."
        )
        return
    given = GivenSecrets.from_environment(os.environ)
    if ask:
        given = ask_webhook_secrets(found, given, only=sender)
    urls, made = manage.rotate(stack, stack.actor, connection, sender, given)
    if as_json:
        print_json(
            {"connection": connection, "webhooks": urls, "generated": _revealed(sender, made)}
        )
        return
    print_webhooks(urls, {sender: made} if made else {})
    print_line(
        f"Both secrets are valid; the new one works within a minute. Enter it in {sender.title()},"
    )
    print_line(f"then run {command('connection', 'rotate', connection, sender, '--finish')}.")


@app.command("consent")
def consent_(
    context: typer.Context,
    connection: ConnectionArgument,
    redirect_uri: RedirectUri = None,
    listen: Listen = None,
    wait: Wait = DEFAULT_WAIT,
    browser: Browser = False,
    as_json: Json = False,
) -> None:
    """Give or renew Exact's consent in a browser; nothing else changes.

    With several Exact sites name one as in `firm.be`, or give consent at each in turn.
    """
    stack = stack_of(context)
    found = stack.connection(connection)
    options = ConsentOptions(redirect_uri, listen, wait, browser)
    for site in stack.sites_of(connection):
        consent_flow.get_consent(stack, site, options)
    manage.read_reference_data(stack.send, found)
    problems = manage_subscriptions.subscribe(stack, stack.actor, found)
    if as_json:
        print_json({"connection": connection, "consent": "stored", "trouble": problems})
    else:
        print_line(f"{connection} is connected; its reference data are being read.")
        _print_problems(problems)


def _print_problems(problems: Sequence[str]) -> None:
    for line in problems:
        print_error(line)


def ask_webhook_secrets(
    connection: Connection, given: GivenSecrets, only: str | None = None
) -> GivenSecrets:
    """Ask for the webhook secrets that were not given, of all senders or of one.

    An empty answer skips one.
    """
    for sender in given_secrets.senders_of(connection):
        name = given_secrets.signing_name(connection, sender)
        if only in {None, sender} and given.get(name) is None:
            question = f"{_named(sender)} webhook secret (not shown; empty: keep or generate one)"
            if text := ask_secret(question, f"{name} is not set; {SET_IT}"):
                given = given.plus({name: text})
    return given


def _print_added(added: Added) -> None:
    id = added.connection.id
    codes = ", ".join(str(each.division) for each in added.connection.divisions)
    print_line(f"{'Added' if added.is_new else 'Changed'} {id} (divisions {codes}).")
    for site in added.taken_out:
        print_line(f"Site {site} was taken out: its app's secrets and consent are removed here.")
        print_line("Also remove the app's subscriptions in Exact, or the app.")
    print_webhooks(added.webhooks, added.made)
    print_next_for_exact(added)
    for step in _next_steps(added):
        print_line(f"Next: {step}")


def print_webhooks(urls: Mapping[str, str], made: Mapping[str, Secret]) -> None:
    """Print the webhook URLs, and the secrets that were generated for them."""
    for sender, url in urls.items():
        print_line(f"{_named(sender)} webhook URL: {url}")
    for sender, secret in made.items():
        print_line(f"{_named(sender)} webhook secret, shown only once: {secret.reveal()}")


def _named(sender: str) -> str:
    """Return a sender as people call it: "Airbase", "Exact", "Exact be"."""
    system, _, site = sender.partition(".")
    return f"{system.title()} {site}".strip()


def print_next_for_exact(added: Added) -> None:
    """Print what to do when Exact shows a webhook secret of its own."""
    if "exact" in added.made:
        own = command("connection", "rotate", added.connection.id, "exact", "--ask")
        print_line("If Exact shows a webhook secret of its own for the app, enter that one:")
        print_line(f"  {own}")


def _next_steps(added: Added) -> list[str]:
    id, steps = added.connection.id, []
    if not added.has_consent:
        steps.append(f"give Exact's consent: {command('connection', 'consent', id)}")
    for site in added.connection.sites:
        if site.exact_callback_url is None:
            url = added.webhooks[given_secrets.sender_of(site)]
            steps.append(f'for notifications of {site.site}, set exact_callback_url = "{url}"')
    return steps


def _added_json(added: Added) -> dict[str, Any]:
    generated = {k: v for s, m in added.made.items() for k, v in _revealed(s, m).items()}
    return {
        "connection": added.connection.id,
        "new": added.is_new,
        "webhooks": dict(added.webhooks),
        "generated": generated,
        "consent": added.has_consent,
        "taken_out": list(added.taken_out),
        "next": _next_steps(added),
    }


def _revealed(sender: str, made: Secret | None) -> dict[str, str]:
    """Return a generated secret in clear text: the only place that does."""
    return {f"{sender}_webhook_secret": made.reveal()} if made else {}


def _list_row(found: Mapping[str, Any]) -> tuple[str, ...]:
    codes = ", ".join(str(code) for code in found["divisions"])
    halts = zip(found["stopped"], found["stops"], strict=True)
    stopped = ", ".join(code if what == "all" else f"{code} ({what})" for code, what in halts)
    return found["connection"], found["name"], found["exact"], codes, stopped


def _secret_state(value: object) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    age = (
        f", renewed {counted(round(value['age_days']), 'day')} ago (expires after 30 days)"
        if "age_days" in value
        else ""
    )
    return f"{value['state']}{age}"
