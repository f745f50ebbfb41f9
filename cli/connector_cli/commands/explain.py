"""`connector explain`."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from connector_cli.commands.common import ConnectionArgument, Json, stack_of
from connector_cli.printing import print_json, print_line, print_table
from ml_connector.audit.as_of import Explained, explain_record, was
from ml_connector.user_errors import UserError


def explain(
    context: typer.Context,
    connection: ConnectionArgument,
    record: Annotated[
        str,
        typer.Argument(
            metavar="RECORD", help="Order id, order number, number in Exact, or record key."
        ),
    ],
    as_of: Annotated[
        str | None,
        typer.Option(metavar="MOMENT", help="As it was then, for example 2026-11-02T09:00Z."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Explain why a record is as it is: each decision, with its evidence, who and when.

    Exit code 1 when its audit trail was changed.
    """
    moment = _moment(as_of) if as_of else None
    found = explain_record(stack_of(context).known_ledger(connection), record, moment)
    if as_json:
        print_json(found.as_dict())
    else:
        _print(found)
    if found.check.broken:
        raise typer.Exit(1)


def _moment(text: str) -> datetime:
    """Read a moment; one without a zone is in UTC."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UserError(
            f"--as-of {text!r} is not a moment: write it like 2026-11-02T09:00Z"
        ) from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _print(found: Explained) -> None:
    title = found.title
    if found.as_of:
        title += f", as of {found.as_of:%Y-%m-%d %H:%M:%S} UTC"
    rows = (
        (each.at[:19], each.actor, "\n  ".join([each.sentence, *each.evidence]))
        for each in found.decisions
    )
    print_table(("At (UTC)", "Who", "Decision, and its evidence"), rows, title)
    if found.facts:
        for name, value in was(found.facts).items():
            if value:
                print_line(f"  {name.replace('_', ' ')}: {_shown(value)}")
    if found.link:
        print_line(f"Link of the vendor then: {found.link}")
    if found.later:
        later = ((each.at[:19], each.actor, each.what) for each in found.later)
        print_table(("At (UTC)", "Who", "Changed since"), later)
    if found.check.broken:
        print_line(f"The audit trail is broken: {found.check.broken}.")


def _shown(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(f"{each['code']}: {each['cause']}" for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return str(value)
