"""`connector connection ...`."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from connector_cli.actions import connections, secrets_given, webhooks
from connector_cli.actions.connection_files import read_connection
from connector_cli.actions.connections import Added
from connector_cli.actions.secrets_given import Given
from connector_cli.commands import consenting
from connector_cli.commands.common import (
    ConnectionArgument,
    Json,
    ask_hidden,
    is_confirmed,
    opened,
)
from connector_cli.commands.consenting import DEFAULT_WAIT, Browser, Listen, RedirectUri, Wait
from connector_cli.complaints import Complaint
from connector_cli.printing import complain, say, say_json, say_table
from ml_connector.secret import Secret

app = typer.Typer(no_args_is_help=True, help="Add, show, change and remove connections.")
_SIGNING_WORDS = {"airbase": "Airbase webhook secret", "exact": "Exact webhook secret"}
_Ask = Annotated[
    bool, typer.Option("--ask", help="Ask for the webhook secret instead of making one.")
]


@app.command()
def add(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Connection file, .toml or .json.")],
    ask: _Ask = False,
    as_json: Json = False,
) -> None:
    """Add a connection from a file, or change the one with its id.

    Secrets come from CONNECTOR_AIRBASE_API_KEY, CONNECTOR_EXACT_CLIENT_ID,
    CONNECTOR_EXACT_CLIENT_SECRET, CONNECTOR_AIRBASE_WEBHOOK_SECRET,
    CONNECTOR_EXACT_WEBHOOK_SECRET, CONNECTOR_EXACT_REFRESH_TOKEN and
    CONNECTOR_EXACT_ACCESS_TOKEN, or are asked for without being shown. Stored ones stay unless
    given again.
    """
    connection = read_connection(file)
    given = Given.from_environment(os.environ)
    stack = opened(context)
    for name in secrets_given.names_missing(stack.vault, connection.id, given):
        words = f"{secrets_given.NEEDED[name]} (not shown)"
        given = given.plus(
            {name: ask_hidden(words, f"{name} is not set and there is nobody to ask")}
        )
    if ask:
        given = ask_signing(given, *_SIGNING_WORDS)
    added = connections.add(stack, connection, given)
    trouble = webhooks.subscribe(stack, connection) if added.has_consent else []
    if as_json:
        say_json(_added_json(added) | {"trouble": trouble})
    else:
        _say_added(added)
        _complain_of(trouble)


@app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """List the connections of the stack."""
    found = connections.list_all(opened(context))
    if as_json:
        say_json(found)
    elif not found:
        say("No connections yet: `connector connection add FILE`.")
    else:
        say_table(("Connection", "Name", "Exact", "Divisions", "Stopped by"), map(_list_row, found))


@app.command()
def show(context: typer.Context, connection: ConnectionArgument, as_json: Json = False) -> None:
    """Show a connection: settings, addresses, which secrets there are, what stops it."""
    found = connections.show(opened(context), connection)
    if as_json:
        say_json(found)
        return
    rows = [(name.replace("_", " "), _worded(value)) for name, value in found["secrets"].items()]
    rows += [(f"{sender} webhooks", url) for sender, url in found["webhooks"].items()]
    for code, at in found["reference_data_read_at"].items():
        rows.append((f"division {code}", f"reference data read at {at or 'no time yet'}"))
    say_table(("What", "How it stands"), rows, title=connection)
    for halt in found["stopped"]:
        say(f"Stopped: {halt['code']}: {halt['cause']} {halt['remedy']}")
    say("Settings:")
    say_json(found["config"])


@app.command()
def remove(
    context: typer.Context,
    connection: ConnectionArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: Json = False,
) -> None:
    """Forget a connection, its mappings and its secrets; ledger and audit trail stay."""
    stack = opened(context)
    stack.connection(connection)
    if not yes and not is_confirmed(
        f"Remove {connection} and its secrets?", "there is nobody to confirm: use --yes"
    ):
        raise Complaint(f"{connection} was not removed")
    connections.remove(stack, connection)
    if as_json:
        say_json({"connection": connection, "removed": True})
        return
    say(f"Removed {connection}. Its orders and their audit trail are kept.")
    say("Remove the webhook in Airbase too, and the app's subscriptions in Exact.")


@app.command()
def rotate(
    context: typer.Context,
    connection: ConnectionArgument,
    sender: Annotated[str, typer.Argument(metavar="airbase|exact")],
    finish: Annotated[bool, typer.Option("--finish", help="Drop the old secret.")] = False,
    ask: _Ask = False,
    as_json: Json = False,
) -> None:
    """Put a new webhook secret beside the old one; both are valid until --finish.

    The new one comes from CONNECTOR_AIRBASE_WEBHOOK_SECRET or CONNECTOR_EXACT_WEBHOOK_SECRET,
    is asked for with --ask, or is made and shown once.
    """
    stack = opened(context)
    if finish:
        connections.finish_rotation(stack, connection, sender)
        done = {"connection": connection, "sender": sender, "finished": True}
        say_json(done) if as_json else say(f"The old {sender} webhook secret is no longer valid.")
        return
    given = Given.from_environment(os.environ)
    if ask and sender in _SIGNING_WORDS:
        given = ask_signing(given, sender)
    urls, made = connections.rotate(stack, connection, sender, given)
    if as_json:
        say_json({"connection": connection, "webhooks": urls, "generated": _revealed(sender, made)})
        return
    say_webhooks(urls, {sender: made} if made else {})
    say("Both secrets are valid, the new one within a minute. Enter it on the other side, then run")
    say(f"  connector connection rotate {connection} {sender} --finish")


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
    """Give Exact's consent (again): open an address, allow the app; nothing else changes."""
    stack = opened(context)
    found = stack.connection(connection)
    consenting.give(stack, found, consenting.Way(redirect_uri, listen, wait, browser))
    connections.read_books(stack, found)
    trouble = webhooks.subscribe(stack, found)
    if as_json:
        say_json({"connection": connection, "consent": "stored", "trouble": trouble})
    else:
        say(f"{connection} is connected; its reference data are being read.")
        _complain_of(trouble)


