"""Fate: at any call to AWS or to a remote, things may go wrong, decided by one seeded generator."""

import dataclasses
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import httpx
from botocore.exceptions import ClientError

from local.memory import MemoryTable, MemoryVault
from local.miniature import MemoryQueues
from ml_connector import clock
from ml_connector.doors.queues import Message
from ml_connector.doors.table import Item, Write
from ml_connector.ids import ConnectionId
from ml_connector.secret import Secret

Answer = TypeVar("Answer")

_MEANWHILE = 0.02
_AT_ORDERS = 0.45  # writing an order is where most is at stake
_LATEST = 50.0  # seconds: the remote may still commit what we gave up, within a worker's life
_STATUSES = (429, 401, 500, 502, 503, 408)
_GARBAGE = (b"", b"<html>busy</html>", b'{"d":', b"null", b"[]", b'{"d":{}}')


class Killed(BaseException):
    """The process is gone: not an `Exception`, so that nothing of it goes on."""


class Fate:
    """Decides what happens to each call; switched off, nothing does."""

    def __init__(self, rng: random.Random, share: float) -> None:
        """Let about `share` of the calls go wrong."""
        self._rng = rng
        self._share = share
        self.is_on = False
        self.is_dead = False
        self.meanwhile: Callable[[], None] | None = None
        self._late: list[tuple[float, Callable[[], object]]] = []

    def strikes(self, share: float | None = None) -> bool:
        """Return whether this call goes wrong; a dead process makes no calls at all.

        Another worker may do its whole work just before the call: `meanwhile`.
        """
        if self.is_dead:
            raise Killed
        if not self.is_on:
            return False
        if self.meanwhile and self._rng.random() < _MEANWHILE:
            self.is_on = False
            self.meanwhile()
            self.is_on = True
        return self._rng.random() < (share or self._share)

    def pick(self, *ways: str) -> str:
        """Return one of the ways to go wrong."""
        return self._rng.choice(ways)

    def later(self, commit: Callable[[], object]) -> None:
        """Let a remote do within the minute what its caller has given up."""
        self._late.append((clock.epoch() + self._rng.uniform(0, _LATEST), commit))

    def catch_up(self) -> None:
        """Do what the remotes have done by now."""
        due = [commit for at, commit in self._late if at <= clock.epoch()]
        self._late = [(at, commit) for at, commit in self._late if at > clock.epoch()]
        for commit in due:
            commit()

    def choose(self, values: Sequence[Any]) -> Any:
        """Return one of the values."""
        return self._rng.choice(values)

    def kill(self) -> None:
        """End the process: every further call of it ends too, those of its `finally` included."""
        self.is_dead = True
        raise Killed

    def aws(self, call: Callable[[], Answer]) -> Answer:
        """Make one AWS call, or crash before or after it, or have it refused or time out."""
        if not self.strikes():
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
        error = {"Error": {"Code": "InternalServerError", "Message": "fate"}}
        raise ClientError(error, "AnyOperation")  # type: ignore[arg-type]


