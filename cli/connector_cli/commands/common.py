"""What all verbs share: the stack that is meant, the JSON option, hidden questions."""

import warnings
from dataclasses import dataclass
from getpass import GetPassWarning
from typing import Annotated

import typer

from connector_cli.complaints import Complaint
from connector_cli.stack import Stack, open_stack
from connector_cli.target import local_target, remote_target

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
ConnectionArgument = Annotated[
    str, typer.Argument(metavar="CONNECTION", help="The connection's id.")
]


@dataclass(frozen=True)
class Options:
    """The options before the verb."""

    stack: str | None = None
    region: str | None = None
    local: bool = False


def opened(context: typer.Context) -> Stack:
    """Return the stack that the options mean."""
    options: Options = context.obj
    if options.local:
        return open_stack(local_target())
    return open_stack(remote_target(options.stack, options.region))


def ask_hidden(what: str, otherwise: str) -> str:
    """Ask for a secret without showing it; raises `Complaint(otherwise)` if nobody is there."""
    try:
        with warnings.catch_warnings():
            # A terminal that would show the secret is as good as none.
            warnings.simplefilter("error", GetPassWarning)
            answer = typer.prompt(what, hide_input=True, default="", show_default=False, err=True)
    except (typer.Abort, GetPassWarning):
        typer.echo(err=True)
        raise Complaint(otherwise) from None
    return str(answer)


def ask(what: str, otherwise: str, default: str = "") -> str:
    """Ask for a text; raises `Complaint(otherwise)` if nobody is there."""
    try:
        return str(typer.prompt(what, default=default, show_default=bool(default), err=True))
    except typer.Abort:
        typer.echo(err=True)
        raise Complaint(otherwise) from None


def is_confirmed(question: str, otherwise: str, *, default: bool = False) -> bool:
    """Ask for a yes or a no; raises `Complaint(otherwise)` if nobody is there."""
    try:
        return typer.confirm(question, default=default, err=True)
    except typer.Abort:
        typer.echo(err=True)
        raise Complaint(otherwise) from None
