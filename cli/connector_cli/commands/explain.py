"""`connector explain`."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from connector_cli.commands.common import ConnectionArgument, Json, stack_of
from connector_cli.printing import print_json, print_line, print_table
from ml_connector.audit.as_of import Explained, explain_record, was
from ml_connector.domain.exception_codes.readable import coded_text
from ml_connector.domain.money import readable
from ml_connector.domain.words import instant, moment
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
    then = _read_moment(as_of) if as_of else None
    found = explain_record(stack_of(context).known_ledger(connection), record, then)
    if as_json:
        print_json(found.as_dict())
    else:
        _print(found)
    if found.check.broken:
        raise typer.Exit(1)


def _read_moment(text: str) -> datetime:
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
        title += f", as of {instant(found.as_of)}"
    rows = (
        (
            instant(each.at),
            each.actor,
            "\n  ".join([each.sentence, *each.evidence]),
        )
        for each in found.decisions
    )
    print_table(("At", "Who", "Decision, and its evidence"), rows, title)
    if found.facts:
        for name, text in _facts(was(found.facts)):
            print_line(f"  {name.replace('_', ' ')}: {text}")
    if found.link:
        print_line(f"Link of the vendor then: {found.link}")
    if found.later:
        later = ((instant(each.at), each.actor, each.what) for each in found.later)
        print_table(("At", "Who", "Changed since"), later)
    if found.check.broken:
        print_line(f"The audit trail is broken: {found.check.broken}.")


def _facts(shown: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield name and text of what is known; the amount in Exact is in the order's currency."""
    currency = str(shown.get("total") or "").partition(" ")[0]
    for name, value in shown.items():
        if name == "exact_amount" and value:
            yield name, readable(f"{currency} {value}".strip())
        elif name == "total" and value:
            yield name, readable(str(value))
        elif name == "set_aside" and value:
            yield name, f"{value['reason']} ({value['by']}, {moment(value['at'])})"
        elif value:
            yield name, _shown(value)


def _shown(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(coded_text(each["code"], each["cause"]) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return str(value)
