"""Tables and secrets in memory, for tests and the bench.

`tests/infrastructure/test_table_contract.py` runs the same tests on these tables and on
DynamoDB's.
"""

import threading
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from local import dynamodb_limits
from local.in_memory.rights import key_used, secret_used, table_used
from local.secret_versions import SecretVersions, too_many_versions
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Halt
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure import secret_store
from ml_connector.infrastructure.dynamodb import (
    CheckVersion,
    Delete,
    DeleteUnchanged,
    Insert,
    Item,
    Key,
    Put,
    Replace,
    Write,
    is_expired,
    members,
    to_wire,
)
from ml_connector.secret import Secret

# One lock for all tables of the process makes a transaction over several of them atomic.
_LOCK = threading.RLock()


_ACTIONS: Mapping[type[Write], str] = {
    CheckVersion: "ConditionCheckItem",
    Delete: "DeleteItem",
    DeleteUnchanged: "DeleteItem",
}


class InMemoryTable:
    """A `Table` in a dictionary; thread-safe."""

    def __init__(self, name: str = "memory") -> None:
        """Start empty."""
        self.name = name
        self._parts: dict[str, dict[str, Item]] = {}

    def get(self, pk: str, sk: str) -> Item | None:
        """See `Table.get`."""
        table_used("GetItem", self.name, pk)
        with _LOCK:
            item = self._raw(pk, sk)
            return None if item is None or is_expired(item) else dict(item)

    def get_many(self, pk: str, sks: Iterable[str]) -> list[Item]:
        """See `Table.get_many`."""
        table_used("BatchGetItem", self.name, pk)
        with _LOCK:
            found = (self._raw(pk, sk) for sk in dict.fromkeys(sks))
            return [dict(item) for item in found if item and not is_expired(item)]

    def get_each(self, keys: Iterable[Key]) -> list[Item]:
        """See `Table.get_each`."""
        wanted = list(dict.fromkeys(keys))
        for pk, _ in wanted:
            table_used("BatchGetItem", self.name, pk)
        with _LOCK:
            found = (self._raw(*key) for key in wanted)
            return [dict(item) for item in found if item and not is_expired(item)]

    def insert(self, item: Item) -> bool:
        """See `Table.insert`."""
        return self.transact([Insert(self, item)])

    def put(self, item: Item) -> None:
        """See `Table.put`."""
        table_used("PutItem", self.name, str(item["pk"]))
        _refuse_large("PutItem", {"Item": to_wire(item)})
        self.store(item)

    def put_all(self, items: Iterable[Item]) -> None:
        """See `Table.put_all`."""
        for item in items:
            table_used("BatchWriteItem", self.name, str(item["pk"]))
            _refuse_large("BatchWriteItem", _batch_of(self.name, item))
            self.store(item)

    def replace(self, item: Item, expected: int) -> bool:
        """See `Table.replace`."""
        return self.transact([Replace(self, item, expected)])

    def change(
        self, pk: str, sk: str, expected: int, values: Item, without: Sequence[str] = ()
    ) -> bool:
        """See `Table.change`."""
        table_used("UpdateItem", self.name, pk)
        with _LOCK:
            item = self._raw(pk, sk)
            if item is None or item.get("version") != expected:
                return False
            kept = {name: value for name, value in item.items() if name not in without}
            self.store({**kept, **values})
            return True

    def transact(self, writes: Sequence[Write]) -> bool:
        """See `Table.transact`; several tables must all be in memory."""
        _check_one_write_an_item(writes)
        _refuse_large("TransactWriteItems", {"TransactItems": [_action(each) for each in writes]})
        for write in writes:
            table_used(_ACTIONS.get(type(write), "PutItem"), write.table.name, _key(write)[0])
        with _LOCK:
            if not all(_is_allowed(write) for write in writes):
                return False
            for write in writes:
                if isinstance(write, Delete | DeleteUnchanged):
                    _in_memory(write).remove(*_key(write))
                elif not isinstance(write, CheckVersion):
                    _in_memory(write).store(write.item)
            return True

    def delete(self, pk: str, sk: str) -> None:
        """See `Table.delete`."""
        table_used("DeleteItem", self.name, pk)
        self.remove(pk, sk)

    def delete_all(self, pk: str, sks: Iterable[str]) -> None:
        """See `Table.delete_all`."""
        for sk in list(sks):
            table_used("BatchWriteItem", self.name, pk)
            self.remove(pk, sk)

    def add(self, pk: str, sk: str, by: int, ceiling: int, expires_at: int) -> bool:
        """See `Table.add`."""
        table_used("UpdateItem", self.name, pk)
        with _LOCK:
            item = self._raw(pk, sk) or {"pk": pk, "sk": sk}
            used = int(item.get("used", 0)) + by
            if used > ceiling:
                return False
            self.store({**item, "used": used, "expires_at": expires_at})
            return True

    def raise_to(self, pk: str, sk: str, used: int, expires_at: int) -> None:
        """See `Table.raise_to`."""
        table_used("UpdateItem", self.name, pk)
        with _LOCK:
            item = self._raw(pk, sk) or {"pk": pk, "sk": sk}
            if "used" not in item or int(item["used"]) < used:
                self.store({**item, "used": used, "expires_at": expires_at})

    def join(self, pk: str, sk: str, member: str, most: int, expires_at: int) -> bool:
        """See `Table.join`."""
        table_used("UpdateItem", self.name, pk)
        with _LOCK:
            item = self._raw(pk, sk) or {"pk": pk, "sk": sk}
            before = set(members(item))
            if member not in before and len(before) >= most:
                return False
            joined = "\n".join(sorted(before | {member}))
            self.store({**item, "members": joined, "expires_at": expires_at})
            return True

    def leave(self, pk: str, sk: str, member: str) -> list[str]:
        """See `Table.leave`."""
        table_used("UpdateItem", self.name, pk)
        with _LOCK:
            item = self._raw(pk, sk) or {"pk": pk, "sk": sk}
            left = [each for each in members(item) if each != member]
            rest = {name: value for name, value in item.items() if name != "members"}
            self.store({**rest, "members": "\n".join(left)} if left else rest)
            return left

    def query(self, pk: str, prefix: str = "", *, backwards: bool = False) -> Iterator[Item]:
        """See `Table.query`."""
        table_used("Query", self.name, pk)
        with _LOCK:
            part = self._parts.get(pk, {})
            keys = sorted((sk for sk in part if sk.startswith(prefix)), reverse=backwards)
            return iter([dict(part[sk]) for sk in keys if not is_expired(part[sk])])

    def between(self, pk: str, first: str, last: str) -> Iterator[Item]:
        """See `Table.between`."""
        return (item for item in self.query(pk) if first <= str(item["sk"]) <= last)

    def page(self, pk: str, after: str, most: int) -> list[Item]:
        """See `Table.page`."""
        return [item for item in self.query(pk) if str(item["sk"]) > (after or " ")][:most]

    def query_index(
        self,
        index: str,
        group: str,
        until: str,
        at_a_time: int | None = None,  # noqa: ARG002  all are at hand
    ) -> Iterator[Item]:
        """See `Table.query_index`."""
        table_used("Query", self.name, group, index=index)
        of, at = f"{index}_group", f"{index}_at"
        with _LOCK:
            every = self.which_may_be_of(group)
            found = (item for item in every if item.get(of) == group and at in item)
            due = [dict(i) for i in found if str(i[at]) <= until and not is_expired(i)]
        return iter(sorted(due, key=lambda item: str(item[at])))

    def which_may_be_of(self, group: str) -> Iterable[Item]:  # noqa: ARG002  all may be
        """Return the items among which are those of a group of an index."""
        return (item for part in self._parts.values() for item in part.values())

    def partitions(self, sk: str) -> Iterator[str]:
        """See `Table.partitions`."""
        table_used("Scan", self.name)
        with _LOCK:
            return iter([pk for pk in self._parts if self.get(pk, sk)])

    def items(self) -> list[Item]:
        """Return a copy of everything that has not expired, in key order."""
        with _LOCK:
            parts = (part.values() for _, part in sorted(self._parts.items()))
            return [dict(item) for part in parts for item in part if not is_expired(item)]

    def _raw(self, pk: str, sk: str) -> Item | None:
        return self._parts.get(pk, {}).get(sk)

    def store(self, item: Item) -> None:
        """Write an item; no right is asked for."""
        with _LOCK:
            self._parts.setdefault(str(item["pk"]), {})[str(item["sk"])] = dict(item)

    def remove(self, pk: str, sk: str) -> None:
        """Remove an item; no right is asked for."""
        with _LOCK:
            self._parts.get(pk, {}).pop(sk, None)


