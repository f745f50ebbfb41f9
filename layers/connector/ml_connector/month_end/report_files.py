"""Write a month's report: a list for a spreadsheet, HTML for printing."""

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from ml_connector.month_end.reconcile import MonthReport
from ml_connector.month_end.report_lines import CATEGORIES, CATEGORY_TITLES, ReportLine, Totals
from ml_connector.output_files import write_list
from ml_connector.printed_pages import table_row, write_page

COLUMNS = (
    "category", "division", "order", "title", "day", "vendor", "airbase_currency",
    "airbase_amount", "exact_number", "exact_currency", "exact_amount", "codes", "why", "until",
    "to_do", "differences",
)  # fmt: skip


def write_orders(report: MonthReport, path: Path) -> None:
    """Write one row for each order; raise `UserError` if the file cannot be written."""
    write_list(path, COLUMNS, (tuple(_cells(line)) for line in report.lines))


def write_html(report: MonthReport, path: Path) -> None:
    """Write a self-contained page; raise `UserError` if the file cannot be written."""
    name = report.connection.name or report.connection.id
    write_page(path, f"Purchase orders {report.month}: {name}", _page(report))


def differences_text(line: ReportLine) -> str:
    """Return the differences as one text."""
    return "; ".join(
        f"{each['where']}{', ' if each['where'] else ''}{each['field']}: "
        f"{each['expected'] or 'nothing'}, in Exact {each['found'] or 'nothing'}"
        for each in line.differences
    )


def _cells(line: ReportLine) -> Iterator[str]:
    values = line.as_dict()
    values |= {"codes": " ".join(line.codes), "differences": differences_text(line)}
    return ("" if values[name] is None else str(values[name]) for name in COLUMNS)


def _page(report: MonthReport) -> Iterator[str]:
    made = f"{report.made_at:%Y-%m-%d %H:%M} UTC by {report.made_by}"
    days = f"{report.month.first} to {report.month.last}, days in {report.month.zone}"
    yield f"<p>{escape(days)}. Made {escape(made)}.</p>"
    if not report.month.is_over:
        yield '<p class="warn">This month is not over: the figures are not final.</p>'
    for warning in warnings(report):
        yield f'<p class="warn">{escape(warning)}</p>'
    for totals in report.totals:
        if totals.is_all:
            yield from _totals(f"All divisions, {totals.currency or 'no currency'}", totals)
    for division in dict.fromkeys(line.division for line in report.lines):
        yield from _division(report, division)


def warnings(report: MonthReport) -> Iterator[str]:
    """Yield the reservations about the figures."""
    for division, at in report.read_at.items():
        if at is None:
            yield f"Exact's orders of division {division} were never read."
    if report.undated:
        names = ", ".join(each.title for each in report.undated)
        yield f"In no month, because Airbase gives no day: {names}."
    if report.unreadable_rows:
        yield f"Rows of Airbase's listing without an id: {report.unreadable_rows}."
    if report.unread:
        keys = ", ".join(each.key for each in report.unread)
        yield f"Not read, because a newer version of the connector has written them: {keys}."
    unknown = [line.title for line in report.lines if line.order and line.airbase is None]
    if unknown:
        yield f"Without a readable amount: {', '.join(unknown)}."


def _division(report: MonthReport, division: Any) -> Iterator[str]:
    settings = report.connection.division(division) if division else None
    name = f"{division} {settings.name if settings else ''}".strip()
    yield f"<h2>{escape(f'Division {name}' if division else 'No division')}</h2>"
    at = report.read_at.get(division)
    if at:
        yield f"<p>Exact's orders as read on {at:%Y-%m-%d %H:%M} UTC.</p>"
    for totals in report.totals:
        if not totals.is_all and totals.division == division:
            yield from _totals(totals.currency or "no currency", totals)
    lines = [line for line in report.lines if line.division == division]
    for category in CATEGORIES:
        in_category = [line for line in lines if line.category == category]
        if in_category:
            yield f"<h2>{escape(CATEGORY_TITLES[category])} ({len(in_category)})</h2>"
            yield from _orders(in_category)


def _totals(title: str, totals: Totals) -> Iterator[str]:
    yield f"<h2>{escape(title)}</h2><table><thead><tr><th></th>"
    yield '<th class="n">Orders</th><th class="n">Airbase</th><th class="n">Exact</th></tr></thead>'
    yield "<tbody>"
    for category in CATEGORIES:
        found = totals.by_category.get(category)
        if found:
            yield table_row(
                (CATEGORY_TITLES[category], found.orders, found.airbase, found.exact), numbers=3
            )
    total = ("Total", totals.airbase.orders, totals.airbase.airbase, totals.exact.exact)
    yield table_row(total, numbers=3, style="sum")
    yield "</tbody></table>"


def _orders(lines: list[ReportLine]) -> Iterator[str]:
    yield "<table><thead><tr><th>Order</th><th>Day</th><th>Vendor</th><th>Exact order</th>"
    yield '<th>Why</th><th class="n">Airbase</th><th class="n">Exact</th></tr></thead><tbody>'
    for line in lines:
        why = " ".join(filter(None, (" ".join(line.codes), line.why, differences_text(line))))
        day, number = line.day or "", line.exact_number
        cells = (line.title, day, line.vendor, number, why, line.airbase or "", line.exact or "")
        yield table_row(cells, numbers=2)
    yield "</tbody></table>"
