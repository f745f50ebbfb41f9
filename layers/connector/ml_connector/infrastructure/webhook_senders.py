"""Whether each sender's webhook calls are accepted or refused, and since when.

One item for each connection and sender, in the inbox table. Its webhook function writes it at most
about once a minute for each outcome, however many calls there are: anybody may call.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ml_connector import clock
from ml_connector.domain.ids import AppId, ConnectionId, further_site_of
from ml_connector.infrastructure.dynamodb import Item, Table

_NOTED_EVERY = timedelta(minutes=1)
_MOST_REMEMBERED = 1000
_LONGEST_REASON = 200


@dataclass(frozen=True)
class WebhookSenderState:
    """A sender's last calls.

    `refusals` counts the minutes with refused calls since `refused_since`; zero once a call was
    accepted. `is_told`: people have an exception about it.
    """

    sender: str
    accepted_at: datetime | None = None
    refused_at: datetime | None = None
    reason: str = ""
    refused_since: datetime | None = None
    refusals: int = 0
    is_told: bool = False
    version: int = 0


def sender_name(sender: str, app: AppId) -> str:
    """Return what a sender is called: "exact", for a further site of a connection "exact.be"."""
    site = further_site_of(app)
    return f"{sender}.{site}" if site else sender


class WebhookSenders:
    """Stores how the calls of the senders of a connection fare."""

    def __init__(self, table: Table, id: ConnectionId) -> None:
        """Keep those of the connection `id` in `table`, the inbox."""
        self._table = table
        self._pk = f"{id}#senders"

    def all(self) -> list[WebhookSenderState]:
        """Return what is known of each sender that has called."""
        return [_read(item) for item in self._table.query(self._pk)]

    def note_accepted(self, sender: str) -> None:
        """Store that a call was accepted, unless that was stored within the minute."""
        known, now = self._known(sender), clock.now()
        if known.refusals or _is_past(known.accepted_at, now):
            self._store(replace(known, accepted_at=now, refused_since=None, refusals=0))

    def note_refused(self, sender: str, reason: str) -> None:
        """Store that a call was refused, and why, unless one was within the minute."""
        known, now = self._known(sender), clock.now()
        if _is_past(known.refused_at, now) or not known.refusals:
            since, refusals = known.refused_since or now, known.refusals + 1
            refused = replace(known, refused_at=now, refused_since=since, refusals=refusals)
            self._store(replace(refused, reason=reason[:_LONGEST_REASON]))

    def note_told(self, state: WebhookSenderState, *, is_told: bool) -> None:
        """Store whether people have an exception about it, unless it has changed meanwhile."""
        told: Item = {"is_told": is_told, "version": state.version + 1}
        self._table.change(self._pk, state.sender, state.version, told)

    def _known(self, sender: str) -> WebhookSenderState:
        item = self._table.get(self._pk, sender)
        return _read(item) if item else WebhookSenderState(sender)

    def _store(self, state: WebhookSenderState) -> None:
        """Store it; who comes second in the same moment says the same and is left out."""
        item = _item(self._pk, state)
        if state.version:
            self._table.replace(item, state.version)
        else:
            self._table.insert(item)


class RecentlyNoted:
    """What one process has noted within the last minute: most calls then read nothing."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._noted: dict[tuple[ConnectionId, bool], datetime] = {}

    def is_new(self, connection: ConnectionId, *, is_accepted: bool) -> bool:
        """Return whether to note this outcome now; it then counts as noted.

        One accepted call after a refused one is always noted.
        """
        now = clock.now()
        if not _is_past(self._noted.get((connection, is_accepted)), now):
            return False
        if not is_accepted:
            self._noted.pop((connection, True), None)
        while len(self._noted) >= _MOST_REMEMBERED:
            del self._noted[next(iter(self._noted))]
        self._noted[connection, is_accepted] = now
        return True


def _is_past(noted: datetime | None, now: datetime) -> bool:
    return noted is None or now - noted >= _NOTED_EVERY


def _item(pk: str, state: WebhookSenderState) -> Item:
    moments = {
        "accepted_at": state.accepted_at,
        "refused_at": state.refused_at,
        "refused_since": state.refused_since,
    }
    return {
        "pk": pk,
        "sk": state.sender,
        "version": state.version + 1,
        "reason": state.reason,
        "refusals": state.refusals,
        "is_told": state.is_told,
        **{name: moment.isoformat() for name, moment in moments.items() if moment},
    }


def _read(item: Item) -> WebhookSenderState:
    return WebhookSenderState(
        sender=str(item["sk"]),
        accepted_at=_moment(item, "accepted_at"),
        refused_at=_moment(item, "refused_at"),
        reason=str(item["reason"]),
        refused_since=_moment(item, "refused_since"),
        refusals=int(item["refusals"]),
        is_told=bool(item["is_told"]),
        version=int(item["version"]),
    )


def _moment(item: Item, name: str) -> datetime | None:
    return datetime.fromisoformat(str(item[name])) if name in item else None
