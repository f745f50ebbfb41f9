"""`connector reconcile`."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from connector_cli.actions.closing.files import (
    differences_in_words,
    warnings,
    write_csv,
    write_html,
)
from connector_cli.actions.closing.lines import CATEGORIES, WORDS, Line, Totals
from connector_cli.actions.closing.reconciling import Report
from connector_cli.actions.closing.reconciling import reconcile as reconcile_
from connector_cli.commands.common import ConnectionArgument, Json, opened
from connector_cli.complaints import Complaint
from connector_cli.printing import say, say_json, say_table


def reconcile(
    context: typer.Context,
    connection: ConnectionArgument,
    month: Annotated[str, typer.Option(help="The month, such as 2026-10.")],
    csv: Annotated[Path | None, typer.Option(help="Write every order to this CSV file.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page to print to this file.")] = None,
    no_refresh: Annotated[
        bool, typer.Option("--no-refresh", help="Compare with what was read of Exact before.")
    ] = False,
    wait: Annotated[int, typer.Option(min=1, help="Seconds to wait for Exact to be read.")] = 180,
    as_json: Json = False,
) -> None:
    """Hold every approved Airbase order of a month against Exact; totals add up by currency.

    Ends with 1 when an order is different, missing or waiting.
    """
    for path in filter(None, (csv, html)):
        if not path.parent.is_dir():
            raise Complaint(f"{path}: there is no folder {path.parent}")
    at_most = timedelta(seconds=wait)
    report = reconcile_(opened(context), connection, month, is_fresh=not no_refresh, wait=at_most)
    if csv:
        write_csv(report, csv)
    if html:
        write_html(report, html)
    if as_json:
        say_json(report.as_dict())
    else:
        _say(report)
        for path in filter(None, (csv, html)):
            say(f"Written: {path}.")
    if report.has_findings:
        raise typer.Exit(1)


def _say(report: Report) -> None:
    shown = [line for line in report.lines if line.category != "equal"]
    columns = ("Division", "", "Order", "Airbase", "Exact", "Why")
    if shown:
        say_table(columns, map(_row, shown))
    title = f"{report.month} ({report.month.zone})"
    say_table(("Division", "Currency", "", "Orders", "Airbase", "Exact"), _sums(report), title)
    if not report.month.is_over:
        say("This month is not over: the figures are not final.")
    for warning in warnings(report):
        say(warning)
    for division, at in report.read_at.items():
        if at:
            say(f"Exact's orders of division {division} as read on {at:%Y-%m-%d %H:%M} UTC.")


def _row(line: Line) -> tuple[object, ...]:
    said = [*line.codes, line.why, differences_in_words(line)]
    exact = " ".join(filter(None, (line.exact_number, str(line.exact or ""))))
    words = "\n".join(filter(None, said))
    return line.division, WORDS[line.category], line.title, line.airbase or "", exact, words


def _sums(report: Report) -> Iterator[tuple[object, ...]]:
    for totals in report.totals:
        yield from _of(totals)


def _of(totals: Totals) -> Iterable[tuple[object, ...]]:
    division = "all" if totals.is_all else totals.division or "none"
    place = (division, totals.currency or "none")
    for category in CATEGORIES:
        if found := totals.by_category.get(category):
            yield (*place, WORDS[category], found.orders, found.airbase, found.exact)
    yield (*place, "Total", totals.airbase.orders, totals.airbase.airbase, totals.exact.exact)
