"""Mappings: what is not mapped first, with proposals; one at a time, or as CSV with a dry run."""

from collections.abc import Mapping
from typing import Any

from ml_connector.domain.console_access import Role
from ml_connector.domain.mapped_values import AUTOMATIC, MappingRow
from ml_connector.domain.reports import MappingsReport
from ml_console.console import Console
from ml_console.downloads import as_csv, as_text
from ml_console.routes import asking
from ml_console.view import page
from ml_console.visits import NotFoundError, Visit
from ml_console.web import Answer, redirect

PATH = "/mappings"
_COLUMNS = ("division", "kind", "airbase", "exact", "name")
_A_PAGE = 50
_LONGEST, _LONGEST_CSV = 300, 60_000


def mappings(console: Console, visit: Visit) -> Answer:
    """Show every value that is mapped or used, what stops orders first."""
    on = asking.chosen(console, visit, visit.request.query)
    reports = asking.reports_of(console, on.connection)
    report = reports.read("mappings", MappingsReport)
    seen = dict(on.divisions)
    rows = [each for each in report.rows if _is_seen(each, on)] if report else []
    stopping = [each for each in rows if each.stops_orders]
    others = [each for each in rows if not each.stops_orders]
    begin = visit.number("from")
    return page(
        "mappings.html",
        visit.texts,
        visit=visit,
        on=on,
        report=report,
        names=seen,
        stopping=stopping[:_A_PAGE],
        stopping_number=len(stopping),
        others=others[begin : begin + _A_PAGE],
        number=len(others),
        begin=begin,
        a_page=_A_PAGE,
        notice=asking.notice(visit, reports),
        may_map=on.may_rule,
        may_import=(visit.access.everywhere or 0) >= Role.APPROVER,
        new_id=asking.new_id,
    )


def download(console: Console, visit: Visit) -> Answer:
    """Return the mappings as the command exports them, of the divisions that the person sees."""
    on = asking.chosen(console, visit, visit.request.query)
    report = asking.reports_of(console, on.connection).read("mappings", MappingsReport)
    if report is None:
        raise NotFoundError
    rows = [
        (each.division or "", each.kind, each.airbase, each.exact, each.name or each.exact_name)
        for each in report.rows
        if each.state != AUTOMATIC and _is_seen(each, on)
    ]
    return as_csv(as_text([_COLUMNS, *rows]), f"mappings-{on.connection.id}.csv")


def read(console: Console, visit: Visit) -> Answer:
    """Have Airbase's values and Exact's reference data compared again."""
    on = asking.chosen(console, visit, visit.request.form)
    asking.require_to_ask(on)
    return asking.ask(console, visit, on.connection, "mappings", PATH)


def map_one(console: Console, visit: Visit) -> Answer:
    """Have one value mapped."""
    form = visit.request.form
    on = asking.chosen(console, visit, form)
    given: Mapping[str, Any] = {name: form.get(name, "").strip() for name in _COLUMNS[:4]}
    if any(len(each) > _LONGEST for each in given.values()) or not given["exact"]:
        return redirect(f"{PATH}?of={on.connection.id}&missing=1")
    asking.require(visit, Role.APPROVER, [given["division"]] if given["division"] else [])
    text = as_text([_COLUMNS[:4], list(given.values())])
    values = {"csv": text} | {name: form[name] for name in ("before",) if name in form}
    return asking.ask(console, visit, on.connection, "mappings_imported", PATH, values)


def import_(console: Console, visit: Visit) -> Answer:
    """Have a whole file checked, or its mappings changed."""
    form = visit.request.form
    on = asking.chosen(console, visit, form)
    asking.require(visit, Role.APPROVER, [])
    text = form.get("csv", "")
    if not text.strip() or len(text) > _LONGEST_CSV:
        return redirect(f"{PATH}?of={on.connection.id}&missing=1")
    dry_run = "" if form.get("change") == "1" else "1"
    return asking.ask(
        console, visit, on.connection, "mappings_imported", PATH, {"csv": text, "dry_run": dry_run}
    )


def _is_seen(row: MappingRow, on: asking.Chosen) -> bool:
    return row.division in dict(on.divisions) if row.division else on.sees_all
