"""One call by a person who is signed in, and what they may see."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ml_connector import telemetry
from ml_connector.domain.console_access import Access, Role
from ml_connector.domain.ids import ConnectionId, RecordKey
from ml_connector.domain.open_groups import divisions_of as domain_divisions_of
from ml_connector.domain.people import Person
from ml_connector.infrastructure.ledger import AnyRecord, UnreadableRecord
from ml_connector.languages.texts import Texts
from ml_connector.secret import Secret
from ml_console.web import Request

SESSION_COOKIE = "__Host-console"
LANGUAGE_COOKIE = "__Host-language"


class NotFoundError(Exception):
    """There is no such page or record, or not for this person: both look alike."""


class ForbiddenError(Exception):
    """The person sees the record, but needs another role for this; `role` is the least."""

    def __init__(self, role: Role) -> None:
        """Keep the role."""
        super().__init__(role.word)
        self.role = role


@dataclass(frozen=True)
class Visit:
    """A call, by whom, and what they may do."""

    request: Request
    person: Person
    access: Access
    token: str
    """What a form has to bring back, besides the cookie."""
    texts: Texts
    session: Secret
    """What the browser's cookie says: whoever has it is the person."""

    def secret_of(self, purpose: str) -> Secret:
        """Return a text of 43 characters that this session alone can make, again and again."""
        key = self.session.reveal().encode()
        made = hmac.digest(key, f"secret of {purpose}".encode(), "sha256")
        text = base64.urlsafe_b64encode(made).decode().rstrip("=")
        telemetry.conceal(text)
        return Secret(text)

    def sees(self, record: AnyRecord | UnreadableRecord) -> bool:
        """Return whether the record exists for this person."""
        return self.access.role_for(divisions_of(record)) is not None

    def require(self, role: Role, record: AnyRecord) -> None:
        """Raise `NotFoundError` or `ForbiddenError` unless they have this role for the record."""
        found = self.access.role_for(divisions_of(record))
        if found is None:
            raise NotFoundError
        if found < role:
            raise ForbiddenError(role)

    def may(self, role: Role, record: AnyRecord) -> bool:
        """Return whether they have this role for the record."""
        found = self.access.role_for(divisions_of(record))
        return found is not None and found >= role

    def role_for(self, divisions: Iterable[str]) -> Role | None:
        """Return their role for what belongs to these divisions, None when they see nothing."""
        return self.access.role_for(divisions)

    def sees_division(self, division: str) -> bool:
        """Return whether they may see this division, by its key."""
        return self.access.role_for([division]) is not None

    def sees_divisions(self, divisions: Iterable[str]) -> bool:
        """Return whether they may see what belongs to these divisions; none: to all of them."""
        return self.access.role_for(divisions) is not None

    def number(self, name: str) -> int:
        """Return a number of the query, 0 for anything else."""
        text = self.request.query.get(name, "")
        return int(text) if text.isdecimal() and len(text) < 7 else 0


def divisions_of(record: AnyRecord | UnreadableRecord) -> list[str]:
    """Return the keys of the divisions that a record belongs to; none: to all of them."""
    return [*domain_divisions_of(record.key, getattr(record, "facts", None))]


def form_token(session: Secret) -> str:
    """Return the token of a session's forms: who only knows it cannot tell the session."""
    return hashlib.sha256(f"form {session.reveal()}".encode()).hexdigest()


def is_same(one: str, other: str) -> bool:
    """Compare two tokens in constant time."""
    return secrets.compare_digest(one.encode(), other.encode())


def connection_in(values: Any) -> ConnectionId:
    """Return which connection a query or form names; raises `NotFoundError` without one."""
    if not (of := str(values.get("of", ""))):
        raise NotFoundError
    return ConnectionId(of)


def connection_and_key(values: Any) -> tuple[ConnectionId, RecordKey]:
    """Return which record a query or a form names; raises `NotFoundError` when it names none."""
    of, key = connection_in(values), str(values.get("key", ""))
    if not key:
        raise NotFoundError
    return of, RecordKey(key)
