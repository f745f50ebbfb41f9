"""Requests about a connection: queued in a person's name, and answered on the page they came from.

The worker keeps what came of a request under its id; the address of the page has the id.
"""

import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct

from ml_connector.domain.console_access import Role
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.connection_views import ConnectionView
from ml_connector.infrastructure.kept_reports import KeptReports
from ml_connector.messages.kinds import PersonRequest, RequestName
from ml_connector.messages.sending import request_message
from ml_console.console import Console
from ml_console.refusal_texts import refusal_in_words
from ml_console.report_words import outcome_in_words
from ml_console.visits import ForbiddenError, NotFoundError, Visit
from ml_console.web import Answer, redirect

_ID = re.compile("[0-9a-f]{24}")


class Notice(Struct, frozen=True):
    """What became of what was asked for a moment ago; `kind`: in_progress, done or refused."""

    kind: str
    text: str = ""
    values: Mapping[str, Any] = {}


class Chosen(Struct, frozen=True):
    """The connection that a page is about, and all that the person may choose."""

    connection: ConnectionView
    every: tuple[ConnectionView, ...]
    divisions: tuple[tuple[str, str], ...]
    """Key and name of those that the person sees."""
    sees_all: bool
    may_ask: bool
    may_rule: bool
    """In any of the divisions: say what holds for all orders, as a mapping or a link does."""


def chosen(console: Console, visit: Visit, values: Mapping[str, str]) -> Chosen:
    """Return the connection that is named, else the first; raises `NotFoundError` without one."""
    every = tuple(each for each in console.connections() if _divisions(visit, each))
    named = values.get("of") or (every[0].id if every else "")
    found = next((each for each in every if each.id == named), None)
    if found is None:
        raise NotFoundError
    seen = _divisions(visit, found)
    role = max((visit.access.role_for([key]) or 0 for key, _ in seen), default=0)
    sees_all = visit.access.everywhere is not None or len(seen) == len(found.divisions)
    may_ask, may_rule = role >= Role.CLERK, role >= Role.APPROVER
    return Chosen(found, every, seen, sees_all, may_ask, may_rule)


def reports_of(console: Console, connection: ConnectionView) -> KeptReports:
    """Return what the worker has read for people."""
    return KeptReports(console.tables.mappings, connection.id)


def ask(
    console: Console,
    visit: Visit,
    connection: ConnectionView,
    request: RequestName,
    back: str,
    values: Mapping[str, str] | None = None,
    keep: Mapping[str, str] | None = None,
    id: str | None = None,
) -> Answer:
    """Queue a request once, however often the button is pressed, and show the page again.

    `back` is the path of the page, `keep` what else its address says, `id` that of the request, if
    it was needed before.
    """
    id = id or id_in(visit.request.form)
    person = visit.person
    message = request_message(
        PersonRequest(
            connection=ConnectionId(connection.id),
            request=request,
            id=id,
            issuer=person.issuer,
            subject=person.subject,
            person=person.name,
            values=values or {},
        )
    )
    console.queues.send(message, f"{connection.id} {person.subject} {id}")
    return redirect(f"{back}?{urlencode({'of': connection.id, **(keep or {}), 'asked': id})}")


def require(visit: Visit, role: Role, divisions: Iterable[str]) -> None:
    """Raise unless the person has the role in each of these divisions; none: in all there are."""
    for each in [[key] for key in divisions] or [[]]:
        found = visit.access.role_for(each)
        if found is None:
            raise NotFoundError
        if found < role:
            raise ForbiddenError(role)


def require_to_ask(on: Chosen) -> None:
    """Raise unless the person may have the connection read: a clerk in any of its divisions."""
    if not on.may_ask:
        raise ForbiddenError(Role.CLERK)


def notice(visit: Visit, reports: KeptReports) -> Notice | None:
    """Return what became of the request that the address names."""
    id = visit.request.query.get("asked", "")
    if not _ID.fullmatch(id):
        return None
    outcome = reports.outcome(id)
    if outcome is None:
        return Notice("in_progress")
    kind = "done" if outcome.is_done else "refused"
    said = outcome_in_words(visit.texts, outcome)
    if not outcome.is_done:
        said = refusal_in_words(visit.texts, said)
    elif refused := str(outcome.values.get("refused") or ""):
        why = refusal_in_words(visit.texts, refused)
        said = f"{said} {visit.texts.say('Not done for all: %(why)s', why=why)}"
    return Notice(kind, said, outcome.values)


def id_in(form: Mapping[str, str]) -> str:
    """Return the id that a form gives its request, or a new one."""
    id = form.get("id", "")
    return id if _ID.fullmatch(id) else new_id()


def new_id() -> str:
    """Return the id of a request that nobody has made."""
    return secrets.token_hex(12)


def _divisions(visit: Visit, connection: ConnectionView) -> tuple[tuple[str, str], ...]:
    return tuple(
        (each.division, each.name)
        for each in connection.divisions
        if visit.sees_division(each.division)
    )
