"""Write a month's report: a list for a spreadsheet, HTML for printing."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import Any

from ml_connector.domain.exception_codes.difference_words import in_words
from ml_connector.domain.money import figure, readable
from ml_connector.domain.people import name_of
from ml_connector.domain.words import counted, moment, verb
from ml_connector.lists.writing import write_list
from ml_connector.month_end.reconcile import ReconciledMonth
from ml_connector.month_end.report_lines import (
    CATEGORIES,
    CATEGORY_TITLES,
    Category,
    ReportLine,
    Totals,
)
from ml_connector.output.printed_pages import columns_of, paragraph, table_row, write_page

COLUMNS = (
    "category", "division", "order", "title", "day", "vendor", "airbase_currency",
    "airbase_amount", "exact_number", "exact_currency", "exact_amount", "codes", "why", "until",
    "to_do", "differences",
)  # fmt: skip

_IN_TURN: tuple[Category, ...] = (
    "different", "missing", "waiting", "not_compared", "only_in_exact", "set_aside",
    "served_elsewhere", "equal",
)  # fmt: skip
"""The groups of a division on the page; possible duplicates stand above all divisions."""
_OPEN: tuple[Category, ...] = ("different", "missing", "waiting", "not_compared")
_WORDS: Mapping[Category, str] = {
    "different": "different in Exact",
    "missing": "missing here",
    "waiting": "not posted yet",
    "not_compared": "not compared",
}
_TO_DO: Mapping[Category, str] = {
    "different": "Make both sides equal, or dismiss the difference with a reason.",
    "possible_duplicate": "If both are one purchase, delete one of them in Exact.",
    "not_compared": "Make this report again, once Exact was read.",
    "waiting": "Nothing, if it is posted by itself in time; else see its exceptions.",
    "only_in_exact": "Nothing, if it was meant to be entered by hand.",
}
_WIDTHS = (11, 8, 13, 8, 24, 18, 9, 9)
_WIDTHS_OF_TOTALS = (64, 12, 12, 12)


def write_orders(report: ReconciledMonth, path: Path) -> None:
    """Write one row for each order; raise `UserError` if the file cannot be written."""
    write_list(path, COLUMNS, orders_table(report))


def orders_table(report: ReconciledMonth) -> list[tuple[str, ...]]:
    """Return the cells of each order, in the order of `COLUMNS`."""
    return [tuple(_cells(line)) for line in report.lines]


def write_html(report: ReconciledMonth, path: Path) -> None:
    """Write a self-contained page; raise `UserError` if the file cannot be written."""
    name = report.connection.name or report.connection.id
    write_page(path, f"Purchase orders {report.month}: {name}", _page(report))


def summary(report: ReconciledMonth) -> Iterator[str]:
    """Yield what a reader has to know first, in sentences."""
    counts = report.counts
    approved = sum(counts.values()) - counts["only_in_exact"] - counts["possible_duplicate"]
    equal = counts["equal"]
    yield (
        f"Airbase approved {counted(approved, 'order')} in {report.month}; "
        f"{equal} {verb(equal, 'is', 'are')} in Exact as approved."
    )
    for totals in report.totals:
        if totals.is_all and totals.currency:
            currency, ours, theirs = totals.currency, totals.airbase.airbase, totals.exact.exact
            rest = (
                "the same amount is in Exact."
                if ours == theirs
                else f"in Exact are {currency} {figure(theirs, currency)}, a difference of "
                f"{currency} {figure(theirs - ours, currency)}."
            )
            yield f"Approved are {currency} {figure(ours, currency)}; {rest}"
    if twins := counts["possible_duplicate"]:
        duplicates = verb(twins, "a duplicate", "duplicates")
        yield (
            f"{counted(twins, 'order')} in Exact may be {duplicates} of what was posted: check "
            "before anything is paid."
        )
    open_ = {each: counts[each] for each in _OPEN if counts[each]}
    if open_:
        parts = (f"{number:,} {_WORDS[category]}" for category, number in open_.items())
        total = sum(open_.values())
        need = f"{counted(total, 'order')} {verb(total, 'needs', 'need')} somebody"
        yield f"{need} before the month is closed: {', '.join(parts)}."
    elif not report.has_findings:
        yield "Nothing is left to do for this month."
    if set_aside := counts["set_aside"]:
        orders = f"{counted(set_aside, 'order')} {verb(set_aside, 'is', 'are')}"
        yield f"{orders} set aside by somebody's decision."


def figures_of(totals: Totals, airbase: Decimal, exact: Decimal) -> tuple[str, str]:
    """Return both sides' figures, with the decimals of their currency."""
    return figure(airbase, totals.currency), figure(exact, totals.currency)


