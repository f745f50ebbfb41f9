"""Counts what the workers in memory ask of AWS: calls, and the units that DynamoDB charges for.

The bench and the tests measure with it, so that a figure comes from the code that runs.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from math import ceil
from typing import Any, NamedTuple

from local.in_memory.rights import acting
from local.in_memory.stack import InMemoryQueues, QueuedMessage
from local.in_memory.tables import InMemorySecretStore, InMemoryTable
from local.sam_template import SamTemplate
from ml_connector import clock
from ml_connector.infrastructure.dynamodb import Item, item_size

_READ_UNIT, _WRITE_UNIT, _PAGE = 4096, 1024, 1024**2
_OF_A_BATCH = 10
_SECRET_CACHED = 300.0
"""Seconds for which the real secret store remembers what is no token."""

_READS = ("get", "get_many", "get_each", "query", "between", "page", "query_index", "partitions")
_WRITES = (
    "insert", "put", "put_all", "replace", "change", "transact", "delete", "delete_all", "add",
    "join", "leave", "raise_to",
)  # fmt: skip
_EVENTUAL = {"page", "query_index", "partitions"}
_CACHED_SECRETS, _OTHER_SECRETS = ("app", "airbase_key"), ("tokens", "slack_url", "seal_tokens")


class Call(NamedTuple):
    """A call: of a table, a queue or of Secrets Manager, and what DynamoDB charges for it.

    `by`: the role that made it, empty outside a function; `at`: epoch seconds. A transaction may be
    of several `tables`.
    """

    service: str
    name: str
    operation: str
    items: int = 1
    reads: float = 0
    writes: float = 0
    by: str = ""
    at: float = 0
    tables: tuple[str, ...] = ()


@dataclass
class Meter:
    """The calls that were made, in order.

    `secrets`: when the processes that are measured have last read what they remember for a while.
    """

    calls: list[Call] = field(default_factory=list)
    secrets: dict[tuple[str, str], float] = field(default_factory=dict)
    _depth: int = 0
    _stored: list[tuple[str, Item | None, Item | None]] = field(default_factory=list)

    def of(self, service: str) -> list[Call]:
        """Return the calls of a service: `table`, `queue` or `secret`."""
        return [call for call in self.calls if call.service == service]

    @property
    def reads(self) -> float:
        """Return the read units."""
        return sum(call.reads for call in self.calls)

    @property
    def writes(self) -> float:
        """Return the write units, those of indexes included."""
        return sum(call.writes for call in self.calls)

    @contextmanager
    def running(self) -> Iterator["Meter"]:
        """Count within a `with` block."""
        found: dict[tuple[type, str], Callable[[str, Callable[..., Any]], Any]] = {
            **{(InMemoryTable, name): self._reading for name in _READS},
            **{(InMemoryTable, name): self._writing for name in _WRITES},
            **{(InMemoryTable, name): self._storing for name in ("store", "remove")},
            **{(InMemorySecretStore, name): self._secret for name in _CACHED_SECRETS},
            **{(InMemorySecretStore, name): self._secret for name in _OTHER_SECRETS},
            (InMemoryQueues, "send"): self._sending,
            (InMemoryQueues, "send_all"): self._sending_all,
            (InMemoryQueues, "deliver"): self._delivering,
        }
        real = {each: getattr(*each) for each in found if hasattr(*each)}
        try:
            for (owner, name), call in real.items():
                setattr(owner, name, found[owner, name](name, call))
            yield self
        finally:
            for (owner, name), call in real.items():
                setattr(owner, name, call)

    def _reading(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def read(table: InMemoryTable, *args: Any, **more: Any) -> Any:
            if name in _BY_KEYS and name != "get":
                args = (*args[:-1], list(args[-1]))  # else they could be read once only
            with self._inside() as is_outer:
                found = real(table, *args, **more)
                if is_outer and name == "partitions":
                    found = list(found)
                    self._note(table, name, 0, 0, 0)
                elif is_outer and not (name in _BY_KEYS and not _asked(name, args)):
                    rows = _rows(found)
                    units = _read_units(name, args, rows)
                    calls = _calls_of(name, rows)
                    self._note(table, name, len(rows), units, 0)
                    self._note_further(table, name, calls - 1)
                    found = iter(rows) if name in {"query", "between", "query_index"} else found
            return found

        return read

    def _writing(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def write(table: InMemoryTable, *args: Any, **more: Any) -> Any:
            with self._inside() as is_outer:
                if is_outer:
                    self._stored.clear()
                done = real(table, *args, **more)
                if is_outer:
                    self._note_write(table, name, args)
            return done

        return write

    def _storing(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def store(table: InMemoryTable, *args: Any) -> None:
            key = args if name == "remove" else (str(args[0]["pk"]), str(args[0]["sk"]))
            before = table._raw(*key)  # noqa: SLF001  what the write replaces decides its price
            real(table, *args)
            self._stored.append((table.name, before, args[0] if name == "store" else None))

        return store

    def _note_write(self, table: InMemoryTable, name: str, args: Sequence[Any]) -> None:
        factor = 2 if name == "transact" else 1
        units: float = sum(
            factor * _write_units(old, new) + _index_units(where, old, new)
            for where, old, new in self._stored
        )
        items = len(args[0]) if name == "transact" else len(self._stored)
        refused = factor * max(items - len(self._stored), 0) or float(not self._stored)
        calls = ceil(len(self._stored) / 25) if name in {"put_all", "delete_all"} else 1
        if calls:
            units += refused if name not in _BATCHES else 0
            tables = {each.table.name for each in args[0]} if name == "transact" else {table.name}
            self._note(table, name, items, 0, units, tables)
            self._note_further(table, name, calls - 1)

    def _note(
        self,
        table: InMemoryTable,
        name: str,
        items: int,
        reads: float,
        writes: float,
        tables: Collection[str] = (),
    ) -> None:
        touched = tuple(sorted(tables or {table.name}))
        self._add("table", table.name, name, items, reads, writes, touched)

    def _note_further(self, table: InMemoryTable, name: str, calls: int) -> None:
        for _ in range(calls):
            self._note(table, name, 0, 0, 0)

    def _add(
        self,
        service: str,
        name: str,
        operation: str,
        items: int = 1,
        reads: float = 0,
        writes: float = 0,
        tables: tuple[str, ...] = (),
    ) -> None:
        self.calls.append(
            Call(service, name, operation, items, reads, writes, acting(), clock.epoch(), tables)
        )

    def _secret(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def use(store: InMemorySecretStore, connection: Any, *args: Any, **more: Any) -> Any:
            key, now = (name, str(connection)), clock.epoch()
            is_known = now - self.secrets.get(key, float("-inf")) < _SECRET_CACHED
            if not (is_known and name in _CACHED_SECRETS) or more.get("is_fresh"):
                self.secrets[key] = now
                self._add("secret", str(connection), name)
            return real(store, connection, *args, **more)

        return use

    def _sending(self, _name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def send(queues: InMemoryQueues, message: Any, once: str | None = None) -> None:
            with self._inside() as is_outer:
                real(queues, message, once)
                if is_outer:
                    self._add("queue", message.queue, "send")

        return send

    def _sending_all(self, _name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def send_all(queues: InMemoryQueues, messages: Sequence[tuple[Any, str]]) -> None:
            with self._inside():
                real(queues, messages)
            for start in range(0, len(messages), _OF_A_BATCH):
                queue = messages[start][0].queue
                self._add("queue", queue, "send", len(messages[start:][:_OF_A_BATCH]))

        return send_all

    def _delivering(self, _name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def deliver(queues: InMemoryQueues, one: QueuedMessage, handle: Any) -> None:
            queue = one.message.queue
            for operation in ("receive", "hide"):
                self._add("queue", queue, operation)
            try:
                real(queues, one, handle)
            finally:
                self._add("queue", queue, "delete")

        return deliver

    @contextmanager
    def _inside(self) -> Iterator[bool]:
        """Tell whether this is a call of its own: one operation in memory may use another."""
        self._depth += 1
        try:
            yield self._depth == 1
        finally:
            self._depth -= 1


_BATCHES, _BY_KEYS = {"put_all", "delete_all"}, {"get", "get_many", "get_each"}


def _asked(name: str, args: Sequence[Any]) -> int:
    return 1 if name == "get" else len(dict.fromkeys(args[-1]))


def _rows(found: Any) -> list[Item]:
    if found is None:
        return []
    return [found] if isinstance(found, dict) else list(found)


def _read_units(name: str, args: Sequence[Any], rows: Sequence[Item]) -> float:
    """Return the units of a read: a strongly consistent one for each 4 KB, half of one if not."""
    if name in _BY_KEYS:
        return max(_asked(name, args) - len(rows), 0) + sum(
            ceil(item_size(row) / _READ_UNIT) for row in rows
        )
    units = max(ceil(sum(item_size(row) for row in rows) / _READ_UNIT), 1)
    return units / 2 if name in _EVENTUAL else units


def _calls_of(name: str, rows: Sequence[Item]) -> int:
    if name in _BY_KEYS:
        return 1
    return max(ceil(sum(item_size(row) for row in rows) / _PAGE), 1)


def _write_units(old: Item | None, new: Item | None) -> int:
    size = max(item_size(old or {}), item_size(new or {}))
    return max(ceil(size / _WRITE_UNIT), 1)


def _index_units(table: str, old: Item | None, new: Item | None) -> int:
    """Return the units of a table's indexes: a new key removes one entry and adds another."""
    return sum(_units_of_one(index, old or {}, new or {}) for index in _indexes(table))


