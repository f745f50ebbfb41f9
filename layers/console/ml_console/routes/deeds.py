"""What a person asks for is queued for the posting worker, in their name."""

from ml_connector.domain.console_access import Role
from ml_connector.infrastructure.ledger import AnyRecord
from ml_connector.messages.kinds import DeedName, PersonDeed
from ml_connector.messages.sending import deed_message
from ml_console.console import Console
from ml_console.formats import record_address
from ml_console.routes.record import show
from ml_console.visits import Visit
from ml_console.web import Answer, redirect

_LONGEST_REASON = 500


def retry(console: Console, visit: Visit) -> Answer:
    """Have the record tried again."""
    found = _unchanged(console, visit)
    if isinstance(found, Answer):
        return found
    return _queue(console, visit, found, "retry")


def dismiss(console: Console, visit: Visit) -> Answer:
    """Have one exception dismissed, with a reason."""
    found = _unchanged(console, visit)
    if isinstance(found, Answer):
        return found
    reason = " ".join(visit.request.form.get("reason", "").split())
    problem = visit.request.form.get("problem", "")
    if not reason or len(reason) > _LONGEST_REASON:
        return show(console, visit, found, problem)
    return _queue(console, visit, found, "dismiss", problem, reason)


def _unchanged(console: Console, visit: Visit) -> AnyRecord | Answer:
    """Return the record, if it still is what the person saw; else the way back to it."""
    form = visit.request.form
    _, found = console.record(visit, form)
    visit.require(Role.CLERK, found)
    if form.get("version") != str(found.version):
        return redirect(record_address(found.connection, found.key, changed="1"))
    return found


def _queue(
    console: Console,
    visit: Visit,
    record: AnyRecord,
    deed: DeedName,
    problem: str | None = None,
    reason: str | None = None,
) -> Answer:
    """Queue it once, however often the button is pressed, and show the record again."""
    person = visit.person
    message = deed_message(
        PersonDeed(
            connection=record.connection,
            deed=deed,
            record=record.key,
            issuer=person.issuer,
            subject=person.subject,
            person=person.name,
            problem=problem,
            reason=reason,
        )
    )
    once = f"{record.connection} {record.key} {record.version} {deed} {problem or ''}"
    console.queues.send(message, once)
    since = str(record.version)
    return redirect(record_address(record.connection, record.key, asked=deed, since=since))
