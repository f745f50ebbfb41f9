"""Do what a person asked for on a page, and tell the page what came of it."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, assert_never

from ml_connector.deeds.consent import ask_for_consent
from ml_connector.deeds.refusals import FAILED, REFUSALS, why
from ml_connector.deeds.reports import ReportMaker
from ml_connector.deeds.rules import link_check, require_seen
from ml_connector.deeds.worker_stack import WorkerStack
from ml_connector.domain.ids import Actor, ConnectionId
from ml_connector.domain.people import Person
from ml_connector.domain.reports import DeedOutcome, VendorChoice, vendor_choice
from ml_connector.exceptions import retry
from ml_connector.infrastructure.decided_values import MappedValue
from ml_connector.infrastructure.kept_reports import KeptReports
from ml_connector.mapping.changes import MappingChange
from ml_connector.mapping.import_export import import_
from ml_connector.messages.kinds import PersonRequest
from ml_connector.purchase_orders import fetch_by_name
from ml_connector.services import StackServices
from ml_connector.telemetry import logger
from ml_connector.user_errors import UserError
from ml_connector.vendors.review import decide_by_name as vendors
from ml_connector.vendors.review.create_by_name import create
from ml_connector.vendors.review.decisions import LinkCheck

_Report = Literal["vendors", "mappings", "month", "ping", "order", "bills"]
_MOST_CHANGES_SHOWN = 100
_SAME_VENDOR = "the same vendor as the one for which the supplier was created"
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


def _outcome(request: PersonRequest, services: StackServices) -> DeedOutcome:
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
    return DeedOutcome(is_done=True, request=request.request, values=values)


def _not_done(request: PersonRequest, why: str) -> DeedOutcome:
    return DeedOutcome(is_done=False, request=request.request, values={"why": why})


def _do(stack: WorkerStack, actor: Actor, request: PersonRequest) -> Mapping[str, Any]:
    reports = ReportMaker(stack, actor, request.connection)
    match request.request:
        case "fetched":
            return _fetch(stack, actor, request)
        case "consent":
            return ask_for_consent(stack, actor, request.connection, request.values)
        case "mappings_imported":
            return _import(stack, actor, request, reports)
        case "vendor_accepted" | "vendor_linked" | "vendor_rejected" | "vendor_created":
            return _decide(stack, actor, request, reports)
        case _:
            _read(reports, request.request, request.values)
    return {}


def _read(reports: ReportMaker, name: _Report, values: Mapping[str, str]) -> None:
    """Have a page show what is read now."""
    match name:
        case "vendors":
            reports.vendors()
        case "mappings":
            reports.mappings()
        case "month":
            reports.month(values.get("month", ""))
        case "ping":
            reports.ping()
        case "order":
            reports.order(values.get("order", ""))
        case "bills":
            reports.bills(values.get("order", ""))
        case _:
            assert_never(name)


def _decide(
    stack: WorkerStack, actor: Actor, request: PersonRequest, reports: ReportMaker
) -> Mapping[str, Any]:
    """Decide about each vendor in each division that is named; the vendors are read again then.

    What is not possible for one is told, and done for the others.
    """
    made = _Decision(stack, actor, request, _check(stack, actor, request))
    try:
        for choice in _choices(request.values):
            for division in choice.divisions:
                made.take(choice.vendor, division)
    finally:
        if made.done:
            _renew(reports.vendors)
    return made.outcome()


def _choices(values: Mapping[str, str]) -> Iterator[VendorChoice]:
    lines = values.get("vendors", "").splitlines()
    if not lines:  # a page of an earlier version
        divisions = values.get("divisions", "").replace(" ", ",")
        lines = [f"{divisions} {values.get('vendor', '')}"]
    return map(vendor_choice, lines)


@dataclass
class _Decision:
    """One decision about vendors that a person takes for the same one, and what came of it."""

    stack: WorkerStack
    actor: Actor
    request: PersonRequest
    check: LinkCheck
    done: list[dict[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    created: dict[str, str] = field(default_factory=dict)
    """The supplier that was created, by division: the other vendors are linked to it."""

    def take(self, vendor: str, division: str) -> None:
        """Decide about a vendor in a division; keep why that is not possible."""
        try:
            self.done.append(self._decided(vendor, division))
        except REFUSALS as error:
            self.refused.append(why(error))

    def outcome(self) -> Mapping[str, Any]:
        """Return what the page tells; raises `UserError` when nothing was decided."""
        refused = " ".join(dict.fromkeys(self.refused))
        if not self.done:
            raise UserError(refused or "no division was named")
        linked = self.done[-1]["supplier"]
        return {
            "vendor": ", ".join(dict.fromkeys(each["name"] for each in self.done)),
            "supplier": f"{linked['code']} {linked['name']}".strip(),
            "orders": sum(len(each.get("orders", ())) for each in self.done),
            "refused": refused,
        }

    def _decided(self, vendor: str, division: str) -> dict[str, Any]:
        values, check = self.request.values, self.check
        of = (self.stack, self.actor, self.request.connection, vendor)
        supplier, reason = values.get("supplier", ""), values.get("reason", "")
        match self.request.request:
            case "vendor_accepted":
                return vendors.accept(*of, division, supplier, check=check)
            case "vendor_linked":
                return vendors.link(*of, supplier, reason, division, check=check)
            case "vendor_rejected":
                return vendors.reject(*of, supplier, reason, division, check=check)
            case _:
                return self._created(of, division)

    def _created(
        self, of: tuple[WorkerStack, Actor, ConnectionId, str], division: str
    ) -> dict[str, Any]:
        if made := self.created.get(division):
            return vendors.link(*of, made, _SAME_VENDOR, division, check=self.check)
        found = create(*of, division)
        self.created[division] = found["supplier"]["id"]
        return found


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


def _fetch(stack: WorkerStack, actor: Actor, request: PersonRequest) -> Mapping[str, Any]:
    """Queue an order of Airbase whose webhook never came; raises `UserError` if there is none."""
    name = request.values.get("order", "")
    id = fetch_by_name.id_of(stack.services_of(request.connection), name)
    retry.fetch(stack, actor, request.connection, id)
    return {"order": name}


def _renew(report: Callable[[], None]) -> None:
    """Have the page show what was decided; it is decided even if that fails."""
    try:
        report()
    except REFUSALS as error:
        logger().warning("a report was not renewed", cause=str(error))
