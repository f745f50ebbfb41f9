"""Mappings: what is not mapped first, with proposals; one at a time, or as CSV with a dry run."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ml_connector.domain.console_access import Role
from ml_connector.domain.reports import MappingCase, MappingsReport
from ml_connector.output_files import csv_line
from ml_console.console import Console
from ml_console.routes import asking
from ml_console.view import page
from ml_console.visits import NotFoundError, Visit
from ml_console.web import Answer, redirect

PATH = "/mappings"
_COLUMNS = ("division", "kind", "airbase", "exact", "name")
_STOPPING = ("unmapped", "unusable")
_A_PAGE = 50
_LONGEST, _LONGEST_CSV = 300, 60_000


def mappings(console: Console, visit: Visit) -> Answer:
    """Show every value that is mapped or used, what stops orders first."""
    on = asking.chosen(console, visit, visit.request.query)
    reports = asking.reports_of(console, on.connection)
    report = reports.read("mappings", MappingsReport)
    seen = dict(on.divisions)
    cases = [each for each in report.cases if _is_seen(each, on)] if report else []
    stopping = [each for each in cases if each.state in _STOPPING]
    others = [each for each in cases if each.state not in _STOPPING]
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
        may_map=on.may_ask,
        may_import=visit.access.everywhere is not None and visit.access.everywhere >= Role.CLERK,
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
        for each in report.cases
        if each.state != "automatic" and _is_seen(each, on)
    ]
    return as_csv(as_text([_COLUMNS, *rows]), f"mappings-{on.connection.id}.csv")


def read(console: Console, visit: Visit) -> Answer:
    """Have Airbase's values and Exact's reference data compared again."""
    on = asking.chosen(console, visit, visit.request.form)
    asking.require(visit, Role.CLERK, [key for key, _ in on.divisions][:1])
    return asking.ask(console, visit, on.connection, "mappings", PATH)


def map_one(console: Console, visit: Visit) -> Answer:
    """Have one value mapped."""
    form = visit.request.form
    on = asking.chosen(console, visit, form)
    given: Mapping[str, Any] = {name: form.get(name, "").strip() for name in _COLUMNS[:4]}
    if any(len(each) > _LONGEST for each in given.values()) or not given["exact"]:
        return redirect(f"{PATH}?of={on.connection.id}&missing=1")
    asking.require(visit, Role.CLERK, [given["division"]] if given["division"] else [])
    text = as_text([_COLUMNS[:4], list(given.values())])
    return asking.ask(console, visit, on.connection, "mappings_imported", PATH, {"csv": text})


def import_(console: Console, visit: Visit) -> Answer:
    """Have a whole file checked, or its mappings changed."""
    form = visit.request.form
    on = asking.chosen(console, visit, form)
    asking.require(visit, Role.CLERK, [])
    text = form.get("csv", "")
    if not text.strip() or len(text) > _LONGEST_CSV:
        return redirect(f"{PATH}?of={on.connection.id}&missing=1")
    dry_run = "" if form.get("change") == "1" else "1"
    return asking.ask(
        console, visit, on.connection, "mappings_imported", PATH, {"csv": text, "dry_run": dry_run}
    )


def as_csv(text: str, name: str) -> Answer:
    """Return a file to be saved."""
    named = "".join(c for c in name if c.isalnum() or c in "-_.")
    headers = {
        "content-type": "text/csv; charset=utf-8",
        "content-disposition": f'attachment; filename="{named}"',
    }
    return Answer(200, "\ufeff" + text, headers)


def _is_seen(case: MappingCase, on: asking.Chosen) -> bool:
    return case.division in dict(on.divisions) if case.division else on.sees_all


def as_text(rows: Iterable[Sequence[object]]) -> str:
    """Return the lines of a CSV file."""
    return "".join(map(csv_line, rows))
