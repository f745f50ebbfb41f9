"""An order (or another record): what is open, what may be done, and its story."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ml_connector.audit import trail_checks
from ml_connector.domain.audit_chain import Entry
from ml_connector.domain.console_access import Role
from ml_connector.domain.open_groups import MOST_GROUPS, groups_of
from ml_connector.domain.people import name_of, person_of
from ml_connector.domain.records import OrderFacts
from ml_connector.domain.reports import BillsReport, OrderReport
from ml_connector.exceptions.open_rows import open_rows
from ml_connector.infrastructure.connection_views import RecordPages
from ml_connector.infrastructure.ledger import AnyRecord, Ledger
from ml_connector.messages.kinds import RequestName
from ml_connector.records import lookup as records
from ml_connector.user_errors import UserError
from ml_console.console import Console
from ml_console.routes import asking
from ml_console.routes.comparison import compared
from ml_console.view import page
from ml_console.visits import NotFoundError, Visit, divisions_of
from ml_console.web import Answer
from ml_console.words import state_in_words, step_in_words

_STEPS_SHOWN = 30
ORDER = "order#"
_RETRIED = ("order", "vendor", "event")


@dataclass(frozen=True)
class Step:
    """One step of the story."""

    at: str
    who: str
    what: str
    detail: Mapping[str, Any]


def record(console: Console, visit: Visit) -> Answer:
    """Show a record."""
    _, found = console.record(visit, visit.request.query)
    return show(console, visit, found)


def show(console: Console, visit: Visit, found: AnyRecord, missing: str | None = None) -> Answer:
    """Show a record; `missing`: the problem whose dismissal lacked a reason."""
    connection = console.connection(found.connection)
    ledger = console.ledger_of(connection)
    names = connection.names
    try:
        trail = trail_checks.of_record(ledger, found)
        entries, broken = trail.entries, trail.check.broken
    except UserError as error:
        entries, broken = [], str(error)
    order = records.order_facts(found)
    reports = asking.reports_of(console, connection)
    is_order = found.key.startswith(ORDER)
    approved = reports.read(found.key, OrderReport) if is_order else None
    held = console.held_in_exact(connection, order)
    return page(
        "record.html",
        visit.texts,
        200 if missing is None else 400,
        visit=visit,
        connection=connection,
        record=found,
        order=order,
        title=records.title(found),
        state=state_in_words(visit.texts, found.state),
        number=records.exact_number(found),
        elsewhere=list(_elsewhere(connection.pages, found, order)),
        places=[names.get(each, each) for each in divisions_of(found)],
        rows=list(_rows(ledger, found)),
        missing=missing,
        typed=visit.request.form.get("reason", ""),
        dismissed=_dismissed(found),
        steps=list(story_of(visit, entries)),
        entries=len(entries),
        broken=broken,
        may_decide=visit.may(Role.CLERK, found),
        may_retry=found.key.partition("#")[0] in _RETRIED,
        notice=_notice(visit, found),
        changed_by=next((name_of(e.actor) for e in reversed(entries) if person_of(e.actor)), ""),
        parts=compared(order, approved, held, visit.texts.locale),
        approved=approved,
        held=held,
        told=asking.notice(visit, reports),
        bills=reports.read(f"bills#{_order_id(found)}", BillsReport) if is_order else None,
        is_order=is_order,
        may_read=is_order and visit.may(Role.CLERK, found),
        new_id=asking.new_id,
    )


def _elsewhere(
    pages: RecordPages, found: AnyRecord, order: OrderFacts
) -> Iterator[tuple[str, str]]:
    """Yield each system that shows the record, and where, as far as settings tell."""
    kind, _, id = found.key.partition("#")
    airbase = exact = None
    if kind == "order":
        number = order.title or order.order  # the id of an order that has no number
        airbase = pages.order_in_airbase(id, "" if number == id else number)
    elif kind == "vendor":
        airbase = pages.vendor_in_airbase(id)
    if order.exact and order.division:
        number = records.exact_number(found)
        exact = pages.order_in_exact(order.division, order.exact.id, number)
    if airbase:
        yield "Airbase", airbase
    if exact:
        yield "Exact", exact


def _rows(ledger: Ledger, found: AnyRecord) -> Iterator[dict[str, Any]]:
    """Yield what is open, with its evidence and the group that it is in, if it is counted yet."""
    evidence = {each.digest: dict(each.evidence) for each in found.facts.all_problems}
    groups = groups_of(found.key, found.facts)
    known = {id: ledger.groups.get(id) for id in [*dict.fromkeys(groups.values())][:MOST_GROUPS]}
    for row in open_rows(found):
        group = known.get(groups[row["id"]]) if row["id"] in groups else None
        yield {**row, "evidence": evidence[row["id"]], "group": group}


def read(console: Console, visit: Visit) -> Answer:
    """Have the order read in Airbase, to be shown beside what was written."""
    return _ask(console, visit, "order")


def bills(console: Console, visit: Visit) -> Answer:
    """Have the bills of the order's vendor read in Airbase, for reference."""
    return _ask(console, visit, "bills")


def _ask(console: Console, visit: Visit, what: RequestName) -> Answer:
    ledger, found = console.record(visit, visit.request.form)
    visit.require(Role.CLERK, found)
    if not found.key.startswith(ORDER):
        raise NotFoundError
    connection = console.connection(ledger.id)
    values = {"order": _order_id(found)}
    return asking.ask(console, visit, connection, what, "/record", values, {"key": found.key})


def _order_id(found: AnyRecord) -> str:
    return found.key.removeprefix(ORDER)


def _notice(visit: Visit, found: AnyRecord) -> str:
    """Return what became of what was asked for a moment ago: the address says since when."""
    query = visit.request.query
    if query.get("asked") not in {"retry", "dismiss"}:
        return "changed" if "changed" in query else ""
    return "in_progress" if query.get("since") == str(found.version) else "answered"


def story_of(visit: Visit, entries: list[Entry]) -> Iterator[Step]:
    """Yield the last steps, or all that the address asks for; the latest first."""
    shown = entries if "all" in visit.request.query else entries[-_STEPS_SHOWN:]
    for entry in reversed(shown):
        what = step_in_words(visit.texts, entry)
        yield Step(entry.at, _who(visit, entry.actor), what, entry.detail)


def _who(visit: Visit, actor: str) -> str:
    """Return who acted; a function, which people do not know by its name, is the connector."""
    return visit.texts.say("the connector") if actor.isidentifier() else name_of(actor)


def _dismissed(found: AnyRecord) -> list[dict[str, Any]]:
    notes = found.facts.dismissed
    return [
        {"code": each.code, "cause": each.cause, "note": notes[each.digest],
         "by": name_of(notes[each.digest].by)}
        for each in found.facts.problems
        if each.digest in notes
    ]  # fmt: skip
