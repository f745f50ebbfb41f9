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

    The URL comes from CONNECTOR_SLACK_WEBHOOK_URL or is asked for without being shown. It is used
    from now on: `slack = true` is set in the connection's notify section.
    """
    stack = stack_of(context)
    if connection:
        stack.connection(connection)  # before a secret is asked for
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


@app.command()
def email(
    context: typer.Context,
    addresses: Annotated[
        list[str], typer.Argument(metavar="ADDRESS...", help="Who is told of new exceptions.")
    ],
    as_json: Json = False,
) -> None:
    """Send notifications of all connections to e-mail addresses as well.

    AWS sends a message to each: it counts once the link in it was opened.
    """
    stack = stack_of(context)
    mails = setup.subscribe_mail(stack, stack.actor, None, addresses)
    if as_json:
        print_json(mails)
        return
    for each in mails:
        print_line(setup.mail_state(each))


@app.command("test")
def try_(context: typer.Context, connection: ConnectionArgument, as_json: Json = False) -> None:
    """Send a test message through each channel of a connection.

    Exit code 1 when one fails, or when nobody is reached.
    """
    stack = stack_of(context)
    found = setup.try_channels(stack, connection)
    if as_json:
        print_json(found)
    else:
        if not stack.tells_by_mail:
            print_line(f"{setup.MAIL_IS_OFF}.")
        for each in found:
            result = "sent" if each["sent"] else each["failure"]
            to = f" ({each['subscribers']})" if each["subscribers"] else ""
            print_line(f"{each['channel']}: {result}{to}")
    is_heard = any(each["reaches"] != 0 for each in found)
    if not (is_heard and all(each["sent"] for each in found)):
        raise typer.Exit(1)
