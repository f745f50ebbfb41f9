"""Do what a person asked for, through the functions of the command, in the person's name."""

from ml_connector.deeds import groups
from ml_connector.deeds.refusals import REFUSALS, why
from ml_connector.deeds.worker_stack import WorkerStack
from ml_connector.domain.ids import Actor
from ml_connector.domain.people import Person
from ml_connector.exceptions.decisions import dismiss
from ml_connector.exceptions.retry import retry
from ml_connector.infrastructure.ledger import AnyRecord, Ledger, despite_conflicts
from ml_connector.infrastructure.record_codec import NewerDataError
from ml_connector.messages.kinds import PersonDeed
from ml_connector.services import StackServices
from ml_connector.stack import RecordStack
from ml_connector.telemetry import logger
from ml_connector.user_errors import UserError

_DEEDS = "deed#"


def do(deed: PersonDeed, services: StackServices) -> None:
    """Do it; what is not possible any more is told in the record's audit trail."""
    try:
        _do_readable(deed, WorkerStack(services))
    except NewerDataError as error:  # its page says so, and that version goes on with a deed
        why = str(error)
        logger().warning("a deed was not done", record=deed.record, deed=deed.deed, cause=why)


def _do_readable(deed: PersonDeed, stack: WorkerStack) -> None:
    actor = Person(deed.issuer, deed.subject, deed.person).actor
    if deed.record.startswith(_DEEDS):
        groups.handle(stack, actor, deed)
        return
    ledger = stack.ledger_of(actor, deed.connection)
    record = ledger.read(deed.record)
    if not record.version:
        logger().warning("a deed names a record that there is not", connection=ledger.id)
        return
    if _is_done(record, deed, actor):
        return
    try:
        _do(stack, actor, deed)
    except REFUSALS as error:
        _note_refusal(ledger, deed, why(error))


def _do(stack: RecordStack, actor: Actor, deed: PersonDeed) -> None:
    match deed.deed:
        case "retry":
            retry(stack, actor, deed.connection, deed.record)
        case "dismiss":
            digest = deed.problem or ""
            dismiss(stack, actor, deed.connection, deed.record, deed.reason or "", digest=digest)
        case _:
            raise UserError(f"{deed.deed} is asked for about a group of exceptions")


def _is_done(record: AnyRecord, deed: PersonDeed, actor: Actor) -> bool:
    """Return whether this person has dismissed it already: the message was delivered again."""
    note = record.facts.dismissed.get(deed.problem or "")
    return deed.deed == "dismiss" and note is not None and note.by == actor


def _note_refusal(ledger: Ledger, deed: PersonDeed, why: str) -> None:
    """Tell in the trail what was asked for, and why it was not done."""
    logger().warning("a deed was not done", connection=ledger.id, deed=deed.deed, cause=why)

    detail = {"deed": deed.deed, "why": why}

    def write() -> None:
        ledger.write(ledger.read(deed.record), "deed_refused", detail=detail)

    despite_conflicts(write)