class _Index(NamedTuple):
    keys: tuple[str, ...]
    projected: frozenset[str] | None
    """The attributes that it holds; None for all."""

    def entry(self, item: Item) -> Item | None:
        if not all(key in item for key in self.keys):
            return None
        kept = self.projected
        return item if kept is None else {name: item[name] for name in item if name in kept}


def _units_of_one(index: _Index, old: Item, new: Item) -> int:
    before, after = index.entry(old), index.entry(new)
    if before == after:
        return 0
    if before and after and all(before[key] == after[key] for key in index.keys):
        return _write_units(before, after)
    return sum(_write_units(each, None) for each in (before, after) if each)


@cache
def _tables() -> dict[str, dict[str, Any]]:
    return SamTemplate().of_type("AWS::DynamoDB::Table")


@cache
def _indexes(table: str) -> tuple[_Index, ...]:
    """Return the indexes of a table of the template, which has its name here in lower case."""
    found = _tables().get(f"{table.capitalize()}Table", {}).get("GlobalSecondaryIndexes", ())
    return tuple(map(_index, found))


def _index(described: dict[str, Any]) -> _Index:
    keys = tuple(key["AttributeName"] for key in described["KeySchema"])
    projection = described["Projection"]
    if projection["ProjectionType"] == "ALL":
        return _Index(keys, None)
    others = projection.get("NonKeyAttributes", ())
    return _Index(keys, frozenset({"pk", "sk", *keys, *others}))
