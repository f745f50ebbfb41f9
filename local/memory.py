"""The tables and the vault in this process's memory: for tests and for the bench.

They keep the same promises as the real doors; `tests/doors/test_table_contract.py` runs one
set of cases on both.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ml_connector.codes import problem
from ml_connector.doors import vault
from ml_connector.doors.table import Delete, Insert, Item, Put, Replace, Write, is_expired
from ml_connector.faults import Halt
from ml_connector.ids import ConnectionId
from ml_connector.secret import Secret

# One lock for every table of the process makes a transaction over several of them atomic.
_everything = threading.RLock()
_ITEMS_OF_A_TRANSACTION = 100


class MemoryTable:
    """A `Table` held in a dictionary; safe for threads."""

    def __init__(self, name: str = "memory") -> None:
        """Start empty."""
        self.name = name
        self._parts: dict[str, dict[str, Item]] = {}

    def get(self, pk: str, sk: str) -> Item | None:
        """See `Table.get`."""
        with _everything:
            item = self._raw(pk, sk)
            return None if item is None or is_expired(item) else dict(item)

    def insert(self, item: Item) -> bool:
        """See `Table.insert`."""
        return self.transact([Insert(self, item)])

    def put(self, item: Item) -> None:
        """See `Table.put`."""
        with _everything:
            self._parts.setdefault(str(item["pk"]), {})[str(item["sk"])] = dict(item)

    def put_all(self, items: Iterable[Item]) -> None:
        """See `Table.put_all`."""
        for item in items:
            self.put(item)

    def replace(self, item: Item, expected: int) -> bool:
        """See `Table.replace`."""
        return self.transact([Replace(self, item, expected)])

    def transact(self, writes: Sequence[Write]) -> bool:
        """See `Table.transact`; several tables must all be in memory."""
        _check_one_write_an_item(writes)
        with _everything:
            if not all(_is_allowed(write) for write in writes):
                return False
            for write in writes:
                if isinstance(write, Delete):
                    write.table.delete(write.pk, write.sk)
                else:
                    write.table.put(write.item)
            return True

    def delete(self, pk: str, sk: str) -> None:
        """See `Table.delete`."""
        with _everything:
            self._parts.get(pk, {}).pop(sk, None)

    def delete_all(self, pk: str, sks: Iterable[str]) -> None:
        """See `Table.delete_all`."""
        for sk in list(sks):
            self.delete(pk, sk)

    def add(self, pk: str, sk: str, by: int, ceiling: int, expires_at: int) -> bool:
        """See `Table.add`."""
        with _everything:
            item = self._raw(pk, sk) or {"pk": pk, "sk": sk}
            used = int(item.get("used", 0)) + by
            if used > ceiling:
                return False
            self.put({**item, "used": used, "expires_at": expires_at})
            return True

    def raise_to(self, pk: str, sk: str, used: int, expires_at: int) -> None:
        """See `Table.raise_to`."""
        with _everything:
            item = self._raw(pk, sk) or {"pk": pk, "sk": sk}
            if "used" not in item or int(item["used"]) < used:
                self.put({**item, "used": used, "expires_at": expires_at})

    def query(self, pk: str, prefix: str = "", *, backwards: bool = False) -> Iterator[Item]:
        """See `Table.query`."""
        with _everything:
            part = self._parts.get(pk, {})
            keys = sorted((sk for sk in part if sk.startswith(prefix)), reverse=backwards)
            return iter([dict(part[sk]) for sk in keys if not is_expired(part[sk])])

    def query_index(self, index: str, group: str, until: str) -> Iterator[Item]:
        """See `Table.query_index`."""
        of, at = f"{index}_group", f"{index}_at"
        with _everything:
            every = (item for part in self._parts.values() for item in part.values())
            found = (item for item in every if item.get(of) == group and at in item)
            due = [dict(i) for i in found if str(i[at]) <= until and not is_expired(i)]
        return iter(sorted(due, key=lambda item: str(item[at])))

    def items(self) -> list[Item]:
        """Return a copy of everything that has not expired, in key order."""
        with _everything:
            parts = (part.values() for _, part in sorted(self._parts.items()))
            return [dict(item) for part in parts for item in part if not is_expired(item)]

    def _raw(self, pk: str, sk: str) -> Item | None:
        return self._parts.get(pk, {}).get(sk)


def _raw_of(write: Write) -> Mapping[str, Any] | None:
    table = write.table
    if not isinstance(table, MemoryTable):
        raise TypeError(f"{table.name} is not in memory")
    return table._raw(*_key(write))  # noqa: SLF001  its own module


def _key(write: Write) -> tuple[str, str]:
    if isinstance(write, Delete):
        return write.pk, write.sk
    return str(write.item["pk"]), str(write.item["sk"])


def _is_allowed(write: Write) -> bool:
    there = _raw_of(write)
    if isinstance(write, Put | Delete):
        return True
    if isinstance(write, Replace):
        return there is not None and there.get("version") == write.expected
    return there is None or is_expired(there)


def _check_one_write_an_item(writes: Sequence[Write]) -> None:
    keys = {(id(w.table), *_key(w)) for w in writes}
    if len(keys) < len(writes) or not 0 < len(writes) <= _ITEMS_OF_A_TRANSACTION:
        raise ValueError("a transaction writes 1 to 100 items, each once")


class MemoryVault:
    """A `Vault` held in a dictionary; nothing is sealed."""

    def __init__(self) -> None:
        """Start empty."""
        self._plain: dict[tuple[str, ConnectionId], dict[str, Any]] = {}
        self._tokens: dict[ConnectionId, Secret] = {}

    def app(self, connection: ConnectionId) -> vault.AppCredentials:
        """See `Vault.app`."""
        value = self._read(vault.EXACT_APP, connection, "APP_CREDENTIALS_MISSING")
        return vault.app_credentials(value, connection)

    def airbase_key(self, connection: ConnectionId) -> Secret:
        """See `Vault.airbase_key`."""
        value = self._read(vault.AIRBASE_KEY, connection, "AIRBASE_KEY_MISSING")
        return vault.airbase_key(value, connection)

    def slack_url(self, connection: ConnectionId) -> Secret | None:
        """See `Vault.slack_url`."""
        kept = (self._plain.get((vault.NOTIFY_SLACK, id)) for id in (connection, vault.WHOLE_STACK))
        return next((vault.slack_address(value, connection) for value in kept if value), None)

    def tokens(self, connection: ConnectionId) -> Secret | None:
        """See `Vault.tokens`."""
        return self._tokens.get(connection)

    def seal_tokens(self, connection: ConnectionId, tokens: Secret) -> None:
        """See `Vault.seal_tokens`."""
        self._tokens[connection] = tokens

    def store(self, kind: str, connection: ConnectionId, value: Mapping[str, Any]) -> None:
        """See `Vault.store`."""
        if kind not in vault.KINDS or kind == vault.EXACT_TOKENS:
            raise ValueError(f"{kind} is no plain secret")
        self._plain[kind, connection] = dict(value)

    def forget(self, connection: ConnectionId) -> None:
        """See `Vault.forget`."""
        self._tokens.pop(connection, None)
        for kind in vault.KINDS:
            self._plain.pop((kind, connection), None)

    def _read(self, kind: str, connection: ConnectionId, missing: str) -> Mapping[str, Any]:
        found = self._plain.get((kind, connection))
        if found is None:
            raise Halt(problem(missing, f"Connection {connection}"))
        return found
