"""`connector notify ...`: who is notified of new exceptions and halts."""

import os
from typing import Annotated

import typer

from connector_cli.commands.common import SET_IT, ConnectionArgument, Json, ask_secret, stack_of
from connector_cli.printing import print_json, print_line
from ml_connector.notifications import setup
from ml_connector.secret import Secret

app = typer.Typer(
    no_args_is_help=True, help="Set up and test notifications of new exceptions and halts."
)


@app.command()
def slack(
    context: typer.Context,
    connection: Annotated[
        str | None,
        typer.Argument(
            metavar="CONNECTION",
            help="Default: all connections without a Slack webhook of their own.",
        ),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Delete the stored URL.")] = False,
    as_json: Json = False,
) -> None:
    """Store the URL of a Slack incoming webhook, as a secret.

    The URL comes from CONNECTOR_SLACK_WEBHOOK_URL or is asked for without being shown. Also set
    `slack = true` in the notify section of the connection file.
    """
    stack = stack_of(context)
    if remove:
        setup.remove_slack(stack, stack.actor, connection)
    else:
        name = setup.SLACK_URL
        url = os.environ.get(name, "").strip() or ask_secret(
            "Slack webhook URL (not shown)", f"{name} is not set; {SET_IT}"
        )
        setup.store_slack(stack, stack.actor, connection, Secret(url))
    if as_json:
        print_json({"connection": connection, "slack": "removed" if remove else "stored"})
    else:
        whose = connection or "all connections without one of their own"
        print_line(f"The Slack webhook of {whose} is {'removed' if remove else 'stored'}.")


@app.command("test")
def try_(context: typer.Context, connection: ConnectionArgument, as_json: Json = False) -> None:
    """Send a test message through each channel of a connection; exit code 1 when one fails."""
    found = setup.try_channels(stack_of(context), connection)
    if as_json:
        print_json(found)
    else:
        for each in found:
            print_line(f"{each['channel']}: {'sent' if each['sent'] else each['failure']}")
    if not all(each["sent"] for each in found):
        raise typer.Exit(1)
