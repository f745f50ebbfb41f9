"""Who has access to the console, and why; set it up, and end sessions."""

import re
from collections.abc import Iterable, Sequence
from typing import TypedDict

from ml_connector import clock, telemetry
from ml_connector.connections.manage import record_step
from ml_connector.domain.console_access import AccessRules, Admin, Grant, Role
from ml_connector.domain.ids import Actor
from ml_connector.domain.records import Note
from ml_connector.infrastructure.console_rules import ConsoleRules
from ml_connector.infrastructure.console_sessions import ConsoleSessions, Session
from ml_connector.infrastructure.dynamodb import Table
from ml_connector.infrastructure.secret_store import CONSOLE_CLIENT, WHOLE_STACK, SecretStore
from ml_connector.secret import Secret
from ml_connector.settings.connection import Connection
from ml_connector.stack import Stack
from ml_connector.user_errors import UserError

SECRET_VARIABLE = "CONNECTOR_CONSOLE_CLIENT_SECRET"  # noqa: S105  its name
_LONGEST = 300
_GRANT = re.compile(r"([a-z]+)(?::([^=]+))?=(.+)")  # role, divisions, value


class GrantRow(TypedDict):
    """One grant: the role, the value of the claim, the divisions (none: all), who gave it, when."""

    role: str
    value: str
    divisions: list[str]
    by: str
    at: str


class AdminRow(TypedDict):
    """One administrator by subject: who named them, and when."""

    subject: str
    by: str
    at: str


class SessionRow(TypedDict):
    """One open session; `role` is None for somebody who has lost theirs."""

    name: str
    subject: str
    issuer: str
    role: str | None
    why: list[str]
    since: str
    seen: str


class AccessReport(TypedDict):
    """Who has access, and who is signed in."""

    admins: list[AdminRow]
    grants: list[GrantRow]
    sessions: list[SessionRow]


def store_client_secret(secret_store: SecretStore, secret: Secret) -> None:
    """Store the secret that the identity provider gave for the console."""
    telemetry.conceal(secret.reveal())
    if not secret.reveal().strip():
        raise UserError(f"give the client secret of the identity provider ({SECRET_VARIABLE})")
    value = {"client_secret": secret.reveal().strip()}
    secret_store.store(CONSOLE_CLIENT, WHOLE_STACK, value)


def configure(
    stack: Stack,
    actor: Actor,
    admins: Sequence[str] = (),
    no_admins: Sequence[str] = (),
    grants: Sequence[str] = (),
    no_grants: Sequence[str] = (),
) -> AccessRules:
    """Add and remove grants and administrators; return the rules as stored.

    `admins` and `no_admins` are subjects, `no_grants` values of the claim. A grant is written as
    `ROLE=VALUE` or `ROLE:DIVISION,DIVISION=VALUE`. Raises `UserError` for anything else.
    """
    note = Note("", actor, clock.now())
    known = _division_keys(stack.services.connections.all())
    added = [_grant(known, each, note) for each in grants]
    named = [Admin(_text(each), note) for each in admins]
    gone, left = {_text(each) for each in no_grants}, {_text(each) for each in no_admins}

    def change(rules: AccessRules) -> AccessRules:
        _refuse_unknown("grant for", gone, {each.value for each in rules.grants})
        _refuse_unknown("administrator", left, {each.subject for each in rules.admins})
        anew = {(each.value, each.divisions) for each in added}
        kept = [
            each
            for each in rules.grants
            if each.value not in gone and (each.value, each.divisions) not in anew
        ]
        again = left | {each.subject for each in named}
        admins = [each for each in rules.admins if each.subject not in again]
        return AccessRules((*kept, *added), (*admins, *named))

    changed = ConsoleRules(stack.tables.mappings).change(change)
    for connection in stack.services.connections.all():
        record_step(stack.ledger_of(actor, connection.id), "console_access_set", whole_stack=True)
    return changed


def access(stack: Stack) -> AccessReport:
    """Return who has access and why, and who is signed in."""
    rules = ConsoleRules(stack.tables.mappings).read()
    sessions = ConsoleSessions(stack.console_table).all()
    return {
        "admins": [
            AdminRow(subject=each.subject, by=each.note.by, at=each.note.at.isoformat())
            for each in rules.admins
        ],
        "grants": [
            GrantRow(
                role=each.role.word,
                value=each.value,
                divisions=list(each.divisions),
                by=each.note.by,
                at=each.note.at.isoformat(),
            )
            for each in rules.grants
        ],
        "sessions": [_session_row(rules, each) for each in sessions],
    }


def end_sessions(console: Table, subject: str | None = None) -> int:
    """End the sessions of a person, or all of them, in the console's own table; return how many."""
    return ConsoleSessions(console).end_all(subject)


def _session_row(rules: AccessRules, session: Session) -> SessionRow:
    found = rules.access_of(session.person.subject, session.values)
    return {
        "name": session.person.name,
        "subject": session.person.subject,
        "issuer": session.person.issuer,
        "role": found.role.word if found else None,
        "why": list(found.why) if found else [],
        "since": session.since.isoformat(),
        "seen": session.seen.isoformat(),
    }


def _grant(known: set[str], text: str, note: Note) -> Grant:
    found = _GRANT.fullmatch(text.strip())
    roles = {each.word: each for each in Role}
    if found is None or found[1] not in roles:
        raise UserError(
            f"{text!r} is not a grant: write it like reader=VALUE or clerk:nl.2101,nl.2102=VALUE "
            f"(roles: {', '.join(roles)})"
        )
    divisions = (found[2] or "").split(",") if found[2] else []
    keys = [_division(known, each.strip()) for each in divisions]
    return Grant(roles[found[1]], _text(found[3]), note, tuple(dict.fromkeys(keys)))


def _division_keys(connections: Iterable[Connection]) -> set[str]:
    return {one.division for each in connections for one in each.divisions}


def _division(known: set[str], key: str) -> str:
    if key not in known:
        raise UserError(
            f"no connection has a division {key!r}; there are: {', '.join(sorted(known))}"
        )
    return key


def _text(text: str) -> str:
    cleaned = text.strip()
    if not cleaned or len(cleaned) > _LONGEST or not cleaned.isprintable():
        raise UserError(f"{text[:40]!r} is neither a subject nor a value of a claim")
    return cleaned


def _refuse_unknown(what: str, asked: set[str], known: set[str]) -> None:
    if missing := sorted(asked - known):
        raise UserError(f"there is no {what} {missing[0]!r}; see `connector console access`")
