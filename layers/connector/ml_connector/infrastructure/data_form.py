"""Which form the stored data have: a number for the stack, and how far each connection has come.

The number grows with each migration step. Two numbers are stored for the stack: up to which form
data may have been written (`begun`), and up to which all connections were migrated (`done`). Code
that knows no form above `NEWEST` refuses to work on a stack where a later one was begun. The rows
are in the ledger's table, so a restore brings back data and number together.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ml_connector import __version__, clock
from ml_connector.domain.ids import Actor, ConnectionId
from ml_connector.infrastructure.dynamodb import Item, Put, Table, Write
from ml_connector.infrastructure.record_codec import NewerDataError

ORDER_NAMES = OPEN_INDEXED = 1
"""Since this form, every order is found by rows of `order_names`, and every open exception in the
index `open`."""
DIVISION_KEYS = 2
"""Since this form, every key and fact of a division names its Exact site."""
MAPPING_ROWS = 3
"""Since this form, a connection names the rows that hold its mappings."""
NEWEST = 3
"""The form in which this version writes data."""

_PK = "#form"  # no connection can have this id
_STACK = "stack"
_CONNECTION = "connection#"
_TRUSTED_FOR = 60.0


class StackForm(NamedTuple):
    """The form of a stack's data; `release` is the version of the code that began the last one."""

    begun: int = 0
    done: int = 0
    release: str = ""

    def refuse_newer(self) -> None:
        """Raise `NewerDataError` when data may have a form that this version does not know."""
        if self.begun > NEWEST:
            raise NewerDataError(
                f"the stack's data were written by version {self.release} (form {self.begun}); "
                f"this is version {__version__}, which knows form {NEWEST}: install version "
                f"{self.release} or a later one"
            )


class Progress(NamedTuple):
    """How far the migration of one connection has come.

    `step`: the one that was begun and not finished, 0 for none. `after`: the last key that it has
    dealt with, empty before its first; `changed`: how many changes it has made so far.
    """

    done: int = 0
    after: str = ""
    changed: int = 0
    step: int = 0


class DataForm:
    """Reads and writes the form of the stack's data in the ledger's table."""

    def __init__(self, ledger: Table) -> None:
        """Keep the form in the ledger's table."""
        self._table = ledger
        self._trusted_until = 0.0

    def of_stack(self) -> StackForm:
        """Return the form of the stack's data; 0 for a stack that never stored one."""
        item = self._table.get(_PK, _STACK) or {}
        return StackForm(
            int(item.get("begun", 0)), int(item.get("done", 0)), str(item.get("release", ""))
        )

    def refuse_newer(self) -> None:
        """Raise `NewerDataError` as `StackForm.refuse_newer` does; it reads once a minute."""
        if clock.epoch() < self._trusted_until:
            return
        self.of_stack().refuse_newer()
        self._trusted_until = clock.epoch() + _TRUSTED_FOR

    def of_connection(self, connection: ConnectionId) -> Progress:
        """Return how far the connection's migration has come."""
        item = self._table.get(_PK, f"{_CONNECTION}{connection}") or {}
        numbers = {name: int(item.get(name, 0)) for name in ("done", "changed", "step")}
        return Progress(**numbers, after=str(item.get("after", "")))

    def begin(self, by: Actor) -> None:
        """Record that data of the newest form may be written, before the first is."""
        self._store_stack(by, self.of_stack().done)

    def finish(self, by: Actor) -> None:
        """Record that all data have the newest form; that of a new stack have it at once."""
        self._store_stack(by, NEWEST)

    def note(self, connection: ConnectionId, progress: Progress) -> None:
        """Store how far the connection's migration has come."""
        self._table.put(_progress_item(connection, progress))

    def noting(self, connection: ConnectionId, progress: Progress) -> Write:
        """Return what `note` writes, for a transaction of the ledger's table."""
        return Put(self._table, _progress_item(connection, progress))

    def known(self) -> Iterator[ConnectionId]:
        """Yield the connections of which the ledger has records; reads the full table."""
        return (ConnectionId(pk) for pk in self._table.partitions("connection"))

    def _store_stack(self, by: Actor, done: int) -> None:
        item: Item = {
            "pk": _PK,
            "sk": _STACK,
            "begun": NEWEST,
            "done": done,
            "release": __version__,
            "by": by,
            "at": clock.now().isoformat(),
        }
        if self.of_stack() != StackForm(NEWEST, done, __version__):
            self._table.put(item)


def _progress_item(connection: ConnectionId, progress: Progress) -> Item:
    return {"pk": _PK, "sk": f"{_CONNECTION}{connection}", **progress._asdict()}
