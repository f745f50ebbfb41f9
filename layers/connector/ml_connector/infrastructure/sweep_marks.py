"""When each connection has to be swept next, and what its last sweep found: one short item each.

They are in one partition of the coordination table, so that the dispatcher of every minute reads
all connections in a few pages, and nothing else of those that have nothing to do. A mark that is
lost or late delays what is due by `SWEPT_EVERY` at most.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct, field, json

from ml_connector import clock
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.dynamodb import Item, Table

SWEPT_EVERY = timedelta(minutes=10)
"""A connection is swept this often even if nothing is known to be due."""

_PK = "#sweeps"  # no connection's own id can be this
_SWEPT, _WORKED, _QUEUED = "swept#", "worked#", "queued#"
_KEPT = timedelta(days=30)
_PER_ITEM = 2000
_SKEW = timedelta(seconds=2)  # between the clocks of two workers


class Found(Struct, frozen=True):
    """What a sweep has found of a connection, for the figures of the whole stack.

    `oldest`: when the order arrived that waits longest, in ISO form; empty when none waits.
    """

    halts: int = 0
    waiting: int = 0
    exceptions: int = 0
    oldest: str = ""
    overdue: int = 0
    counted_at: datetime | None = None
    """When the overdue jobs were counted."""


class Swept(Struct, frozen=True):
    """The last sweep of a connection that came to its end.

    `number` counts them. `began` and `due` (the next sweep) are aware UTC.
    """

    number: int = 0
    began: datetime | None = None
    due: datetime | None = None
    found: Found = Found()


class Queued(Struct, frozen=True):
    """A sweep that was queued after this many had ended, and when."""

    number: int
    at: datetime


class Marks(Struct, frozen=True):
    """The marks of all connections, as read at one moment."""

    swept: Mapping[ConnectionId, Swept] = field(default_factory=dict)
    worked: Mapping[ConnectionId, datetime] = field(default_factory=dict)
    queued: Mapping[ConnectionId, Queued] = field(default_factory=dict)

    def due_since(self, id: ConnectionId) -> datetime | None:
        """Return since when a connection has to be swept; None while it has not."""
        swept, worked = self.swept.get(id), self.worked.get(id)
        if swept is None or swept.began is None or swept.due is None:
            return datetime.min.replace(tzinfo=clock.now().tzinfo)
        if worked and worked >= swept.began - _SKEW:
            return min(worked, swept.due)
        return swept.due if swept.due <= clock.now() else None

    def number(self, id: ConnectionId) -> int:
        """Return how many sweeps of a connection have come to their end."""
        return self.swept.get(id, Swept()).number

    def under_way_since(self, id: ConnectionId) -> datetime | None:
        """Return when a sweep was queued that has not ended since, if there is one."""
        queued = self.queued.get(id)
        return queued.at if queued and queued.number == self.number(id) else None


class SweepMarks:
    """Reads and writes the marks of all connections of a stack."""

    def __init__(self, coordination: Table) -> None:
        """Keep them in the coordination table."""
        self._table = coordination

    def all(self) -> Marks:
        """Return all marks, in one query."""
        swept: dict[ConnectionId, Swept] = {}
        worked: dict[ConnectionId, datetime] = {}
        queued: dict[ConnectionId, Queued] = {}
        for item in self._table.query(_PK):
            kind, _, name = str(item["sk"]).partition("#")
            body, id = str(item["body"]), ConnectionId(name)
            if f"{kind}#" == _SWEPT:
                swept[id] = json.decode(body, type=Swept)
            elif f"{kind}#" == _WORKED:
                worked[id] = datetime.fromisoformat(body)
            else:
                queued |= json.decode(body, type=dict[ConnectionId, Queued])
        return Marks(swept, worked, queued)

    def of(self, id: ConnectionId) -> Swept:
        """Return the last sweep of a connection that came to its end."""
        item = self._table.get(_PK, f"{_SWEPT}{id}")
        return json.decode(str(item["body"]), type=Swept) if item else Swept()

    def note_swept(self, id: ConnectionId, swept: Swept) -> None:
        """Store that a sweep has come to its end."""
        self._table.put(_item(f"{_SWEPT}{id}", json.encode(swept).decode()))

    def note_work(self, id: ConnectionId) -> None:
        """Have a connection swept in the next minute: something was done, more may be due.

        To be called after what was done.
        """
        self._table.put(_item(f"{_WORKED}{id}", clock.now().isoformat()))

    def note_queued(self, before: Marks, queued: Mapping[ConnectionId, Queued]) -> None:
        """Store which sweeps are under way: those that were queued and have not ended."""
        if queued == before.queued:
            return
        every = sorted(queued.items())
        for start in range(0, max(len(every), len(before.queued)), _PER_ITEM):
            part = json.encode(dict(every[start : start + _PER_ITEM])).decode()
            self._table.put(_item(f"{_QUEUED}{start // _PER_ITEM}", part))


def _item(sk: str, body: str) -> Item:
    expires = int((clock.now() + _KEPT).timestamp())
    return {"pk": _PK, "sk": sk, "body": body, "expires_at": expires}
