"""Inject faults into any call to AWS or a remote, decided by one seeded generator."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import httpx
from botocore.exceptions import ClientError
from msgspec.structs import replace

from local.in_memory.stack import InMemoryQueues
from local.in_memory.tables import InMemorySecretStore, InMemoryTable
from ml_connector import clock
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.dynamodb import Item, Write
from ml_connector.infrastructure.queues import Message
from ml_connector.secret import Secret

Answer = TypeVar("Answer")

_MEANWHILE = 0.02
_AT_ORDERS = 0.45  # writing an order is where most is at stake
_LATEST = 50.0  # seconds: the remote may still commit what the worker gave up, while it lives
_STATUSES = (429, 401, 500, 502, 503, 408)
_GARBAGE = (b"", b"<html>busy</html>", b'{"d":', b"null", b"[]", b'{"d":{}}')


class ProcessKilled(BaseException):
    """The process died: not an `Exception`, so that no handler of the process runs on."""


class FaultInjector:
    """Decides which calls fail and how; none do while it is off."""

    def __init__(self, rng: random.Random, share: float) -> None:
        """Let about `share` of the calls fail."""
        self._rng = rng
        self._share = share
        self.is_on = False
        self.is_dead = False
        self.meanwhile: Callable[[], None] | None = None
        self._late: list[tuple[float, Callable[[], object]]] = []

    def fails(self, share: float | None = None) -> bool:
        """Return whether this call fails; a dead process makes no calls at all.

        Another worker may do all its work just before the call: `meanwhile`.
        """
        if self.is_dead:
            raise ProcessKilled
        if not self.is_on:
            return False
        if self.meanwhile and self._rng.random() < _MEANWHILE:
            self.is_on = False
            self.meanwhile()
            self.is_on = True
        return self._rng.random() < (share or self._share)

    def pick(self, *ways: str) -> str:
        """Return one of the ways to fail."""
        return self._rng.choice(ways)

    def later(self, commit: Callable[[], object]) -> None:
        """Let a remote commit within the minute what its caller has given up."""
        self._late.append((clock.epoch() + self._rng.uniform(0, _LATEST), commit))

    def catch_up(self) -> None:
        """Commit what the remotes have committed by now."""
        due = [commit for at, commit in self._late if at <= clock.epoch()]
        self._late = [(at, commit) for at, commit in self._late if at > clock.epoch()]
        for commit in due:
            commit()

    def choose(self, values: Sequence[Any]) -> Any:
        """Return one of the values."""
        return self._rng.choice(values)

    def kill(self) -> None:
        """End the process: its further calls fail too, even those of a `finally`."""
        self.is_dead = True
        raise ProcessKilled

    def aws(self, call: Callable[[], Answer]) -> Answer:
        """Make one AWS call, or crash before or after it, or have it refused or time out."""
        if not self.fails():
            return call()
        way = self.pick("kill before", "kill after", "refuse before", "refuse after")
        if way.endswith("before"):
            self._end(way)
        answer = call()
        self._end(way)
        return answer

    def _end(self, way: str) -> None:
        if way.startswith("kill"):
            self.kill()
        error = {"Error": {"Code": "InternalServerError", "Message": "injected"}}
        raise ClientError(error, "AnyOperation")  # type: ignore[arg-type]


class FaultyTable(InMemoryTable):
    """An in-memory table with injected faults."""

    def __init__(self, name: str, faults: FaultInjector) -> None:
        """Start empty."""
        super().__init__(name)
        self._reliable = InMemoryTable(name)
        self._faults = faults

    def get(self, pk: str, sk: str) -> Item | None:
        """See `Table.get`."""
        return self._faults.aws(lambda: self._reliable.get(pk, sk))

    def get_many(self, pk: str, sks: Iterable[str]) -> list[Item]:
        """See `Table.get_many`."""
        return self._faults.aws(lambda: self._reliable.get_many(pk, sks))

    def get_each(self, keys: Iterable[tuple[str, str]]) -> list[Item]:
        """See `Table.get_each`."""
        return self._faults.aws(lambda: self._reliable.get_each(keys))

    def between(self, pk: str, first: str, last: str) -> Iterator[Item]:
        """See `Table.between`."""
        return self._faults.aws(lambda: self._reliable.between(pk, first, last))

    def change(
        self, pk: str, sk: str, expected: int, values: Item, without: Sequence[str] = ()
    ) -> bool:
        """See `Table.change`."""
        return self._faults.aws(lambda: self._reliable.change(pk, sk, expected, values, without))

    def insert(self, item: Item) -> bool:
        """See `Table.insert`."""
        return self._faults.aws(lambda: self._reliable.insert(item))

    def put(self, item: Item) -> None:
        """See `Table.put`."""
        self._faults.aws(lambda: self._reliable.put(item))

    def put_all(self, items: Iterable[Item]) -> None:
        """See `Table.put_all`."""
        self._faults.aws(lambda: self._reliable.put_all(items))

    def replace(self, item: Item, expected: int) -> bool:
        """See `Table.replace`."""
        return self._faults.aws(lambda: self._reliable.replace(item, expected))

    def transact(self, writes: Sequence[Write]) -> bool:
        """See `Table.transact`."""
        reliable = [_made_reliable(write) for write in writes]
        return self._faults.aws(lambda: self._reliable.transact(reliable))

    def delete(self, pk: str, sk: str) -> None:
        """See `Table.delete`."""
        self._faults.aws(lambda: self._reliable.delete(pk, sk))

    def delete_all(self, pk: str, sks: Iterable[str]) -> None:
        """See `Table.delete_all`."""
        self._faults.aws(lambda: self._reliable.delete_all(pk, sks))

    def add(self, pk: str, sk: str, by: int, ceiling: int, expires_at: int) -> bool:
        """See `Table.add`."""
        return self._faults.aws(lambda: self._reliable.add(pk, sk, by, ceiling, expires_at))

    def join(self, pk: str, sk: str, member: str, most: int, expires_at: int) -> bool:
        """See `Table.join`."""
        return self._faults.aws(lambda: self._reliable.join(pk, sk, member, most, expires_at))

    def leave(self, pk: str, sk: str, member: str) -> list[str]:
        """See `Table.leave`."""
        return self._faults.aws(lambda: self._reliable.leave(pk, sk, member))

    def raise_to(self, pk: str, sk: str, used: int, expires_at: int) -> None:
        """See `Table.raise_to`."""
        self._faults.aws(lambda: self._reliable.raise_to(pk, sk, used, expires_at))

    def query(self, pk: str, prefix: str = "", *, backwards: bool = False) -> Iterator[Item]:
        """See `Table.query`."""
        return self._faults.aws(lambda: self._reliable.query(pk, prefix, backwards=backwards))

    def page(self, pk: str, after: str, most: int) -> list[Item]:
        """See `Table.page`."""
        return self._faults.aws(lambda: self._reliable.page(pk, after, most))

    def query_index(
        self, index: str, group: str, until: str, at_a_time: int | None = None
    ) -> Iterator[Item]:
        """See `Table.query_index`."""
        query = self._reliable.query_index
        return self._faults.aws(lambda: query(index, group, until, at_a_time))


class FaultySecretStore(InMemorySecretStore):
    """An in-memory secret store with injected faults: token pairs may be lost too."""

    def __init__(self, faults: FaultInjector) -> None:
        """Start empty."""
        super().__init__()
        self._faults = faults

    def tokens(self, connection: ConnectionId) -> Secret | None:
        """See `SecretStore.tokens`."""
        return self._faults.aws(lambda: InMemorySecretStore.tokens(self, connection))

    def seal_tokens(self, connection: ConnectionId, tokens: Secret) -> None:
        """See `SecretStore.seal_tokens`."""
        self._faults.aws(lambda: InMemorySecretStore.seal_tokens(self, connection, tokens))

    def prepare_sealing(self, connection: ConnectionId) -> None:
        """See `SecretStore.prepare_sealing`."""
        self._faults.aws(lambda: InMemorySecretStore.prepare_sealing(self, connection))

    def open_copy(self, connection: ConnectionId, sealed: str) -> Secret:
        """See `SecretStore.open_copy`."""
        return self._faults.aws(lambda: InMemorySecretStore.open_copy(self, connection, sealed))


class FaultyQueues(InMemoryQueues):
    """In-memory queues with injected faults for the sender."""

    def __init__(self, faults: FaultInjector) -> None:
        """Start empty."""
        super().__init__()
        self._faults = faults

    def send(self, message: Message, once: str | None = None) -> None:
        """See `Queues.send`."""
        self._faults.aws(lambda: InMemoryQueues.send(self, message, once))


class FaultyTransport(httpx.BaseTransport):
    """A network with injected faults, in front of a simulator."""

    def __init__(self, inner: httpx.BaseTransport, faults: FaultInjector) -> None:
        """Carry calls to `inner`."""
        self._inner = inner
        self._faults = faults

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Carry the call, or lose the call or its answer, or answer in place of the remote."""
        is_order = request.method != "GET" and "purchaseorder" in request.url.path
        if not self._faults.fails(_AT_ORDERS if is_order else None):
            return self._inner.handle_request(request)
        way = self._faults.pick(
            "kill before",
            "kill after",
            "no connection",
            "time out before",
            "time out after",
            "commit late",
            "status before",
            "status after",
            "garbage",
        )
        if way == "no connection":
            raise httpx.ConnectError("injected", request=request)
        if way == "commit late":
            self._faults.later(lambda: self._inner.handle_request(request))
            raise httpx.ReadTimeout("injected", request=request)
        answer = None if way.endswith("before") else self._inner.handle_request(request)
        if way.startswith("kill"):
            self._faults.kill()
        if way.startswith("time out"):
            raise httpx.ReadTimeout("injected", request=request)
        status = self._status(way, answer)
        return httpx.Response(status, content=self._faults.choose(_GARBAGE), request=request)

    def _status(self, way: str, answer: httpx.Response | None) -> int:
        """Return a status; only 5xx may be given for a committed write, never 429 or 401."""
        if way == "garbage" and answer is not None:
            return answer.status_code
        status = self._faults.choose(_STATUSES)
        done = answer is not None and answer.is_success
        return int(status) if not done or status >= 500 else 502


def _made_reliable(write: Write) -> Write:
    table = write.table
    reliable = table._reliable if isinstance(table, FaultyTable) else table
    return replace(write, table=reliable)