def _complain_of(trouble: Sequence[str]) -> None:
    for line in trouble:
        complain(line)


def ask_signing(given: Given, *senders: str) -> Given:
    """Ask for the webhook secrets that were not given; an empty answer leaves one out."""
    for sender in senders:
        name = secrets_given.SIGNING[sender]
        if given.get(name) is None:
            words = f"{_SIGNING_WORDS[sender]} (not shown; empty: keep or make one)"
            if text := ask_hidden(words, f"{name} is not set and there is nobody to ask"):
                given = given.plus({name: text})
    return given


def _say_added(added: Added) -> None:
    id = added.connection.id
    codes = ", ".join(str(each.division) for each in added.connection.divisions)
    say(f"{'Added' if added.is_new else 'Changed'} {id} (divisions {codes}).")
    say_webhooks(added.webhooks, added.made)
    say_next_for_exact(added)
    for step in _next_steps(added):
        say(f"Next: {step}")


def say_webhooks(urls: Mapping[str, str], made: Mapping[str, Secret]) -> None:
    """Say where both senders shall deliver, and the secrets that were made for it."""
    for sender, url in urls.items():
        say(f"{sender.title()} webhook URL: {url}")
    for sender, secret in made.items():
        say(f"{_SIGNING_WORDS[sender]}, shown this once: {secret.reveal()}")


def say_next_for_exact(added: Added) -> None:
    """Say what to do when the secret that was made for Exact is not Exact's own."""
    if "exact" in added.made:
        say("If Exact's App Center shows a webhook secret of its own, that one counts: run")
        say(f"  connector connection rotate {added.connection.id} exact --ask")


def _next_steps(added: Added) -> list[str]:
    id, steps = added.connection.id, []
    if not added.has_consent:
        steps.append(f"give Exact's consent: connector connection consent {id}")
    if added.connection.exact_callback_url is None:
        steps.append(f'for notifications, set exact_callback_url = "{added.webhooks["exact"]}"')
    return steps


def _added_json(added: Added) -> dict[str, Any]:
    generated = {k: v for s, m in added.made.items() for k, v in _revealed(s, m).items()}
    return {
        "connection": added.connection.id,
        "new": added.is_new,
        "webhooks": dict(added.webhooks),
        "generated": generated,
        "consent": added.has_consent,
        "next": _next_steps(added),
    }


def _revealed(sender: str, made: Secret | None) -> dict[str, str]:
    """The one place where a secret is given out: made here, nobody else has it yet."""
    return {f"{sender}_webhook_secret": made.reveal()} if made else {}


def _list_row(found: Mapping[str, Any]) -> tuple[str, ...]:
    codes = ", ".join(str(code) for code in found["divisions"])
    stopped = ", ".join(found["stopped"])
    return found["connection"], found["name"], found["exact"], codes, stopped


def _worded(value: object) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    age = f", renewed {value['age_days']} days ago (dies at 30)" if "age_days" in value else ""
    return f"{value['state']}{age}"