def to_do(line: ReportLine) -> str:
    """Return what somebody has to do about an order; empty if nothing."""
    return line.to_do or _TO_DO.get(line.category, "")


def differences_text(line: ReportLine) -> str:
    """Return the differences as one text."""
    return "; ".join(map(in_words, line.differences))


def _cells(line: ReportLine) -> Iterator[str]:
    values = line.as_dict()
    values |= {"codes": " ".join(line.codes), "differences": differences_text(line)}
    return ("" if values[name] is None else str(values[name]) for name in COLUMNS)


def _page(report: ReconciledMonth) -> Iterator[str]:
    made = f"{moment(report.made_at)} by {name_of(report.made_by)}"
    days = f"{report.month.first} to {report.month.last}, days in {report.month.zone}"
    yield paragraph(f"{days}. Made {made}.")
    if not report.month.is_over:
        yield paragraph("This month is not over: the figures are not final.", "warn")
    for sentence in summary(report):
        yield paragraph(sentence)
    for warning in warnings(report):
        yield paragraph(warning, "warn")
    for totals in report.totals:
        if totals.is_all:
            yield from _totals(f"All divisions, {totals.currency or 'no currency'}", totals)
    twins = [line for line in report.lines if line.category == "possible_duplicate"]
    if twins:
        yield f"<h2>{CATEGORY_TITLES['possible_duplicate']} ({len(twins)})</h2>"
        yield paragraph("Somebody may receive and pay these twice: check them first.", "warn")
        yield from _orders(twins)
    for division in dict.fromkeys(line.division for line in report.lines):
        yield from _division(report, division)


def warnings(report: ReconciledMonth) -> Iterator[str]:
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


def _division(report: ReconciledMonth, division: Any) -> Iterator[str]:
    settings = report.connection.division(division) if division else None
    name = f"{division} {settings.name if settings else ''}".strip()
    yield f"<h2>{escape(f'Division {name}' if division else 'No division')}</h2>"
    at = report.read_at.get(division)
    if at:
        yield f"<p>Exact's orders as read on {moment(at)}.</p>"
    for totals in report.totals:
        if not totals.is_all and totals.division == division:
            yield from _totals(totals.currency or "no currency", totals)
    lines = [line for line in report.lines if line.division == division]
    for category in _IN_TURN:
        in_category = [line for line in lines if line.category == category]
        if in_category:
            yield f"<h2>{escape(CATEGORY_TITLES[category])} ({len(in_category)})</h2>"
            yield from _orders(in_category)


def _totals(title: str, totals: Totals) -> Iterator[str]:
    yield f"<h2>{escape(title)}</h2>{columns_of(_WIDTHS_OF_TOTALS)}<thead><tr><th></th>"
    yield '<th class="n">Orders</th><th class="n">Airbase</th><th class="n">Exact</th></tr></thead>'
    yield "<tbody>"
    for category in CATEGORIES:
        found = totals.by_category.get(category)
        if found:
            figures = found.orders, *figures_of(totals, found.airbase, found.exact)
            yield table_row((CATEGORY_TITLES[category], *figures), numbers=3)
    sums = figures_of(totals, totals.airbase.airbase, totals.exact.exact)
    yield table_row(("Total", totals.airbase.orders, *sums), numbers=3, style="sum")
    yield "</tbody></table>"


def _orders(lines: list[ReportLine]) -> Iterator[str]:
    yield f"{columns_of(_WIDTHS)}<thead><tr><th>Order</th><th>Day</th><th>Vendor</th>"
    yield "<th>Exact order</th><th>Why</th><th>To do</th>"
    yield '<th class="n">Airbase</th><th class="n">Exact</th></tr></thead><tbody>'
    for line in lines:
        why = " ".join(filter(None, (" ".join(line.codes), line.why, differences_text(line))))
        cells = (
            line.title, line.day or "", line.vendor, line.exact_number, why, to_do(line),
            readable(line.airbase), readable(line.exact),
        )  # fmt: skip
        yield table_row(cells, numbers=2)
    yield "</tbody></table>"
