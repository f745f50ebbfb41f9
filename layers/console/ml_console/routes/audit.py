"""The audit trail: find a record by its name, see whether it is intact, take it along."""

from ml_connector.audit import trail_checks
from ml_connector.audit.record_rows import exported
from ml_connector.domain.console_access import Role
from ml_connector.domain.ids import RecordKey
from ml_connector.infrastructure.ledger import AnyRecord, Ledger
from ml_connector.infrastructure.record_codec import NewerDataError
from ml_connector.records.lookup import find_record
from ml_connector.user_errors import UserError
from ml_console.console import Console
from ml_console.formats import record_address
from ml_console.routes import asking
from ml_console.routes.record import story_of
from ml_console.view import page
from ml_console.visits import NotFoundError, Visit
from ml_console.web import Answer, BadRequestError, redirect

_LONGEST = 200


def audit(console: Console, visit: Visit) -> Answer:
    """Show the search, and one record's trail with its check."""
    on = asking.chosen(console, visit, visit.request.query)
    name = visit.request.query.get("name", "").strip()[:_LONGEST]
    ledger = console.ledger_of(on.connection)
    found = _find(ledger, visit, name) if name else None
    if found and found.key.startswith("order#") and "trail" not in visit.request.query:
        return redirect(record_address(on.connection.id, found.key))
    trail, broken = [], ""
    if found:
        try:
            checked = trail_checks.of_record(ledger, found)
            trail, broken = checked.entries, checked.check.broken or ""
        except UserError as error:
            broken = str(error)
    return page(
        "audit.html",
        visit.texts,
        visit=visit,
        on=on,
        name=name,
        record=found,
        broken=broken,
        entries=len(trail),
        steps=list(story_of(visit, trail)),
        told=asking.notice(visit, asking.reports_of(console, on.connection)),
        may_fetch=visit.access.everywhere is not None and visit.access.everywhere >= Role.CLERK,
        new_id=asking.new_id,
    )


def fetch(console: Console, visit: Visit) -> Answer:
    """Have an order fetched whose webhook never came; of a division that nobody knows yet."""
    on = asking.chosen(console, visit, visit.request.form)
    asking.require(visit, Role.CLERK, [])
    name = visit.request.form.get("name", "").strip()
    if not 0 < len(name) <= _LONGEST:
        raise BadRequestError
    back, values = {"name": name}, {"order": name}
    return asking.ask(console, visit, on.connection, "fetched", "/audit", values, back)


def download(console: Console, visit: Visit) -> Answer:
    """Return the trail of a record as the command exports it: anybody can verify it."""
    ledger, found = console.record(visit, visit.request.query)
    try:
        text = exported(ledger, found, visit.person.actor)
    except UserError:
        raise NotFoundError from None
    kept = "".join(c if c.isalnum() else "-" for c in found.key)
    headers = {
        "content-type": "application/jsonl; charset=utf-8",
        "content-disposition": f'attachment; filename="audit-{kept}.jsonl"',
    }
    return Answer(200, text, headers)


def _find(ledger: Ledger, visit: Visit, name: str) -> AnyRecord | None:
    """Return the record of this name, if the person sees it."""
    try:
        found = ledger.read(RecordKey(name)) if name in _KEYS else find_record(ledger, name)
    except (UserError, NewerDataError):
        return None
    return found if found.version and visit.sees(found) else None


_KEYS = ("connection",)
