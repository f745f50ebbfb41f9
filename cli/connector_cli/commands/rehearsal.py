"""`connector rehearse`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from connector_cli.commands.common import ConnectionArgument, Json, stack_of
from connector_cli.printing import print_error, print_json, print_line, print_table
from ml_connector.domain.exception_codes.readable import coded_text
from ml_connector.domain.money import readable
from ml_connector.domain.words import counted
from ml_connector.lists.writing import check_list_path
from ml_connector.output.files import STANDARD_OUTPUT
from ml_connector.rehearsal.period import AskedDays
from ml_connector.rehearsal.rehearse import rehearse as rehearse_
from ml_connector.rehearsal.rehearsed_orders import VERDICT_TITLES, VERDICTS, RehearsedOrder
from ml_connector.rehearsal.report import (
    MOST_DECISIONS,
    Rehearsal,
    Sums,
    readable_sums,
    summary,
    sums,
)
from ml_connector.rehearsal.report_files import call_rows, write_html, write_orders
from ml_connector.user_errors import UserError

_EVERY = 25  # orders from one line of progress to the next


def rehearse(
    context: typer.Context,
    connection: ConnectionArgument,
    month: Annotated[str | None, typer.Option(help="A month, for example 2026-10.")] = None,
    first: Annotated[
        str | None, typer.Option("--from", help="The first day, for example 2026-10-01.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last day; default: today.")] = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Read Exact's orders again first.")
    ] = False,
    csv: Annotated[
        Path | None, typer.Option(help="Write all orders to this file, .csv or .xlsx.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a printable page to this file.")] = None,
    as_json: Json = False,
) -> None:
    """Decide the orders approved in a month as posting would, without posting anything.

    Exit code 1 when an order needs a person, or could not be decided.
    """
    if csv:
        check_list_path(csv)
    if html and not html.parent.is_dir():
        raise UserError(f"{html}: there is no folder {html.parent}")
    stack = stack_of(context)
    asked = AskedDays(month, first, last)
    found = rehearse_(
        stack, stack.actor, connection, asked, is_fresh=refresh, progress=show_progress
    )
    if csv:
        write_orders(found, csv)
    if html:
        write_html(found, html)
    if as_json:
        print_json(found.as_dict())
    elif STANDARD_OUTPUT not in {csv, html}:
        _print(found)
        for path in filter(None, (csv, html)):
            print_line(f"Written: {path}.")
    if found.has_findings:
        raise typer.Exit(1)


def show_progress(done: int, every: int) -> None:
    """Print from time to time how many orders are done, to standard error."""
    if done % _EVERY == 0 or done == every:
        print_error(f"{done:,} of {counted(every, 'order')}")


def _print(found: Rehearsal) -> None:
    waiting = [each for each in found.orders if each.verdict in _SHOWN]
    if waiting:
        print_table(("Order", "Division", "Total", "Verdict", "Why"), map(_row, waiting))
    title = f"{found.period} ({found.period.zone})"
    print_table(("Verdict", "Orders", "Total"), _verdicts(found), title)
    if decisions := found.decisions[:MOST_DECISIONS]:
        columns = ("Decide", "Needed by", "Frees", "Money freed")
        rows = (
            (
                f"{coded_text(d.code, d.cause)}\n{d.remedy}",
                d.needed_by,
                d.frees,
                _sums(d.freed_sums),
            )
            for d in decisions
        )
        print_table(columns, rows, "What frees the most orders, one after the other")
    if differences := found.typed_differences:
        shown = ((d.field, d.orders, "\n".join(d.examples)) for d in differences)
        print_table(("Field", "Orders", "For example"), shown, "Typed differently by hand")
    of_calls = ("Of", "Busiest day", "Orders", "Calls", "Calls then", "Allowed a day", "A minute")
    print_table(of_calls, call_rows(found), "Calls to Exact that posting would take")
    for line in summary(found):
        print_line(line)


_SHOWN = frozenset(VERDICTS) - {"posts", "linked", "nothing_to_do"}


def _row(order: RehearsedOrder) -> tuple[object, ...]:
    parts = [coded_text(each.code, each.cause) for each in order.needs]
    if twin := order.twin:
        sure = "" if twin.is_sure else "; another fits as well"
        parts = [f"Exact order {twin.number}, by {', '.join(twin.matched_by)}{sure}", *parts]
    if order.waits_for:
        parts.append(order.waits_for)
    title = VERDICT_TITLES[order.verdict]
    return order.title, order.division, readable(order.total), title, "\n".join(parts)


def _verdicts(found: Rehearsal) -> Iterator[tuple[object, ...]]:
    for verdict in VERDICTS:
        if orders := found.of_verdict(verdict):
            yield VERDICT_TITLES[verdict], len(orders), _sums(sums(orders))
    if found.only_in_exact:
        yield "Only in Exact", len(found.only_in_exact), ""


def _sums(amounts: Sums) -> str:
    return "\n".join(readable_sums(amounts))
