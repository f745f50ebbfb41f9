"""What all verbs share: the stack, the JSON option, and questions to a person."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from getpass import GetPassWarning
from pathlib import Path
from typing import Annotated

import typer

from connector_cli.options import Options
from connector_cli.stack import OpenedStack, open_stack
from connector_cli.target import local_target, remote_target
from ml_connector.user_errors import UserError

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Csv = Annotated[
    Path | None,
    typer.Option(
        "--csv", help="Write the list to this file, .csv or .xlsx; -: to standard output, as CSV."
    ),
]
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
        return open_stack(local_target())
    return open_stack(remote_target(options.stack, options.region))


class NoInputError(UserError):
    """A person has to answer, and there is none."""


def is_at_terminal() -> bool:
    """Return whether a person types the answers, and can be asked again."""
    return sys.stdin.isatty()


@contextmanager
def _asking(no_input: str) -> Iterator[None]:
    """Raise `NoInputError(no_input)` at the end of input, `KeyboardInterrupt` for Ctrl-C.

    The library raises one error for both.
    """
    try:
        yield
    except (typer.Abort, GetPassWarning) as error:
        typer.echo(err=True)
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise NoInputError(no_input) from None


def ask_secret(question: str, no_input: str) -> str:
    """Ask for a secret without showing it; raise `NoInputError(no_input)` without a terminal."""
    with _asking(no_input), warnings.catch_warnings():
        # A terminal that would show the secret is treated as no terminal.
        warnings.simplefilter("error", GetPassWarning)
        answer = typer.prompt(question, hide_input=True, default="", show_default=False, err=True)
    return str(answer)


def ask(question: str, no_input: str, default: str = "") -> str:
    """Ask for a text; raise `NoInputError(no_input)` without input."""
    with _asking(no_input):
        return str(typer.prompt(question, default=default, show_default=bool(default), err=True))


def is_confirmed(question: str, no_input: str, *, default: bool = False) -> bool:
    """Ask for a yes or a no; raise `NoInputError(no_input)` without input."""
    with _asking(no_input):
        return typer.confirm(question, default=default, err=True)
