"""What a person asks for about a group of exceptions, and what came of it."""

import hashlib
import json
from typing import Any

from msgspec.structs import replace

from ml_connector import clock
from ml_connector.audit import trail_checks
from ml_connector.domain.console_access import Role
from ml_connector.domain.ids import ConnectionId, RecordKey
from ml_connector.domain.people import name_of, person_of
from ml_connector.domain.records import DeedFacts, DeedState
from ml_connector.infrastructure.connection_views import ConnectionView
from ml_connector.infrastructure.ledger import Record
from ml_connector.messages.kinds import DeedName, PersonDeed
from ml_connector.messages.sending import deed_message
from ml_connector.user_errors import UserError
from ml_console.console import Console
from ml_console.formats import deed_address
from ml_console.routes import group
from ml_console.routes.inbox import Card, find_card
from ml_console.view import page
from ml_console.visits import ForbiddenError, NotFoundError, Visit, connection_in
from ml_console.web import Answer, redirect
from ml_console.words import DEEDS

_LONGEST_REASON = 500
_SAID: dict[str, tuple[str, ...]] = {"dismiss": ("reason",), "comment": ("comment",),
                                     "assign": ("assignee",), "snooze": ("days",)}  # fmt: skip


def ask(console: Console, visit: Visit) -> Answer:
    """Have something done about a group, once however often the button is pressed."""
    form = visit.request.form
    try:
        card = find_card(console, visit)
    except NotFoundError:
        return _decided_meanwhile(console, visit)
    deed = next((each for each in DEEDS if each == form.get("deed")), None)
    for_all = form.get("scope") == "all"
    _require(visit, card, Role.APPROVER if for_all else Role.CLERK)
    said = _said(form, deed or "")
    exact = form.get("exact", "")[:100]
    if deed is None:
        return page("message.html", visit.texts, 400, message="bad_request", visit=visit)
    if deed in _SAID and not said:
        return group.show(console, visit, card, "words")
    if deed in {"decide", "adopt"} and not exact:
        return group.show(console, visit, card, "choice")
    key = _key(visit, form.get("once", ""), deed)
    _send(
        console,
        replace(
            _message(visit, card.connection.id, key, deed),
            group=card.group.id,
            records=visit.request.chosen or None,
            exact=exact or None,
            for_all=for_all,
            reason=said or None,
            divisions=card.matter.divisions,
        ),
    )
    return redirect(deed_address(card.connection.id, key))


def go_or_undo(console: Console, visit: Visit) -> Answer:
    """Let something act now that was asked for a moment ago, or take it back."""
    connection, key, record = _found(console, visit, visit.request.form)
    if record is None:
        return redirect(deed_address(connection.id, key))
    _require_role(visit, record.facts.divisions, Role.CLERK)
    deed: DeedName = "undo" if visit.request.path.endswith("undo") else "go"
    _send(console, _message(visit, connection.id, key, deed))
    return redirect(deed_address(connection.id, key))


def deed(console: Console, visit: Visit) -> Answer:
    """Show what became of something that was asked for."""
    connection, key, record = _found(console, visit, visit.request.query)
    facts = record.facts if record else None
    shown = [json.loads(each.shown) for each in facts.done if each.shown] if facts else []
    wait = (facts.acts_from - clock.now()).total_seconds() if facts and facts.acts_from else 0
    return page(
        "deed.html",
        visit.texts,
        visit=visit,
        connection=connection,
        key=key,
        facts=facts,
        state=record.state if record else "",
        by=name_of(facts.by) if facts else "",
        goes_on=[each for each in facts.done if not each.why] if facts else [],
        stays=[each for each in facts.done if each.why] if facts else [],
        shown=shown,
        wait=max(0, int(wait)) + 1,
        is_parked=record is not None and record.state == DeedState.PARKED,
        has_begun=record is not None and bool(record.receives or record.facts.done),
        goes_on_at=record.due_at if record else None,
        was_interrupted=record is not None and record.receives > 1,
    )


def _found(
    console: Console, visit: Visit, values: Any
) -> tuple[ConnectionView, RecordKey, Record[DeedFacts] | None]:
    """Return the deed that a call names; None while the worker has not stored it yet."""
    connection = console.connection(connection_in(values))
    key = RecordKey(f"deed#{str(values.get('deed', ''))[:32]}")
    record = console.ledger_of(connection).read(key)
    if not record.version:
        return connection, key, None
    if not visit.sees(record):
        raise NotFoundError
    return connection, key, record


def _require(visit: Visit, card: Card, role: Role) -> None:
    _require_role(visit, card.matter.divisions, role)


def _require_role(visit: Visit, divisions: tuple[str, ...], role: Role) -> None:
    found = visit.role_for(divisions)
    if found is None or found < role:
        raise ForbiddenError(role)


def _said(form: Any, deed: str) -> str:
    """Return the words that a deed needs: a reason, a comment, a name, a number of days."""
    text = " ".join(str(form.get(name, "")) for name in _SAID.get(deed, ()))
    said = " ".join(text.split())
    return said if len(said) <= _LONGEST_REASON else ""


def _key(visit: Visit, once: str, deed: str) -> RecordKey:
    """Return the key of a deed: the same for every press of the same button."""
    digest = hashlib.sha256(f"{visit.token} {once} {deed}".encode()).hexdigest()[:32]
    return RecordKey(f"deed#{digest}")


def _message(visit: Visit, id: ConnectionId, key: RecordKey, deed: DeedName) -> PersonDeed:
    person = visit.person
    return PersonDeed(
        connection=id,
        deed=deed,
        record=key,
        issuer=person.issuer,
        subject=person.subject,
        person=person.name,
    )


def _send(console: Console, body: PersonDeed) -> None:
    """Queue it once; only whether something acts by now may be asked again and again."""
    moment = f" {int(clock.epoch())}" if body.deed == "go" else ""
    console.queues.send(deed_message(body), f"{body.connection} {body.record} {body.deed}{moment}")


def _decided_meanwhile(console: Console, visit: Visit) -> Answer:
    """Say who has decided what the person still saw; raises `NotFoundError` for nothing."""
    form = visit.request.form
    first = visit.request.chosen[0] if visit.request.chosen else form.get("first", "")
    ledger, record = console.record(visit, {**form, "key": first})
    try:
        actors = [each.actor for each in trail_checks.of_record(ledger, record).entries]
    except UserError:
        actors = []
    people = [name_of(each) for each in actors if person_of(each)]
    who = people[-1] if people else ""
    return page("message.html", visit.texts, 409, message="decided_meanwhile", visit=visit, who=who)
