"""`connector adopt`."""

from collections import Counter
from typing import Annotated

import typer

from connector_cli.commands.common import ConnectionArgument, Json, stack_of
from connector_cli.commands.rehearsal import show_progress
from connector_cli.printing import print_json, print_line, print_table
from connector_cli.stack import OpenedStack
from ml_connector.domain.exception_codes.readable import coded_text
from ml_connector.exceptions import possible_duplicates
from ml_connector.rehearsal.adoption import Adoption, adopt_rehearsed
from ml_connector.user_errors import UserError

_WORDS = {
    "adopted": "linked",
    "linked_before": "linked before",
    "not_adopted": "not linked",
}


def adopt(
    context: typer.Context,
    connection: ConnectionArgument,
    orders: Annotated[
        list[str] | None,
        typer.Argument(metavar="ORDER...", help="Order ids or order numbers in Airbase."),
    ] = None,
    exact_number: Annotated[
        str | None, typer.Option(help="Order number in Exact, for one order.")
    ] = None,
    rehearsed: Annotated[
        str | None,
        typer.Option(
            metavar="MONTH", help="Adopt what the rehearsal of this month (or FROM..TO) has paired."
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All orders that the rehearsal has paired with certainty.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Link to orders already in Exact; they are not posted again.

    For an order with the exception POSSIBLE_DUPLICATE, or for those that `connector rehearse` has
    paired. Nothing is changed in Exact. Exit code 1 when an order could not be linked.
    """
    names = orders or []
    if rehearsed and exact_number is None and every != bool(names):
        _adopt_rehearsed(stack_of(context), connection, rehearsed, names, as_json=as_json)
    elif exact_number and len(names) == 1 and not rehearsed and not every:
        _adopt_one(stack_of(context), connection, names[0], exact_number, as_json=as_json)
    else:
        raise UserError(
            "pass one order with --exact-number, or --rehearsed MONTH with either orders or --all"
        )


_UNMAPPED = "What is not mapped is needed once Airbase changes the order."


def _why(done: Adoption) -> str:
    not_mapped = (f"Not mapped: {each.cause}" for each in done.unmapped)
    return "\n".join(filter(None, (done.why, ", ".join(done.codes), *not_mapped)))


def _adopt_one(
    stack: OpenedStack, connection: str, order: str, exact_number: str, *, as_json: bool
) -> None:
    done = possible_duplicates.adopt(stack, stack.actor, connection, order, exact_number)
    if as_json:
        print_json(done)
        return
    print_line(f"{done['title']} is now linked to Exact order {done['exact_number']}.")
    for each in done["exceptions"]:
        print_line(coded_text(each["code"], each["cause"]))
    if done["unmapped"]:
        print_line(_UNMAPPED)
    for each in done["unmapped"]:
        print_line(f"{each['record']}: {each['cause']} {each['remedy']}")


def _adopt_rehearsed(
    stack: OpenedStack, connection: str, period: str, names: list[str], *, as_json: bool
) -> None:
    done = adopt_rehearsed(stack, stack.actor, connection, period, names, show_progress)
    if as_json:
        print_json([each.as_dict() for each in done])
    else:
        columns = ("Order", "Exact order", "Division", "", "Why, or exceptions")
        rows = (
            (
                each.order.title, each.twin.number, each.twin.division, _WORDS[each.outcome],
                _why(each),
            )
            for each in done
        )  # fmt: skip
        print_table(columns, rows)
        counts = Counter(each.outcome for each in done)
        print_line(", ".join(f"{count:,} {_WORDS[outcome]}" for outcome, count in counts.items()))
        if any(each.outcome == "adopted" and each.unmapped for each in done):
            print_line(_UNMAPPED)
    if any(each.outcome == "not_adopted" for each in done):
        raise typer.Exit(1)
