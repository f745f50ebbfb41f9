"""`connector notify ...`: who is told of new exceptions and halts."""

import os
from typing import Annotated

import typer

from connector_cli.actions import notifying
from connector_cli.commands.common import ConnectionArgument, Json, ask_hidden, opened
from connector_cli.printing import say, say_json
from ml_connector.secret import Secret

app = typer.Typer(no_args_is_help=True, help="Choose and try who is told of new exceptions.")


@app.command()
def slack(
    context: typer.Context,
    connection: Annotated[
        str | None,
        typer.Argument(metavar="CONNECTION", help="Default: all connections without their own."),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Forget the address.")] = False,
    as_json: Json = False,
) -> None:
    """Store the address of an incoming webhook of Slack; it is a secret.

    It comes from CONNECTOR_SLACK_WEBHOOK_URL or is asked for without being shown. Set `slack` in
    the connection's [notify] to true as well.
    """
    stack = opened(context)
    if remove:
        notifying.remove_slack(stack, connection)
    else:
        name = notifying.SLACK_URL
        asked = os.environ.get(name, "").strip() or ask_hidden(
            "Slack webhook URL (not shown)", f"{name} is not set and there is nobody to ask"
        )
        notifying.store_slack(stack, connection, Secret(asked))
    if as_json:
        say_json({"connection": connection, "slack": "removed" if remove else "stored"})
    else:
        whose = connection or "all connections without their own"
        say(f"The Slack webhook of {whose} is {'removed' if remove else 'stored'}.")


@app.command("test")
def try_(context: typer.Context, connection: ConnectionArgument, as_json: Json = False) -> None:
    """Send a test message by every channel of a connection; exit code 1 when one fails."""
    found = notifying.try_channels(opened(context), connection)
    if as_json:
        say_json(found)
    else:
        for each in found:
            say(f"{each['channel']}: {'sent' if each['sent'] else each['failure']}")
    if not all(each["sent"] for each in found):
        raise typer.Exit(1)
