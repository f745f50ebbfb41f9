"""In-memory tables of which the actors notice the calls on what they share."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from local.in_memory.tables import InMemoryTable
from ml_connector.infrastructure.dynamodb import CheckVersion, Delete, Item, Write
from tests.exploration.actors import DONE, Ways, call

IsShared = Callable[[str, str], bool]
"""Whether several actors use the items under this pk and sk; for an index: its group and name."""
WaysOf = Callable[[str, Callable[[], Any]], Ways]
"""Returns how a noticed call of this text may end, given how it is made."""


def never_fails(_: str, make: Callable[[], Any]) -> Ways:
    """Let a call always be answered."""
    return {DONE: make}


class Change(NamedTuple):
    """An item as it is now, None when it was removed; as text, if it decides anything."""

    item: Item | None
    text: str


class ExploredTable(InMemoryTable):
    """Every call on it goes through the actor that makes it."""

    def __init__(
        self,
        before: InMemoryTable,
        is_shared: IsShared,
        ways: WaysOf = never_fails,
        left_out: str = "",
    ) -> None:
        """Start with what `before` holds; `left_out` matches the keys of what decides nothing."""
        super().__init__(before.name)
        self._before = before._parts
        self._is_shared, self._ways = is_shared, ways
        self._left_out = re.compile(left_out or r"\b\B")
        self.changed: dict[tuple[str, str], Change] = {}
        self._parts = {pk: dict(part) for pk, part in self._before.items()}

    def restore(self, changed: dict[tuple[str, str], "Change"]) -> None:
        """Hold what was there before, and these changes."""
        for pk, sk in self.changed.keys() - changed.keys():
            self._hold(pk, sk, self._before.get(pk, {}).get(sk))
        for (pk, sk), change in changed.items():
            self._hold(pk, sk, change.item)
        self.changed = dict(changed)

    def _hold(self, pk: str, sk: str, item: Item | None) -> None:
        if item is None:
            super().remove(pk, sk)
        else:
            super().store(item)

    def contents(self) -> Iterator[str]:
        """Yield the changes as text."""
        for key in sorted(self.changed):
            if text := self.changed[key].text:
                yield text

    def store(self, item: Item) -> None:
        super().store(item)
        self._note(str(item["pk"]), str(item["sk"]), item)

    def remove(self, pk: str, sk: str) -> None:
        super().remove(pk, sk)
        self._note(pk, sk, None)

    def _note(self, pk: str, sk: str, item: Item | None) -> None:
        is_told = not self._left_out.search(f"{pk} {sk}")
        text = f"{self.name} {pk} {sk} {item!r}" if is_told else ""
        self.changed[pk, sk] = Change(item, text)

    def _call(self, text: str, make: Callable[[], Any], *touched: tuple[str, str]) -> Any:
        is_noticed = any(self._is_shared(*key) for key in touched)
        ways = self._ways(text, make) if is_noticed else {DONE: make}
        return call(text, ways, is_noticed=is_noticed)

    # Each method of a table, named for the trace.

    def get(self, pk: str, sk: str) -> Item | None:
        get = super().get
        found: Item | None = self._call(f"read {_named(pk, sk)}", lambda: get(pk, sk), (pk, sk))
        return found

    def get_many(self, pk: str, sks: Any) -> list[Item]:
        get_many, keys = super().get_many, list(sks)
        text = f"read {' and '.join(_named(pk, sk) for sk in keys)}"
        touched = ((pk, sk) for sk in keys)
        found: list[Item] = self._call(text, lambda: get_many(pk, keys), *touched)
        return found

    def get_each(self, keys: Any) -> list[Item]:
        get_each, wanted = super().get_each, list(keys)
        text = f"read {' and '.join(_named(*key) for key in wanted)}"
        found: list[Item] = self._call(text, lambda: get_each(wanted), *wanted)
        return found

    def between(self, pk: str, first: str, last: str) -> Iterator[Item]:
        between = super().between
        return iter(self._call("query", lambda: list(between(pk, first, last))))

    def change(
        self, pk: str, sk: str, expected: int, values: Item, without: Sequence[str] = ()
    ) -> bool:
        change = super().change
        done: bool = self._call(
            f"write {_named(pk, sk)}", lambda: change(pk, sk, expected, values, without), (pk, sk)
        )
        return done

    def query(self, pk: str, prefix: str = "", *, backwards: bool = False) -> Iterator[Item]:
        query = super().query
        rows = self._call("query", lambda: list(query(pk, prefix, backwards=backwards)))
        return iter(rows)

    def query_index(
        self, index: str, group: str, until: str, at_a_time: int | None = None
    ) -> Iterator[Item]:
        query, text = super().query_index, f"read what is {index}"
        rows = self._call(text, lambda: list(query(index, group, until, at_a_time)), (group, index))
        return iter(rows)

    def transact(self, writes: Sequence[Write]) -> bool:
        transact, touched = super().transact, [_key(write) for write in writes]
        done: bool = self._call(_what(writes), lambda: transact(writes), *touched)
        return done

    def put(self, item: Item) -> None:
        put, key = super().put, (str(item["pk"]), str(item["sk"]))
        self._call(f"write {_named(*key)}", lambda: put(item), key)

    def delete(self, pk: str, sk: str) -> None:
        delete = super().delete
        self._call(f"delete {_named(pk, sk)}", lambda: delete(pk, sk), (pk, sk))

    def add(self, pk: str, sk: str, by: int, ceiling: int, expires_at: int) -> bool:
        add = super().add
        added: bool = self._call(f"count {sk}", lambda: add(pk, sk, by, ceiling, expires_at))
        return added

    def join(self, pk: str, sk: str, member: str, most: int, expires_at: int) -> bool:
        join = super().join
        joined: bool = self._call(
            f"take {sk}", lambda: join(pk, sk, member, most, expires_at), (pk, sk)
        )
        return joined

    def leave(self, pk: str, sk: str, member: str) -> list[str]:
        leave = super().leave
        left: list[str] = self._call(f"give back {sk}", lambda: leave(pk, sk, member), (pk, sk))
        return left

    def raise_to(self, pk: str, sk: str, used: int, expires_at: int) -> None:
        raise_to = super().raise_to
        self._call(f"count {sk}", lambda: raise_to(pk, sk, used, expires_at))


def _key(write: Write) -> tuple[str, str]:
    if isinstance(write, Delete | CheckVersion):
        return write.pk, write.sk
    return str(write.item["pk"]), str(write.item["sk"])


def _named(pk: str, sk: str) -> str:
    """Return what the trace calls an item: "order", "tokens pair", "leases token"."""
    return " ".join([*pk.split("#")[1:], sk.partition("#")[0]])


def _what(writes: Sequence[Write]) -> str:
    """Name a transaction by the step that it records in the audit trail, else by its first item."""
    items = [write.item for write in writes if not isinstance(write, Delete | CheckVersion)]
    steps = [str(item["step"]) for item in items if "step" in item]
    return f"record {steps[0]!r}" if steps else f"write {_named(*_key(writes[0]))}"
