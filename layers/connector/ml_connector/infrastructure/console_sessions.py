"""Who is signed in to the console, in a table of its own that is never restored.

A session is found by the hash of a random text that only the browser has. A restore of the table
would bring ended sessions back; so nothing else is in it, and whoever restores data starts with an
empty one.
"""

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from ml_connector import clock
from ml_connector.domain.people import Person
from ml_connector.infrastructure.dynamodb import Item, Table
from ml_connector.secret import Secret

LONGEST, IDLE = timedelta(hours=8), timedelta(minutes=30)
"""How long a session lasts: at most, unless the stack says otherwise, and without a call."""

_PK = "sessions"
_BYTES = 32
_NOTED_EVERY = timedelta(minutes=1)


class Session(Struct, frozen=True):
    """A session: of whom, with which values of the claim, since when, and last used when.

    It `lasts` as long as the stack said when it began.
    """

    digest: str
    person: Person
    values: tuple[str, ...]
    since: datetime
    seen: datetime
    lasts: timedelta = LONGEST

    @property
    def is_over(self) -> bool:
        """Return whether it has lasted too long, or was not used for too long."""
        now = clock.now()
        return now >= self.since + self.lasts or now >= self.seen + IDLE


class ConsoleSessions:
    """Begins, finds and ends sessions."""

    def __init__(self, table: Table) -> None:
        """Keep them in the console's own table."""
        self._table = table

    def begin(self, person: Person, values: Sequence[str], lasts: timedelta = LONGEST) -> Secret:
        """Begin a session, over after `lasts`; return the text that the browser has to keep."""
        token, now = secrets.token_urlsafe(_BYTES), clock.now()
        self._put(Session(_digest(token), person, tuple(values), now, now, lasts))
        return Secret(token)

    def find(self, token: Secret) -> Session | None:
        """Return the session, or None when it is unknown or over; note now and then its use."""
        item = self._table.get(_PK, _digest(token.reveal()))
        session = _session(item) if item else None
        if session is None or session.is_over:
            return None
        if clock.now() - session.seen >= _NOTED_EVERY:
            session = msgspec.structs.replace(session, seen=clock.now())
            self._replace(session)
        return session

    def end(self, token: Secret) -> None:
        """End one; unknown is fine."""
        self._table.delete(_PK, _digest(token.reveal()))

    def all(self) -> Iterator[Session]:
        """Yield the sessions that are not over."""
        found = map(_session, self._table.query(_PK))
        return (each for each in found if not each.is_over)

    def end_all(self, subject: str | None = None) -> int:
        """End all sessions, or those of a person; return how many."""
        ended = [each for each in self.all() if subject in {None, each.person.subject}]
        self._table.delete_all(_PK, [each.digest for each in ended])
        return len(ended)

    def _put(self, session: Session) -> None:
        self._table.put(_item(session))

    def _replace(self, session: Session) -> None:
        """Note the last use, but never bring back a session that was ended meanwhile."""
        self._table.replace(_item(session), expected=1)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _item(session: Session) -> Item:
    return {
        "pk": _PK,
        "sk": session.digest,
        "session": msgspec.json.encode(session).decode(),
        "version": 1,  # it never grows: `replace` only asks whether the session is still there
        "expires_at": int((session.since + session.lasts).timestamp()),
    }


def _session(item: Item) -> Session:
    return msgspec.json.decode(str(item["session"]), type=Session)
