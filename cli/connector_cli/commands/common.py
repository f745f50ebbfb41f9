"""What all verbs share: the stack, the JSON option, and questions to a person."""

import warnings
from getpass import GetPassWarning
from typing import Annotated

import typer

from connector_cli.options import Options
from connector_cli.stack import OpenedStack, open_stack
from connector_cli.target import follow_clock, local_target, remote_target
from ml_connector.user_errors import UserError

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ConnectionArgument = Annotated[
    str, typer.Argument(metavar="CONNECTION", help="The connection's id.")
]
SharedApp = Annotated[
    bool,
    typer.Option(
        "--shared-app",
        help="Use the Exact app, consent and tokens of the connection that has this client id.",
    ),
]
SET_IT = "set it, or run this in a terminal"


def stack_of(context: typer.Context) -> OpenedStack:
    """Open the stack that the options before the verb name."""
    options: Options = context.obj
    if options.local:
        target = local_target()
        follow_clock(target)
        return open_stack(target)
    return open_stack(remote_target(options.stack, options.region))


def ask_secret(question: str, no_input: str) -> str:
    """Ask for a secret without showing it; raise `UserError(no_input)` without a terminal."""
    try:
        with warnings.catch_warnings():
            # A terminal that would show the secret is treated as no terminal.
            warnings.simplefilter("error", GetPassWarning)
            answer = typer.prompt(
                question, hide_input=True, default="", show_default=False, err=True
            )
    except (typer.Abort, GetPassWarning):
        typer.echo(err=True)
        raise UserError(no_input) from None
    return str(answer)


def ask(question: str, no_input: str, default: str = "") -> str:
    """Ask for a text; raise `UserError(no_input)` without input."""
    try:
        return str(typer.prompt(question, default=default, show_default=bool(default), err=True))
    except typer.Abort:
        typer.echo(err=True)
        raise UserError(no_input) from None


def is_confirmed(question: str, no_input: str, *, default: bool = False) -> bool:
    """Ask for a yes or a no; raise `UserError(no_input)` without input."""
    try:
        return typer.confirm(question, default=default, err=True)
    except typer.Abort:
        typer.echo(err=True)
        raise UserError(no_input) from None
