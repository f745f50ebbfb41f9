"""Do what a person asked for on a page, and tell the page what came of it."""

import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, assert_never

from ml_connector.deeds.refusals import FAILED, REFUSALS, why
from ml_connector.deeds.reports import ReportMaker
from ml_connector.deeds.rules import link_check, require_seen
from ml_connector.deeds.worker_stack import WorkerStack
from ml_connector.domain.ids import Actor
from ml_connector.domain.people import Person
from ml_connector.domain.reports import Outcome
from ml_connector.infrastructure.decided_values import MappedValue
from ml_connector.infrastructure.kept_reports import KeptReports
from ml_connector.mapping.changes import MappingChange
from ml_connector.mapping.import_export import import_
from ml_connector.messages.kinds import PersonRequest
from ml_connector.services import StackServices
from ml_connector.telemetry import logger
from ml_connector.user_errors import UserError
from ml_connector.vendors.review import decide_by_name as vendors
from ml_connector.vendors.review.create_by_name import create
from ml_connector.vendors.review.decisions import LinkCheck

_MOST_CHANGES_SHOWN = 100
_UNFINISHED = (
    "It did not come to its end, and may have been done in part. Look at the page again; for long "
    "lists, use the command."
)


def answer(request: PersonRequest, services: StackServices) -> None:
    """Do it; what is not possible is told to the page. What was done already is not done again.

    A request is tried once: whoever asked looks at the page, and can ask again.
    """
    kept = KeptReports(services.tables.mappings, request.connection)
    if kept.outcome(request.id) is None:
        kept.note(request.id, _outcome(request, services))


def _outcome(request: PersonRequest, services: StackServices) -> Outcome:
    if request.receives:  # its worker was ended, at its time limit perhaps
        return _not_done(request, _UNFINISHED)
    actor = Person(request.issuer, request.subject, request.person).actor
    try:
        values = _do(WorkerStack(services), actor, request)
    except REFUSALS as error:
        logger().warning("a request was not done", request=request.request, cause=str(error))
        return _not_done(request, why(error))
    except Exception:  # noqa: BLE001  the page would wait for ever
        logger().exception("a request failed", request=request.request)
        return _not_done(request, FAILED)
    return Outcome(is_done=True, request=request.request, values=values)


def _not_done(request: PersonRequest, why: str) -> Outcome:
    return Outcome(is_done=False, request=request.request, values={"why": why})


def _do(stack: WorkerStack, actor: Actor, request: PersonRequest) -> Mapping[str, Any]:
    reports = ReportMaker(stack, actor, request.connection)
    match request.request:
        case "vendors":
            reports.vendors()
        case "mappings":
            reports.mappings()
        case "month":
            reports.month(request.values.get("month", ""))
        case "ping":
            reports.ping()
        case "order":
            reports.order(request.values.get("order", ""))
        case "mappings_imported":
            return _import(stack, actor, request, reports)
        case "vendor_accepted" | "vendor_linked" | "vendor_rejected" | "vendor_created":
            return _decide(stack, actor, request, reports)
        case _:
            assert_never(request.request)
    return {}


def _decide(
    stack: WorkerStack, actor: Actor, request: PersonRequest, reports: ReportMaker
) -> Mapping[str, Any]:
    """Decide in each division that is named; the vendors are read again afterwards."""
    values = request.values
    check = _check(stack, actor, request)
    vendor, supplier = values.get("vendor", ""), values.get("supplier", "")
    reason = values.get("reason", "")
    done: list[dict[str, Any]] = []
    try:
        for division in values.get("divisions", "").split():
            of = (stack, actor, request.connection, vendor)
            match request.request:
                case "vendor_accepted":
                    done.append(vendors.accept(*of, division, supplier, check=check))
                case "vendor_linked":
                    done.append(vendors.link(*of, supplier, reason, division, check=check))
                case "vendor_created":
                    done.append(create(*of, division))
                case _:
                    done.append(vendors.reject(*of, supplier, reason, division, check=check))
    finally:
        if done:
            _renew(reports.vendors)
    if not done:
        raise UserError("no division was named")
    linked = done[-1]["supplier"]
    orders = sum(len(each.get("orders", ())) for each in done)
    to = f"{linked['code']} {linked['name']}".strip()
    return {"vendor": done[-1]["name"], "supplier": to, "orders": orders}


def _check(stack: WorkerStack, actor: Actor, request: PersonRequest) -> LinkCheck:
    """Return what refuses to replace what somebody has linked since the page's list was read."""
    if not (seen := request.values.get("seen")):
        return lambda _: None  # an earlier version's page
    store_of = stack.services_of(request.connection).reference_store
    return link_check(store_of, actor, datetime.fromisoformat(seen))


def _import(
    stack: WorkerStack, actor: Actor, request: PersonRequest, reports: ReportMaker
) -> Mapping[str, Any]:
    text, is_dry = request.values.get("csv", ""), request.values.get("dry_run", "") == "1"
    before, ledger = request.values.get("before"), stack.ledger_of(actor, request.connection)

    def check(change: MappingChange) -> None:
        """Refuse to replace what the person has not seen: `before` is what the page showed."""
        if before is not None:
            value = (change.division, change.kind, change.airbase, change.before)
            require_seen(ledger, actor, before, MappedValue(*value))

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mappings.csv")
        path.write_text(text, encoding="utf-8")
        made = import_(stack, actor, request.connection, path, dry_run=is_dry, check=check)
    if not is_dry and made.changes:
        _renew(reports.mappings)
    return {
        "is_dry": is_dry,
        "number": len(made.changes),
        "queued": made.queued,
        "changes": [each.as_dict() for each in made.changes[:_MOST_CHANGES_SHOWN]],
        "csv": text if is_dry and made.changes else "",
    }


def _renew(report: Callable[[], None]) -> None:
    """Have the page show what was decided; it is decided even if that fails."""
    try:
        report()
    except REFUSALS as error:
        logger().warning("a report was not renewed", cause=str(error))
