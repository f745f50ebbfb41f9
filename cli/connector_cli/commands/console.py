"""`connector console ...`: who has access to the finance console."""

import os
from typing import Annotated

import typer

from connector_cli.commands.common import SET_IT, Json, ask_secret, stack_of
from connector_cli.printing import print_json, print_line, print_table
from ml_connector.console_access import manage
from ml_connector.domain.words import counted, moment
from ml_connector.secret import Secret

app = typer.Typer(
    no_args_is_help=True, help="Say who has access to the finance console, and end sessions."
)

_Several = list[str] | None


@app.command()
def configure(
    context: typer.Context,
    admin: Annotated[
        _Several,
        typer.Option(metavar="SUBJECT", help="Make this subject an administrator; repeatable."),
    ] = None,
    no_admin: Annotated[
        _Several,
        typer.Option(
            metavar="SUBJECT", help="Make this subject an administrator no longer; repeatable."
        ),
    ] = None,
    grant: Annotated[
        _Several,
        typer.Option(
            metavar="ROLE=VALUE",
            help="Give a role (reader, clerk, approver, admin) to everybody with this value of the "
            "claim; clerk:nl.2101,nl.2102=VALUE: only for these divisions. Repeatable.",
        ),
    ] = None,
    no_grant: Annotated[
        _Several,
        typer.Option(metavar="VALUE", help="Take away what this value gives; repeatable."),
    ] = None,
    secret: Annotated[
        bool,
        typer.Option("--secret", help="Store the client secret from your identity provider."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Grant or withdraw access to the console; it takes effect with the next click.

    The secret comes from CONNECTOR_CONSOLE_CLIENT_SECRET or is asked for without being shown.
    """
    stack = stack_of(context)
    if secret:
        name = manage.SECRET_VARIABLE
        given = os.environ.get(name, "").strip() or ask_secret(
            "Client secret of the console (not shown)", f"{name} is not set; {SET_IT}"
        )
        manage.store_client_secret(stack.secret_store, Secret(given))
    changes = (admin or (), no_admin or (), grant or (), no_grant or ())
    if any(changes):
        manage.configure(stack, stack.actor, *changes)
    _print_access(manage.access(stack), as_json=as_json)


@app.command()
def access(context: typer.Context, as_json: Json = False) -> None:
    """List who has access and why, and who is signed in."""
    _print_access(manage.access(stack_of(context)), as_json=as_json)


@app.command("end-sessions")
def end_sessions(
    context: typer.Context,
    subject: Annotated[
        str | None,
        typer.Option(help="Only those of this subject; default: everybody is signed out."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Sign people out at once: they have to sign in again, if they still can."""
    ended = manage.end_sessions(stack_of(context).console_table, subject)
    if as_json:
        print_json({"ended": ended})
    else:
        print_line(f"{counted(ended, 'session')} ended.")


def _print_access(found: manage.AccessReport, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    granted = [
        *(("admin", f"subject {each['subject']}", "all", each) for each in found["admins"]),
        *(
            (each["role"], f"value {each['value']}", ", ".join(each["divisions"]) or "all", each)
            for each in found["grants"]
        ),
    ]
    if not granted:
        print_line("Nobody has access: use `connector console configure --admin SUBJECT`.")
    else:
        rows = ((*row, each["by"], moment(each["at"])) for *row, each in granted)
        print_table(("Role", "Because of", "Divisions", "Given by", "At"), rows, "Access")
    print_table(
        ("Name", "Subject", "Role", "Because of", "Signed in"),
        (
            (
                each["name"], each["subject"], each["role"] or "no longer any",
                ", ".join(each["why"]), moment(each["since"]),
            )
            for each in found["sessions"]
        ),
        "Signed in now",
    )  # fmt: skip
