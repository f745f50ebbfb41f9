"""An order of one connection while many orders of 999 others wait, and beside one that hangs.

In simulated time: a call of a table takes 5 ms, one of Exact or Airbase 0.8 s, and as many workers
run as the template says. Webhooks pass through their handler, sweeps come each minute.
"""

import hmac
import json
import logging
from collections import ChainMap, Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from heapq import heappop
from http import HTTPStatus
from typing import Any

import httpx

from bench.fleet import REMOTE_CALL, TABLE_CALL, Calls, copy_connection
from bench.result import Result
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.parallel import ParallelWorkers
from local.in_memory.stack import QueuedMessage
from local.in_memory.tables import InMemoryTable
from local.sam_template import SamTemplate
from ml_connector import clock
from ml_connector.domain.ids import ConnectionId, OrderId
from ml_connector.exact.oauth import Tokens
from ml_connector.exact.token_pairs import TokenPairs
from ml_connector.infrastructure.dynamodb import Item
from ml_connector.infrastructure.inbox import Inbox
from ml_connector.infrastructure.ledger import order_key
from ml_connector.infrastructure.places import MOST, Places
from ml_connector.infrastructure.secret_store import AIRBASE_KEY, EXACT_APP
from ml_connector.infrastructure.webhook_secrets import WebhookSecrets
from ml_connector.infrastructure.webhook_senders import WebhookSenders
from ml_connector.secret import Secret
from ml_connector.sweep.dispatch import queue_sweeps
from ml_connector.webhooks import airbase
from ml_connector.webhooks.handler import WebhookHandler, WebhookSender

_CONNECTIONS, _EACH, _WITHIN = 1000, 40, 90
"""`_EACH` of the 200 orders are enough: nobody gets to the last of them, which is checked."""
_MINUTE = 60
_HANGS = 25.0
"""Seconds: a call that is not answered ends then."""
_HANGING_HOST, _NOISE = "hangs.test", 0.1
_SECRET = "bench"  # noqa: S105  of nobody


def measure() -> Iterator[Result]:
    """Let one order arrive behind all others, and one beside a connection that hangs."""
    logging.disable(logging.CRITICAL)
    workers = int(SamTemplate().cloudformation["Parameters"]["OrderWorkers"]["Default"])
    took, most = behind_a_burst(_CONNECTIONS, workers)
    yield Result(
        "seconds from webhook to posted while 999 others got 200 orders each",
        f"{took:.1f}",
        f"at most {_WITHIN}",
        took <= _WITHIN,
    )
    yield Result(
        "messages of another connection in the queue at that moment, at most",
        str(most),
        f"at most {MOST}",
        most <= MOST,
    )
    alone, beside = (beside_one(hangs=hangs, workers=workers) for hangs in (False, True))
    yield Result(
        "seconds from webhook to posted beside a connection that hangs in every call",
        f"{beside:.2f}",
        f"{alone:.2f}: no delay",
        beside - alone <= _NOISE,
    )


def behind_a_burst(connections: int, workers: int) -> tuple[float, int]:
    """Return after how many seconds the order is posted, and the most messages ahead of one."""
    env = _stack(connections)
    last, *others = _ids(connections)
    for id in others:
        for order in [env.order(f"{id}-{number}") for number in range(_EACH)]:
            _receive(env, id, order)
    crew = _Crew(env, workers)
    crew.tick()
    crew.run(_MINUTE)
    crew.tick()
    order = env.order("the one")
    _receive(env, last, order)
    most = _most_queued(env)
    took = crew.until_posted(last, order)
    for id in others:
        if not any(env.services.inbox_of(id).open_events(clock.now())):
            raise RuntimeError(f"{id} has no order left: let more arrive")
    return took, most


def beside_one(*, hangs: bool, workers: int) -> float:
    """Return after how many seconds an order is posted, beside a connection with 200 orders."""
    env = _stack(2)
    last, other = _ids(2)
    if hangs:
        settings = env.connection(other).model_dump()
        settings["airbase_base_url"] = f"https://{_HANGING_HOST}"
        env.services.connections.save(type(env.connection(other)).model_validate(settings))
    for order in [env.order(f"{other}-{number}") for number in range(_EACH)]:
        _receive(env, other, order)
    crew = _Crew(env, workers)
    crew.tick()
    crew.run(_HANGS / 2)
    order = env.order("the one")
    _receive(env, last, order)
    return crew.until_posted(last, order)