class ShakyTable(MemoryTable):
    """A memory table at fate's mercy."""

    def __init__(self, name: str, fate: Fate) -> None:
        """Start empty."""
        super().__init__(name)
        self._steady = MemoryTable(name)
        self._fate = fate

    def get(self, pk: str, sk: str) -> Item | None:
        """See `Table.get`."""
        return self._fate.aws(lambda: self._steady.get(pk, sk))

    def insert(self, item: Item) -> bool:
        """See `Table.insert`."""
        return self._fate.aws(lambda: self._steady.insert(item))

    def put(self, item: Item) -> None:
        """See `Table.put`."""
        self._fate.aws(lambda: self._steady.put(item))

    def put_all(self, items: Iterable[Item]) -> None:
        """See `Table.put_all`."""
        self._fate.aws(lambda: self._steady.put_all(items))

    def replace(self, item: Item, expected: int) -> bool:
        """See `Table.replace`."""
        return self._fate.aws(lambda: self._steady.replace(item, expected))

    def transact(self, writes: Sequence[Write]) -> bool:
        """See `Table.transact`."""
        steady = [_steadied(write) for write in writes]
        return self._fate.aws(lambda: self._steady.transact(steady))

    def delete(self, pk: str, sk: str) -> None:
        """See `Table.delete`."""
        self._fate.aws(lambda: self._steady.delete(pk, sk))

    def delete_all(self, pk: str, sks: Iterable[str]) -> None:
        """See `Table.delete_all`."""
        self._fate.aws(lambda: self._steady.delete_all(pk, sks))

    def add(self, pk: str, sk: str, by: int, ceiling: int, expires_at: int) -> bool:
        """See `Table.add`."""
        return self._fate.aws(lambda: self._steady.add(pk, sk, by, ceiling, expires_at))

    def raise_to(self, pk: str, sk: str, used: int, expires_at: int) -> None:
        """See `Table.raise_to`."""
        self._fate.aws(lambda: self._steady.raise_to(pk, sk, used, expires_at))

    def query(self, pk: str, prefix: str = "", *, backwards: bool = False) -> Iterator[Item]:
        """See `Table.query`."""
        return self._fate.aws(lambda: self._steady.query(pk, prefix, backwards=backwards))

    def query_index(self, index: str, group: str, until: str) -> Iterator[Item]:
        """See `Table.query_index`."""
        return self._fate.aws(lambda: self._steady.query_index(index, group, until))


class ShakyVault(MemoryVault):
    """A memory vault at fate's mercy: losing a token pair between answer and store included."""

    def __init__(self, fate: Fate) -> None:
        """Start empty."""
        super().__init__()
        self._fate = fate

    def tokens(self, connection: ConnectionId) -> Secret | None:
        """See `Vault.tokens`."""
        return self._fate.aws(lambda: MemoryVault.tokens(self, connection))

    def seal_tokens(self, connection: ConnectionId, tokens: Secret) -> None:
        """See `Vault.seal_tokens`."""
        self._fate.aws(lambda: MemoryVault.seal_tokens(self, connection, tokens))


class ShakyQueues(MemoryQueues):
    """Memory queues at fate's mercy, as a sender sees them."""

    def __init__(self, fate: Fate) -> None:
        """Start empty."""
        super().__init__()
        self._fate = fate

    def send(self, message: Message, once: str | None = None) -> None:
        """See `Queues.send`."""
        self._fate.aws(lambda: MemoryQueues.send(self, message, once))


class ShakyTransport(httpx.BaseTransport):
    """A network at fate's mercy, in front of a simulator."""

    def __init__(self, inner: httpx.BaseTransport, fate: Fate) -> None:
        """Carry calls to `inner`."""
        self._inner = inner
        self._fate = fate

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Carry the call, or lose it, or its answer, or answer in the remote's place."""
        is_order = request.method != "GET" and "purchaseorder" in request.url.path
        if not self._fate.strikes(_AT_ORDERS if is_order else None):
            return self._inner.handle_request(request)
        way = self._fate.pick(
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
            raise httpx.ConnectError("fate", request=request)
        if way == "commit late":
            self._fate.later(lambda: self._inner.handle_request(request))
            raise httpx.ReadTimeout("fate", request=request)
        answer = None if way.endswith("before") else self._inner.handle_request(request)
        if way.startswith("kill"):
            self._fate.kill()
        if way.startswith("time out"):
            raise httpx.ReadTimeout("fate", request=request)
        status = self._status(way, answer)
        return httpx.Response(status, content=self._fate.choose(_GARBAGE), request=request)

    def _status(self, way: str, answer: httpx.Response | None) -> int:
        """A refusal (429, 401) is never given for what was done: only 5xx may lie about that."""
        if way == "garbage" and answer is not None:
            return answer.status_code
        status = self._fate.choose(_STATUSES)
        done = answer is not None and answer.is_success
        return int(status) if not done or status >= 500 else 502


def _steadied(write: Write) -> Write:
    table = write.table
    steady = table._steady if isinstance(table, ShakyTable) else table
    return dataclasses.replace(write, table=steady)
