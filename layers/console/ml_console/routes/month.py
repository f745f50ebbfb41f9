"""A month, reconciled: what Airbase approved, what Exact holds, and what to look into."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

from ml_connector import clock
from ml_connector.domain.reports import MonthReport, Obligation
from ml_console.console import Console
from ml_console.downloads import as_csv, as_text
from ml_console.formats import money, record_address
from ml_console.report_words import CATEGORIES
from ml_console.routes import asking
from ml_console.view import page
from ml_console.visits import NotFoundError, Visit
from ml_console.web import Answer

PATH = "/month"
_MONTHS = 13
_A_PAGE = 100
_LOOK_INTO = ("different", "possible_duplicate", "not_compared", "waiting", "missing")


class Figure(Struct, frozen=True):
    """One category of one currency: how many orders, and the amount on either side."""

    category: str
    orders: int
    airbase: str
    exact: str


class Sum(Struct, frozen=True):
    """A currency's figures in a division, or in all (`division` is empty)."""

    division: str
    currency: str
    figures: list[Figure]
    total: Figure


class Open(Struct, frozen=True):
    """What the orders of a division in one currency still oblige to."""

    division: str
    orders: int
    ordered: str
    received: str


class Line(Struct, frozen=True):
    """One order of the month."""

    category: str
    title: str
    address: str
    division: str
    day: str
    vendor: str
    airbase: str
    exact: str
    exact_number: str
    code: str
    why: str


def month(console: Console, visit: Visit) -> Answer:
    """Show the last report of a month."""
    on = asking.chosen(console, visit, visit.request.query)
    reports = asking.reports_of(console, on.connection)
    asked = _month(visit.request.query.get("month", ""))
    found = reports.read(f"month#{asked}", MonthReport)
    report = found.report if found else {}
    lines = [] if found is None else list(_lines(on, report))
    category = visit.request.query.get("category", "")
    shown = [
        each
        for each in lines
        if each.category == category or (not category and each.category in _LOOK_INTO)
    ]
    begin = visit.number("from")
    return page(
        "month.html",
        visit.texts,
        visit=visit,
        on=on,
        months=list(_months()),
        month=asked,
        found=found,
        report=report,
        sums=list(_sums(on, report)),
        open_now=list(_open(on, found.obligations if found else ())),
        counts={name: sum(each.category == name for each in lines) for name in CATEGORIES},
        category=category,
        lines=shown[begin : begin + _A_PAGE],
        number=len(shown),
        begin=begin,
        a_page=_A_PAGE,
        notice=asking.notice(visit, reports),
        categories=CATEGORIES,
        new_id=asking.new_id,
    )


def download(console: Console, visit: Visit) -> Answer:
    """Return the lines of the divisions that the person sees, as the command writes them."""
    on = asking.chosen(console, visit, visit.request.query)
    asked = _month(visit.request.query.get("month", ""))
    found = asking.reports_of(console, on.connection).read(f"month#{asked}", MonthReport)
    if found is None:
        raise NotFoundError
    seen, at = dict(on.divisions), found.columns.index("division")
    rows = [each for each in found.rows if on.sees_all or each[at] in seen]
    return as_csv(as_text([found.columns, *rows]), f"month-{on.connection.id}-{asked}.csv")


def read(console: Console, visit: Visit) -> Answer:
    """Have the month reconciled."""
    on = asking.chosen(console, visit, visit.request.form)
    asking.require_to_ask(on)
    asked = _month(visit.request.form.get("month", ""))
    keep = {"month": asked}
    return asking.ask(console, visit, on.connection, "month", PATH, keep, keep)


def _month(text: str) -> str:
    """Return the month that is asked for, else the current one."""
    return text if text in set(_months()) else next(_months())


def _months() -> Iterator[str]:
    """Yield the last months, the current one first."""
    now = clock.now().date()
    for back in range(_MONTHS):
        year, number = divmod(now.year * 12 + now.month - 1 - back, 12)
        yield f"{year:04d}-{number + 1:02d}"


def _sums(on: asking.Chosen, report: Mapping[str, Any]) -> Iterator[Sum]:
    names = dict(on.divisions)
    several = len(names) > 1
    for each in sorted(report.get("totals", ()), key=lambda each: not each["is_all"]):
        key, is_all = each["division"] or "", each["is_all"]
        if (is_all and on.sees_all and several) or (not is_all and key in names):
            figures = [
                _figure(name, found, each["currency"])
                for name, found in each["categories"].items()
                if found["orders"]
            ]
            total = Figure(
                "",
                sum(found["orders"] for found in each["categories"].values()),
                _money(each["currency"], each["airbase"]["amount"]),
                _money(each["currency"], each["exact"]["amount"]),
            )
            yield Sum("" if is_all else names[key], each["currency"], figures, total)


def _open(on: asking.Chosen, obligations: Iterable[Obligation]) -> Iterator[Open]:
    names = dict(on.divisions)
    for each in obligations:
        if each.division in names:
            ordered, received = (
                _money(each.currency, one) for one in (each.ordered, each.received)
            )
            yield Open(names[each.division], each.orders, ordered, received)


def _figure(name: str, found: Mapping[str, Any], currency: str) -> Figure:
    both = (_money(currency, found[side]) for side in ("airbase", "exact"))
    return Figure(name, found["orders"], *both)


def _lines(on: asking.Chosen, report: Mapping[str, Any]) -> Iterator[Line]:
    names = dict(on.divisions)
    for each in report.get("orders", ()):
        key = each["division"] or ""
        if key in names or (not key and on.sees_all):
            order = each["order"]
            yield Line(
                category=each["category"],
                title=each["title"],
                address=record_address(on.connection.id, f"order#{order}") if order else "",
                division=names.get(key, key),
                day=each["day"] or "",
                vendor=each["vendor"],
                airbase=_money(each["airbase_currency"], each["airbase_amount"]),
                exact=_money(each["exact_currency"], each["exact_amount"]),
                exact_number=each["exact_number"] or "",
                code=next(iter(each["codes"]), ""),
                why=each["why"],
            )


def _money(currency: str | None, amount: str | None) -> str:
    return money(currency, Decimal(amount)) if currency and amount else ""