def _in_memory(write: Write) -> InMemoryTable:
    if not isinstance(write.table, InMemoryTable):
        raise TypeError(f"{write.table.name} is not in memory")
    return write.table


def _key(write: Write) -> tuple[str, str]:
    if isinstance(write, Delete | CheckVersion):
        return write.pk, write.sk
    return str(write.item["pk"]), str(write.item["sk"])


def _is_allowed(write: Write) -> bool:
    stored = _in_memory(write)._raw(*_key(write))  # noqa: SLF001  same module
    if isinstance(write, Put | Delete):
        return True
    if isinstance(write, Replace | CheckVersion):
        return stored is not None and stored.get("version") == write.expected
    if isinstance(write, DeleteUnchanged):
        return stored == write.item
    return stored is None or is_expired(stored)


def _check_one_write_an_item(writes: Sequence[Write]) -> None:
    if len({(id(w.table), *_key(w)) for w in writes}) < len(writes):
        raise ValueError("a transaction writes each item once")


def _action(write: Write) -> dict[str, Any]:
    if isinstance(write, Put | Insert | Replace):
        return {"Put": {"Item": to_wire(write.item)}}
    pk, sk = _key(write)
    return {"Delete": {"Key": to_wire({"pk": pk, "sk": sk})}}


def _batch_of(table: str, item: Item) -> dict[str, Any]:
    return {"RequestItems": {table: [{"PutRequest": {"Item": to_wire(item)}}]}}


