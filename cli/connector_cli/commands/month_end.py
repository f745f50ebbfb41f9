"""`connector reconcile`."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from connector_cli.commands.common import ConnectionArgument, Json, stack_of
from connector_cli.printing import print_json, print_line, print_table
from ml_connector.domain.money import readable
from ml_connector.domain.words import moment
from ml_connector.month_end.reconcile import ReconciledMonth
from ml_connector.month_end.reconcile import reconcile as reconcile_
from ml_connector.month_end.report_files import (
    differences_text,
    figures_of,
    summary,
    to_do,
    warnings,
    write_html,
    write_orders,
)
from ml_connector.month_end.report_lines import CATEGORIES, CATEGORY_TITLES, ReportLine, Totals
from ml_connector.output.files import STANDARD_OUTPUT
from ml_connector.user_errors import UserError


def reconcile(
    context: typer.Context,
    connection: ConnectionArgument,
    month: Annotated[str, typer.Option(help="The month, for example 2026-10.")],
    csv: Annotated[
        Path | None, typer.Option(help="Write all orders to this file, .csv or .xlsx.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a printable page to this file.")] = None,
    no_refresh: Annotated[
        bool, typer.Option("--no-refresh", help="Use Exact's data as last read.")
    ] = False,
    wait: Annotated[int, typer.Option(min=1, help="Seconds to wait for Exact's data.")] = 180,
    as_json: Json = False,
) -> None:
    """Compare a month's approved orders with Exact, with totals by currency.

    Exit code 1 when an order is different, missing, waiting or not compared.
    """
    for path in filter(None, (csv, html)):
        if not path.parent.is_dir():
            raise UserError(f"{path}: there is no folder {path.parent}")
    stack = stack_of(context)
    report = reconcile_(
        stack, stack.actor, connection, month, is_fresh=not no_refresh, wait=timedelta(seconds=wait)
    )
    if csv:
        write_orders(report, csv)
    if html:
        write_html(report, html)
    if as_json:
        print_json(report.as_dict())
    elif STANDARD_OUTPUT not in {csv, html}:
        _print(report)
        for path in filter(None, (csv, html)):
            print_line(f"Written: {path}.")
    if report.has_findings:
        raise typer.Exit(1)


def _print(report: ReconciledMonth) -> None:
    shown = [line for line in report.lines if line.category != "equal"]
    columns = ("Division", "Category", "Order", "Airbase", "Exact", "Why")
    if shown:
        print_table(columns, map(_row, shown))
    title = f"{report.month} ({report.month.zone})"
    print_table(
        ("Division", "Currency", "Category", "Orders", "Airbase", "Exact"), _totals(report), title
    )
    for sentence in summary(report):
        print_line(sentence)
    if not report.month.is_over:
        print_line("This month is not over: the figures are not final.")
    for warning in warnings(report):
        print_line(warning)
    for division, at in report.read_at.items():
        if at:
            print_line(f"Exact's orders of division {division} were read on {moment(at)}.")


def _row(line: ReportLine) -> tuple[object, ...]:
    parts = [*line.codes, line.why, differences_text(line)]
    exact = " ".join(filter(None, (line.exact_number, readable(line.exact))))
    words = "\n".join(filter(None, (*parts, f"To do: {to_do(line)}" if to_do(line) else "")))
    return (
        line.division,
        CATEGORY_TITLES[line.category],
        line.title,
        readable(line.airbase),
        exact,
        words,
    )


def _totals(report: ReconciledMonth) -> Iterator[tuple[object, ...]]:
    for totals in report.totals:
        yield from _total_rows(totals)


def _total_rows(totals: Totals) -> Iterable[tuple[object, ...]]:
    division = "all" if totals.is_all else totals.division or "none"
    first = (division, totals.currency or "none")
    for category in CATEGORIES:
        if found := totals.by_category.get(category):
            figures = figures_of(totals, found.airbase, found.exact)
            yield (*first, CATEGORY_TITLES[category], found.orders, *figures)
    sums = figures_of(totals, totals.airbase.airbase, totals.exact.exact)
    yield (*first, "Total", totals.airbase.orders, *sums)