class _Crew(ParallelWorkers):
    """Workers of which every call takes time."""

    def __init__(self, env: InMemoryEnvironment, workers: int) -> None:
        super().__init__(env, lambda _: REMOTE_CALL, workers)
        self._calls = Calls()
        self._before = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as the simulators do, after the time of the call and of those of tables."""
        if self._running is None:
            return self._inner.handle_request(request)
        if request.url.host == _HANGING_HOST:
            self._let_pass(_HANGS)
            raise httpx.ReadTimeout("no answer", request=request)
        answer = self._inner.handle_request(request)
        answer.read()
        self._let_pass(REMOTE_CALL)
        return answer

    def tick(self) -> None:
        """Queue the sweeps, as the schedule has it done each minute."""
        queue_sweeps(self._env.services)

    def run(self, seconds: float) -> None:
        """See `ParallelWorkers.run`; nothing becomes visible later while workers are short."""
        self._until(self._env.clock() + seconds, lambda: False)

    def until_posted(self, id: ConnectionId, order: dict[str, Any]) -> float:
        """Return how many seconds pass until an order is posted; infinity after an hour."""
        began, ledger = self._env.clock(), self._env.services.ledger_of(id)

        def is_posted() -> bool:
            return ledger.read(order_key(OrderId(order["id"]))).state == "posted"

        for _ in range(_MINUTE):
            self._until(self._env.clock() + _MINUTE, is_posted)
            if is_posted():
                return self._env.clock() - began
            self.tick()
        return float("inf")

    def _until(self, end: float, is_over: Callable[[], bool]) -> None:
        with self._calls.counted():
            while not is_over():
                self._before = self._calls.made
                self._start_all()
                ends = [at for at, _, _ in self._ends[:1]]
                at = min([*self._later(), *ends, end])
                self._env.clock.move(at - self._env.clock())
                if at >= end:
                    return
                if ends and self._ends[0][0] <= at:
                    self._before = self._calls.made
                    self._go_on(heappop(self._ends)[2])

    def _later(self) -> list[float]:
        """Return when messages become visible, if a worker is free to take them."""
        if not self._free:
            return []
        now = self._env.clock()
        return [one.visible_at for one in self._env.memory.queues.waiting if one.visible_at > now]

    def _let_pass(self, seconds: float) -> None:
        """Stop for a call, and for the calls of tables before it."""
        tables = (self._calls.made - self._before) * TABLE_CALL
        super()._let_pass(seconds + tables)
        self._before = self._calls.made

    def _handle(self, worker: Any, one: QueuedMessage) -> None:
        self._before = self._calls.made
        work, memory = self._env.memory.work, self._env.memory

        def worked(message: Any) -> None:
            try:
                work(message, worker.services)
            finally:
                self._let_pass(0)

        try:
            memory.queues.deliver(one, worked)
        except Exception as error:  # noqa: BLE001  the queue delivers it again
            self.failures.append(error)
        self._free.append(worker)
        self._running = None
        self._has_stopped.release()


class _IndexedTable(InMemoryTable):
    """A table that finds what is in an index by the connection: the groups of an index are its."""

    def __init__(self, of: InMemoryTable) -> None:
        super().__init__(of.name)
        self._own: dict[str, dict[tuple[str, str], Item]] = {}
        for item in of.items():
            self.store(item)

    def store(self, item: Item) -> None:
        """See `InMemoryTable.store`."""
        super().store(item)
        pk, sk = str(item["pk"]), str(item["sk"])
        self._own.setdefault(_connection_of(pk), {})[pk, sk] = dict(item)

    def remove(self, pk: str, sk: str) -> None:
        """See `InMemoryTable.remove`."""
        super().remove(pk, sk)
        self._own.get(_connection_of(pk), {}).pop((pk, sk), None)

    def which_may_be_of(self, group: str) -> list[Item]:
        """See `InMemoryTable.which_may_be_of`."""
        return list(self._own.get(_connection_of(group), {}).values())


def _connection_of(key: str) -> str:
    return key.partition("#")[0]


def _ids(connections: int) -> list[ConnectionId]:
    return [FIRM, *(ConnectionId(f"{FIRM}-{number}") for number in range(connections - 1))]


def _stack(connections: int) -> InMemoryEnvironment:
    """Return a stack of so many connections with nothing to do, each like the first one."""
    env = InMemoryEnvironment()
    env.airbase.limit = env.exact.limits.per_minute = 10_000_000
    env.connect()
    for _ in range(4):
        env.wait(minutes=1)
    for name in ("ledger", "inbox"):
        table = getattr(env.memory.tables, name)
        env.memory.tables = replace(env.memory.tables, **{name: _IndexedTable(table)})
    env.services = env.memory.services()
    _, *others = _ids(connections)
    copy_connection(env, others)
    for table in (env.memory.tables.reference, env.memory.tables.mappings):
        _share(table, others)
    given = env.exact.issue_tokens()
    pair = Secret(given["access_token"]), Secret(given["refresh_token"])
    for id in _ids(connections):
        _give_secrets(env, id, pair)
    return env


def _give_secrets(env: InMemoryEnvironment, id: ConnectionId, pair: tuple[Secret, Secret]) -> None:
    secrets = env.memory.secret_store
    secrets.store(AIRBASE_KEY, id, {"api_key": env.airbase.api_key})
    app = {"client_id": env.exact.client_id, "client_secret": env.exact.client_secret}
    secrets.store(EXACT_APP, id, app)
    pairs = TokenPairs(id, secrets, env.memory.tables.coordination)
    number = pairs.next_number(of_new_consent=True)
    pairs.store(Tokens(*pair, clock.now(), number=number))


def _share(table: Any, ids: Iterable[ConnectionId]) -> None:
    """Let connections read the first one's rows of a table; what they write is their own."""
    parts = table._parts
    first = [pk for pk in parts if _connection_of(pk) == FIRM]
    for id in ids:
        for pk in first:
            own = f"{id}{pk[len(FIRM) :]}"
            parts[own] = ChainMap(parts.get(own, {}), parts[pk])


