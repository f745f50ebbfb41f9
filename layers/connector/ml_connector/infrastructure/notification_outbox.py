"""The outbox: notifications of new exceptions and halts, until the sweep has sent them.

An item is written in the transaction that opens the exception, so a crash loses nothing and
announces nothing that was not written. Items have a key of their own in the ledger's table and are
removed once sent; without a channel they expire.
"""

import json
import secrets
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import islice
from typing import Literal, NamedTuple

from ml_connector import clock
from ml_connector.domain.exception_codes.said_texts import put_together, taken_apart
from ml_connector.domain.ids import ConnectionId, RecordKey
from ml_connector.domain.open_groups import divisions_of, groups_of
from ml_connector.domain.records import ConnectionFacts, Facts, OrderFacts
from ml_connector.infrastructure.compression import decompress, pack
from ml_connector.infrastructure.dynamodb import Item, Table

KEPT_FOR = timedelta(days=7)

Kind = Literal["exception", "halt", "lifted", "assigned"]
_OF_HALTS = frozenset({"halt", "lifted"})
_FIRST = "!"  # before any digit: however many exceptions wait, a halt is told first
_MAX_LENGTH, _LONGEST_CAUSE = 120, 400


class Notification(NamedTuple):
    """One exception that was opened or assigned, or one halt that began or was lifted.

    `name`, `vendor` and `total` are what people recognise the record by; `division` is the halted
    one, or that of the record; empty: the whole connection. `cause` and `remedy` are the
    exception's, `key` the record's, and `group` that of the exception in the console's inbox.
    """

    kind: Kind
    code: str
    name: str = ""
    vendor: str = ""
    total: str = ""
    division: str = ""
    remedy: str = ""
    assignee: str = ""
    cause: str = ""
    key: str = ""
    group: str = ""


class OutboxItem(NamedTuple):
    """The notifications of one write, stored under `key`."""

    key: str
    at: str
    notifications: tuple[Notification, ...]


class NotificationOutbox:
    """Reads and removes a connection's notifications in the ledger's table."""

    def __init__(self, ledger: Table, id: ConnectionId) -> None:
        """Read those of the connection `id` from the ledger's table."""
        self._table = ledger
        self._pk = _pk(id)

    def waiting(self, limit: int) -> list[OutboxItem]:
        """Return up to `limit` items: those of halts, then the others, the oldest first."""
        found = self._table.query(self._pk)
        return [_read(item) for item in islice(found, limit)]

    def remove(self, items: Iterable[OutboxItem]) -> None:
        """Remove what has been sent."""
        self._table.delete_all(self._pk, [each.key for each in items])


def outbox_item(
    connection: ConnectionId, key: RecordKey, before: Facts, after: Facts
) -> Item | None:
    """Return the item to write with this change of a record's facts; None without notifications."""
    found = [*_halts(before, after), *_opened(key, before, after), *_assigned(key, before, after)]
    if not found:
        return None
    now = clock.now()
    first = _FIRST if any(each.kind in _OF_HALTS for each in found) else ""
    return {
        "pk": _pk(connection),
        "sk": f"{first}{now.isoformat(timespec='microseconds')}#{secrets.token_hex(4)}",
        "news": _news(found),
        "expires_at": int((now + KEPT_FOR).timestamp()),
    }


def _news(found: Sequence[Notification]) -> str:
    """Return the text of all of them; of thousands that do not fit into an item, the first."""
    said = [{name: v for name, v in each._asdict().items() if v} for each in found]
    packed = pack(json.dumps([{"code": "", **each} for each in said], ensure_ascii=False))
    return _news(found[: len(found) // 2]) if packed.parts else packed.value


def _opened(key: RecordKey, before: Facts, after: Facts) -> list[Notification]:
    known = {(each.code, each.record) for each in before.problems}
    order = after if isinstance(after, OrderFacts) else OrderFacts()
    groups, division = groups_of(key, after), next(divisions_of(key, after), "")
    # `opened_at` includes exceptions that are hidden while their order is in progress.
    fresh = {
        (each.code, each.record): each
        for each in after.problems
        if each.digest not in before.opened_at
    }
    return [
        Notification(
            "exception",
            code,
            record[:_MAX_LENGTH],
            order.vendor[:_MAX_LENGTH],
            order.total,
            division,
            remedy=problem.remedy,
            cause=_shortened(code, problem.cause),
            key=key,
            group=groups.get(problem.digest, ""),
        )
        for (code, record), problem in fresh.items()
        if (code, record) not in known
    ]


def _shortened(code: str, cause: str) -> str:
    """Return a cause that is not too long; its values are cut, so that it can be translated."""
    if len(cause) <= _LONGEST_CAUSE:
        return cause
    if (found := taken_apart(code, cause)) is None:
        return cause[:_LONGEST_CAUSE]
    values = {name: each[:_MAX_LENGTH] for name, each in found.values.items()}
    return " ".join(put_together(each, values) for each in found.templates)


def _assigned(key: RecordKey, before: Facts, after: Facts) -> list[Notification]:
    """Return that somebody is to take care of a record: they are told by their name."""
    if not after.assignee or after.assignee == before.assignee or not after.open_problems:
        return []
    first = after.open_problems[0]
    order = after if isinstance(after, OrderFacts) else OrderFacts()
    return [
        Notification(
            "assigned",
            first.code,
            (after.title or first.record)[:_MAX_LENGTH],
            order.vendor[:_MAX_LENGTH],
            order.total,
            next(divisions_of(key, after), ""),
            remedy=first.remedy,
            assignee=after.assignee[:_MAX_LENGTH],
            key=key,
        )
    ]


def _halts(before: Facts, after: Facts) -> list[Notification]:
    if not isinstance(before, ConnectionFacts) or not isinstance(after, ConnectionFacts):
        return []
    begun = [
        Notification("halt", halt.code, division=where, remedy=halt.remedy)
        for where, halt in after.halts.items()
        if where not in before.halts or before.halts[where].code != halt.code
    ]
    lifted = [
        Notification("lifted", halt.code, division=where)
        for where, halt in before.halts.items()
        if where not in after.halts
    ]
    return begun + lifted


def _pk(connection: ConnectionId) -> str:
    return f"{connection}#news"


def _read(item: Item) -> OutboxItem:
    key = str(item["sk"])
    notifications = tuple(
        Notification(**each) for each in json.loads(decompress(str(item["news"])))
    )
    return OutboxItem(key, key.removeprefix(_FIRST).partition("#")[0], notifications)