def _refuse_large(operation: str, request: dict[str, Any]) -> None:
    if text := dynamodb_limits.refusal(operation, request):
        raise dynamodb_limits.invalid(text, operation)


class InMemorySecretStore:
    """A `SecretStore` in a dictionary; nothing is encrypted."""

    def __init__(self) -> None:
        """Start empty."""
        self._plain: dict[tuple[str, ConnectionId], dict[str, Any]] = {}
        self._tokens: dict[ConnectionId, Secret] = {}
        self._versions = SecretVersions()

    def app(
        self,
        connection: ConnectionId,
        *,
        is_fresh: bool = False,  # noqa: ARG002  nothing is cached
    ) -> secret_store.AppCredentials:
        """See `SecretStore.app`."""
        value = self._read(secret_store.EXACT_APP, connection, "APP_CREDENTIALS_MISSING")
        return secret_store.app_credentials(value, connection)

    def airbase_key(
        self,
        connection: ConnectionId,
        *,
        is_fresh: bool = False,  # noqa: ARG002  nothing is cached
    ) -> Secret:
        """See `SecretStore.airbase_key`."""
        value = self._read(secret_store.AIRBASE_KEY, connection, "AIRBASE_KEY_MISSING")
        return secret_store.airbase_key(value, connection)

    def slack_url(self, connection: ConnectionId) -> Secret | None:
        """See `SecretStore.slack_url`."""
        secret_used("GetSecretValue", secret_store.NOTIFY_SLACK, connection)
        found = (
            self._plain.get((secret_store.NOTIFY_SLACK, id))
            for id in (connection, secret_store.WHOLE_STACK)
        )
        return next(
            (secret_store.slack_address(value, connection) for value in found if value), None
        )

    def tokens(self, connection: ConnectionId) -> Secret | None:
        """See `SecretStore.tokens`."""
        secret_used("GetSecretValue", secret_store.EXACT_TOKENS, connection)
        key_used("Decrypt", connection)
        return self._tokens.get(connection)

    def seal_tokens(self, connection: ConnectionId, tokens: Secret) -> None:
        """See `SecretStore.seal_tokens`."""
        secret_used("PutSecretValue", secret_store.EXACT_TOKENS, connection)
        key_used("GenerateDataKey", connection)
        if not self._versions.add(connection):
            raise too_many_versions("PutSecretValue")
        self._tokens[connection] = tokens

    def prepare_sealing(self, connection: ConnectionId) -> None:
        """See `SecretStore.prepare_sealing`."""

    def sealed_copy(self, connection: ConnectionId, tokens: Secret) -> str:
        """See `SecretStore.sealed_copy`; not readable at a glance, as a sealed one."""
        return b64encode(f"{connection} {tokens.reveal()}".encode()).decode()

    def open_copy(self, connection: ConnectionId, sealed: str) -> Secret:
        """See `SecretStore.open_copy`."""
        sealed_for, _, text = b64decode(sealed).decode().partition(" ")
        if sealed_for != connection:
            raise secret_store.unreadable(secret_store.EXACT_TOKENS, connection)
        return Secret(text)

    def store(self, kind: str, connection: ConnectionId, value: Mapping[str, Any]) -> None:
        """See `SecretStore.store`."""
        if kind not in secret_store.KINDS or kind == secret_store.EXACT_TOKENS:
            raise ValueError(f"{kind} is no plain secret")
        self._plain[kind, connection] = dict(value)

    def read_plain(self, kind: str, connection: ConnectionId) -> dict[str, Any] | None:
        """See `AdminSecretStore.read_plain`."""
        if kind == secret_store.EXACT_TOKENS:
            return {"sealed": True} if connection in self._tokens else None
        found = self._plain.get((kind, connection))
        return None if found is None else dict(found)

    def create_token_secret(self, connection: ConnectionId) -> None:
        """See `AdminSecretStore.create_token_secret`: nothing has to exist here."""

    def delete(self, kind: str, connection: ConnectionId) -> None:
        """See `AdminSecretStore.delete`."""
        self._plain.pop((kind, connection), None)
        if kind == secret_store.EXACT_TOKENS:
            self._tokens.pop(connection, None)

    def forget(self, connection: ConnectionId) -> None:
        """See `SecretStore.forget`."""
        self._tokens.pop(connection, None)
        for kind in secret_store.KINDS:
            self._plain.pop((kind, connection), None)

    def _read(self, kind: str, connection: ConnectionId, missing: str) -> Mapping[str, Any]:
        secret_used("GetSecretValue", kind, connection)
        found = self._plain.get((kind, connection))
        if found is None:
            raise Halt(problem(missing, f"Connection {connection}", connection=connection))
        return found