def _receive(env: InMemoryEnvironment, id: ConnectionId, order: dict[str, Any]) -> None:
    """Receive a signed webhook about an order."""
    tables = env.memory.tables
    sender = WebhookSender(
        "airbase", airbase.accept, airbase.unknown_connection(), lambda _: False, airbase.is_signed
    )
    handler = WebhookHandler(
        sender,
        WebhookSecrets(_Secrets(), "airbase-webhook", airbase.parse_settings),
        partial(Inbox, tables.inbox),
        env.memory.queues,
        partial(WebhookSenders, tables.inbox),
        partial(Places, tables.coordination),
    )
    said = {"id": f"{id} {order['id']}", "data": {"id": order["id"]}}
    body = json.dumps(said).encode()
    signed = f"sha256={hmac.new(_SECRET.encode(), body, 'sha256').hexdigest()}"
    call = {
        "requestContext": {"http": {"method": "POST"}},
        "headers": {"content-type": "application/json", "x-airbase-signature": signed},
        "pathParameters": {"connection": id},
        "body": body.decode(),
        "isBase64Encoded": False,
    }
    if handler.answer(call)["statusCode"] != HTTPStatus.ACCEPTED:
        raise RuntimeError("a webhook was not accepted")


class _Secrets:
    """The webhook secret of every connection."""

    def get_secret_value(self, **_: Any) -> dict[str, str]:
        return {"SecretString": json.dumps({"secrets": [_SECRET]})}


def _most_queued(env: InMemoryEnvironment) -> int:
    """Return how many messages about orders of one connection wait for a worker, at most."""
    waiting = [one.message.body for one in env.memory.queues.ready()]
    return max(Counter(each["connection"] for each in waiting if "order" in each).values())
