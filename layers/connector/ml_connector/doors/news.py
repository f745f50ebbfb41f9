"""What people are still to be told: exceptions and halts that were not there before.

A row is written in the very transaction that opens the exception, so nothing is lost in a crash
and nothing is announced that was not written. Rows lie under a key of their own, beside the
connection's records, and are removed once they have been told. Those that nobody fetches (no
channel is configured) expire.
"""

import json
import secrets
from collections.abc import Iterable, Mapping
from datetime import timedelta
from itertools import islice
from typing import Any, Literal, NamedTuple

from ml_connector import clock
from ml_connector.doors.table import Item, Table
from ml_connector.ids import ConnectionId
from ml_connector.open_exceptions import digest

KEPT_FOR = timedelta(days=7)

Kind = Literal["exception", "halt", "lifted"]
_SHORT = 120


class News(NamedTuple):
    """One exception that was opened, or one halt that began or was lifted.

    `name`, `vendor` and `total` are what people recognise the record by; `division` is what a
    halt stops, empty for the whole connection. `remedy` is the exception's own.
    """

    kind: Kind
    code: str
    name: str = ""
    vendor: str = ""
    total: str = ""
    division: str = ""
    remedy: str = ""


class Row(NamedTuple):
    """The news of one write: `key` is where they lie."""

    key: str
    at: str
    news: tuple[News, ...]


class NewsDesk:
    """Reads and removes the news of a connection, from the ledger's table."""

    def __init__(self, ledger: Table) -> None:
        """Read from the ledger's table."""
        self._table = ledger

    def waiting(self, connection: ConnectionId, most: int) -> list[Row]:
        """Return up to `most` rows, the oldest first."""
        found = self._table.query(_pk(connection))
        return [_read(item) for item in islice(found, most)]

    def remove(self, connection: ConnectionId, rows: Iterable[Row]) -> None:
        """Forget what has been told."""
        self._table.delete_all(_pk(connection), [each.key for each in rows])


def row(
    connection: ConnectionId, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Item | None:
    """Return the item to write with a record whose facts change so; None without any news."""
    found = [*_opened(before, after), *_halts(before, after)]
    if not found:
        return None
    now = clock.now()
    return {
        "pk": _pk(connection),
        "sk": f"{now.isoformat(timespec='microseconds')}#{secrets.token_hex(4)}",
        "news": json.dumps([each._asdict() for each in found], ensure_ascii=False),
        "expires_at": int((now + KEPT_FOR).timestamp()),
    }


def _opened(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[News]:
    dated = before.get("opened_at") or {}  # also of what only hides while its order is on its way
    known = {_mark(problem) for problem in before.get("problems") or ()}
    fresh = {
        _mark(problem): problem
        for problem in after.get("problems") or ()
        if digest(problem) not in dated
    }
    return [
        News(
            "exception",
            mark[0],
            mark[1][:_SHORT],
            str(after.get("vendor") or "")[:_SHORT],
            str(after.get("total") or ""),
            remedy=str(problem.get("remedy", "")),
        )
        for mark, problem in fresh.items()
        if mark not in known
    ]


def _halts(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[News]:
    old, new = before.get("halts") or {}, after.get("halts") or {}
    begun = [
        News("halt", problem["code"], division=where, remedy=str(problem.get("remedy", "")))
        for where, problem in new.items()
        if old.get(where, {}).get("code") != problem["code"]
    ]
    lifted = [
        News("lifted", problem["code"], division=where)
        for where, problem in old.items()
        if where not in new
    ]
    return begun + lifted


def _mark(problem: Mapping[str, Any]) -> tuple[str, str]:
    """Return what makes two problems the same one, however their details change."""
    return str(problem["code"]), str(problem.get("record", ""))


def _pk(connection: ConnectionId) -> str:
    return f"{connection}#news"


def _read(item: Item) -> Row:
    key = str(item["sk"])
    news = tuple(News(**each) for each in json.loads(str(item["news"])))
    return Row(key, key.partition("#")[0], news)
