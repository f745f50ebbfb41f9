"""The posting protocol: two workers, the sweep and a person's retry, over one approved purchase.

Noticed are the calls on the order's record, those to Exact about its order, and the queue. Left out
of a state: the calls left (far from any limit), and what the notes and the audit trail repeat.
"""

import pickle
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from math import inf
from typing import Any, NamedTuple

import httpx

from connector_cli.stack import OpenedStack
from local.exact_simulator.limits import ErrorLimit, RateLimits
from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.stack import Hosts, InMemoryQueues, InMemoryStack, QueuedMessage
from ml_connector import clock
from ml_connector.deeds import worker
from ml_connector.domain.ids import Actor as Person
from ml_connector.domain.ids import ConnectionId, Division, OrderId
from ml_connector.domain.orders.marker import is_marked_for
from ml_connector.exact.client import ExactClient
from ml_connector.exact.turns import Turns
from ml_connector.exceptions.retry import retry
from ml_connector.infrastructure.dynamodb import Item
from ml_connector.infrastructure.ledger import Conflict, OrderRecord
from ml_connector.infrastructure.queues import Message
from ml_connector.infrastructure.tables import Tables
from ml_connector.messages.sending import order_message
from ml_connector.messages.worker import DeliverAgain, counted, wait_after
from ml_connector.services import StackServices
from ml_connector.settings.connection import ExactSite
from ml_connector.sweep.due_records import sweep_connection
from ml_connector.user_errors import UserError
from tests.exploration.actors import DONE, Actor, Ways, call
from tests.exploration.search import Choice
from tests.exploration.stores import ExploredTable
from tests.exploration.world import World
from tests.lasting_tokens import let_tokens_last

_WORKERS = ("worker 1", "worker 2")
_SWEEP, _PERSON = "the sweep", "a person"
_MOST_RECEIVES, _MOST_PAUSES, _A_MINUTE = 5, 20, 60
_SOON = 10
_REMEMBERED = 300  # seconds in which the queue drops duplicates
_LEFT_OUT = "#(budget|contract|news|names|through|sweeps)"
_PATHS = ("purchaseorder/PurchaseOrders", "purchaseorder/PurchaseOrderLines")


@dataclass
class _Data:
    """What happens outside of tables and actors."""

    last: str = ""
    started: Counter[str] = field(default_factory=Counter)
    waiting: list[QueuedMessage] = field(default_factory=list)
    handled: dict[str, QueuedMessage] = field(default_factory=dict)
    """The message that each worker handles."""
    sent: dict[str, float] = field(default_factory=dict)
    swept_at: float = 0.0
    has_asked: bool = False
    pauses: int = 0
    broken: str = ""


class _InExact(NamedTuple):
    """What Exact holds: rows and row versions of orders, chance, and requests not committed yet."""

    rows: bytes
    numbers: tuple[int, int]
    chance: Any
    late: tuple[httpx.Request, ...]


class PostingWorld(World):
    """From two deliveries of the approval to the posted order; both systems are connected."""

    data: _Data

    def __init__(self) -> None:
        """Queue the approval twice, as a webhook that was delivered again."""
        self.env = env = InMemoryEnvironment()
        env.airbase.limit = 1_000_000
        env.connect()
        let_tokens_last(env)
        self.order = OrderId(env.order("PO-1")["id"])
        names = Tables.__dataclass_fields__
        before = {name: getattr(env.memory.tables, name) for name in names}
        explored = {
            name: ExploredTable(table, self._is_shared, left_out=_LEFT_OUT)
            for name, table in before.items()
        }
        super().__init__(env.clock, explored)
        self.late: list[httpx.Request] = []
        routes = {"exact.test": env.exact.transport(), "airbase.test": env.airbase.transport()}
        self.transport = ExploredTransport(Hosts(routes), self.late)
        self.queues = ExploredQueues(self)
        self.memory = ExploredStack(
            self.transport, Tables(**explored), self.queues, env.memory.secret_store
        )
        self.services = self.memory.services()
        message = order_message(FIRM, self.order)
        self.data = _Data(waiting=[QueuedMessage(message), QueuedMessage(message)])

    def _is_shared(self, pk: str, sk: str) -> bool:
        return pk == FIRM and sk in {f"order#{self.order}", "due"}

    # ------------------------------------------------------------ choices

    def starts(self) -> Iterable[Choice]:
        """Yield a free worker per kind of message, a late commit, the sweep, a person.

        The sweep starts while the order is due: otherwise it does nothing about it.
        """
        free = next((name for name in _WORKERS if name not in self.running), None)
        for one in self._visible() if free else ():
            what = "the retry" if one.message.body.get("by_hand") else "a message"
            yield Choice(f"{free} takes {what}", partial(self._take, str(free), one))
        if self.late:
            yield Choice("Exact commits it now", self._commit)
        if self.data.swept_at != clock.epoch() and self._is_due():
            yield Choice("the sweep starts", self._sweep)
        if not self.data.has_asked:
            yield Choice("a person asks for a retry", self._ask)
            if not self.running:
                yield Choice("nobody asks for a retry", self._ask_nothing)

    def rest(self) -> Iterable[Choice]:
        """Yield the time that passes until something is due or visible; none at rest."""
        moments = [one.visible_at for one in self.data.waiting]
        if not self._is_at_rest():
            due = self._record().due_at
            moments.append(due.timestamp() if due else 0.0)
        if moments and self.data.pauses < _MOST_PAUSES:
            later = [at - clock.epoch() for at in moments if at > clock.epoch()]
            wait = min(later, default=_A_MINUTE)
            yield Choice(f"{wait:.0f} s pass", lambda: self._pause(wait))

    def _visible(self) -> Iterable[QueuedMessage]:
        """Yield one of each kind of message that is visible now: equal ones make no difference."""
        kinds: dict[str, QueuedMessage] = {}
        for one in self.data.waiting:
            if one.visible_at <= clock.epoch():
                kinds.setdefault(f"{one.message.body} {one.receives}", one)
        return kinds.values()

    def _take(self, name: str, one: QueuedMessage) -> None:
        """Let a worker handle a message, as a new process; meanwhile the message is invisible."""
        one.receives += 1
        one.visible_at = inf
        self.data.handled[name] = one
        body = counted(one.message.body, one.receives)
        self.start(name, lambda: worker.handle(body, self.memory.services()), str(body))

    def _commit(self) -> None:
        self.transport.commit(self.late.pop())

    def _sweep(self) -> None:
        self.data.swept_at = clock.epoch()
        self.start(_SWEEP, lambda: sweep_connection(self._firm()))

    def _firm(self) -> Any:
        return self.memory.services("sweep").of(FIRM)

    def _ask(self) -> None:
        self.data.has_asked = True
        self.start(_PERSON, lambda: retry(PersonsStack(self), Person(_PERSON), FIRM, self.order))

    def _ask_nothing(self) -> None:
        self.data.has_asked = True

    def _pause(self, seconds: float) -> None:
        self.data.pauses += 1
        self.pass_time(seconds)

    def pass_time(self, seconds: float) -> None:
        """Exact commits within the minute what its caller has given up."""
        while self.late:
            self._commit()
        super().pass_time(seconds)

    def finished(self, actor: Actor) -> None:
        """Remove a message that was handled; another comes back, five times."""
        one = self.data.handled.pop(actor.place.name, None)
        again = isinstance(actor.failure, DeliverAgain)
        if actor.failure and not isinstance(actor.failure, DeliverAgain | Conflict | UserError):
            self.data.broken = f"{actor.place.name} fails: {actor.failure!r}"
        if one is None:
            return
        is_handled = not actor.is_dead and not actor.failure
        if is_handled or one.receives >= _MOST_RECEIVES:
            self.data.waiting = [each for each in self.data.waiting if each is not one]
        else:
            one.visible_at = clock.epoch() + (_SOON if again else wait_after(one.receives))

    # ------------------------------------------------------------ state and invariants

    def contents(self) -> Iterable[str]:
        """Yield the changed items, Exact's orders, the queue, and what is still to come."""
        yield from self.tables["ledger"].contents()
        yield from self.tables["coordination"].contents()
        yield f"{[order['PurchaseOrderID'] for order in self._in_exact()]} {len(self.late)} late"
        yield from sorted(
            f"{one.message.body} {max(one.visible_at, clock.epoch())} {one.receives}"
            for one in self.data.waiting
        )
        yield from sorted(
            f"{self.running[name].place.next_call} for {one.message.body}"
            for name, one in self.data.handled.items()
        )
        yield f"{self.data.swept_at == clock.epoch()} {self.data.has_asked} {self._drops_next()}"

    def version_now(self) -> int:
        """See `World.version_now`: the record's."""
        return int(self._item().get("version", 0))

    def _drops_next(self) -> bool:
        """Return whether the queue would drop a sweep's message about the record as it is."""
        once = f"{FIRM}#{self.order} {self._item().get('version')}"
        return self.data.sent.get(once, -_REMEMBERED) + _REMEMBERED > clock.epoch()

    def violation(self, *, at_end: bool) -> str:
        """Return what is wrong: an order twice; at the end, one lost, or a broken audit trail."""
        orders = self._in_exact()
        if len(orders) > 1:
            return f"{len(orders)} orders in Exact for one approved purchase"
        if self.data.broken or not at_end:
            return self.data.broken
        record = self._record()
        if found := self.services.ledger_of(FIRM).find_break(record):
            return f"the audit trail is broken: {found}"
        if record.state == "posted":
            return "" if len(orders) == 1 else "posted, and not in Exact"
        if record.problems or (record.due_at and record.facts.waiting):
            return ""
        return f"the order is forgotten: {record.state}, due {record.due_at}"

    def _in_exact(self) -> list[dict[str, Any]]:
        orders = self.env.exact.purchase_orders(NL.division)
        return [order for order in orders if is_marked_for(order["Remarks"], FIRM, self.order)]

    def _record(self) -> OrderRecord:
        return self.services.ledger_of(FIRM).order(self.order)

    def _item(self) -> Item:
        change = self.tables["ledger"].changed.get((FIRM, f"order#{self.order}"))
        return (change and change.item) or {}

    def _is_at_rest(self) -> bool:
        return self._item().get("state") == "posted" or bool(self._item().get("codes"))

    def _is_due(self) -> bool:
        due_at = str(self._item().get("due_at", "")).partition("#")[0]
        return bool(due_at) and datetime.fromisoformat(due_at) <= clock.now()

    def outside(self) -> _InExact:
        """Return what Exact holds of orders."""
        world = self.env.exact.world
        division = world.divisions[NL.division]
        rows = [(division.table(path), division.stamps.get(path, {})) for path in _PATHS]
        numbers = division.next_order_number, division.last_version
        return _InExact(pickle.dumps(rows), numbers, world.rng.getstate(), tuple(self.late))

    def restore_outside(self, held: _InExact) -> None:
        """Let Exact hold these orders; no call was made of late."""
        exact = self.env.exact
        division = exact.world.divisions[NL.division]
        for path, (rows, stamps) in zip(_PATHS, pickle.loads(held.rows), strict=True):
            division.rows[path], division.stamps[path] = rows, stamps
        division.next_order_number, division.last_version = held.numbers
        exact.world.rng.setstate(held.chance)
        exact.limits, exact.errors = RateLimits(), ErrorLimit()
        exact.calls.clear()
        self.late[:] = held.late


class AlwaysInTurn(Turns):
    """Nobody waits for a turn: the protocol does not rest on it."""

    def take(self, division: Division) -> None:
        """Grant it."""


class ExploredStack(InMemoryStack):
    """Workers that may all call Exact at once."""

    def services(self, actor: str = "po_posting") -> StackServices:
        """See `InMemoryStack.services`."""
        services = super().services(actor)
        opened = services.openers.exact

        def exact(id: ConnectionId, site: ExactSite) -> ExactClient:
            exact_client = opened(id, site)
            exact_client.turns = AlwaysInTurn(self.tables.coordination, id)
            return exact_client

        return replace(services, openers=replace(services.openers, exact=exact))


class ExploredQueues(InMemoryQueues):
    """Takes the messages about orders; the others belong to reference data."""

    def __init__(self, world: PostingWorld) -> None:
        """Queue in the world's data."""
        super().__init__()
        self._world = world

    def send(self, message: Message, once: str | None = None) -> None:
        """Queue a message, unless it is a duplicate."""
        if message.body["kind"] in {"order", "recover"} or "#run " in message.group:
            text = f"queue a message ({message.body['kind']})"
            call(text, {DONE: lambda: self._send(message, str(once))}, is_noticed=True)

    def _send(self, message: Message, once: str) -> None:
        data = self._world.data
        if clock.epoch() - data.sent.get(once, -_REMEMBERED) >= _REMEMBERED:
            data.sent[once] = clock.epoch()
            data.waiting.append(QueuedMessage(message))


class ExploredTransport(httpx.BaseTransport):
    """A network on which the answer to a POST may be lost, or the commit be late."""

    def __init__(self, inner: httpx.BaseTransport, late: list[httpx.Request]) -> None:
        """Keep in `late` what the remote still commits."""
        self._inner, self._late = inner, late

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer; calls about orders are noticed."""
        is_noticed = _PATHS[0] in request.url.path
        text = "POST the order to Exact" if request.method == "POST" else "look in Exact"
        status, content = call(text, self._ways(request, is_noticed), is_noticed=is_noticed)
        return httpx.Response(status, content=content, request=request)

    def commit(self, request: httpx.Request) -> tuple[int, bytes]:
        """Carry a request to the remote; return status and body of its answer."""
        answer = self._inner.handle_request(request)
        return answer.status_code, answer.read()

    def _ways(self, request: httpx.Request, can_fail: bool) -> Ways:
        def lose() -> None:
            self.commit(request)
            raise httpx.ReadTimeout("lost", request=request)

        def commit_late() -> None:
            self._late.append(request)
            raise httpx.ReadTimeout("late", request=request)

        ways: dict[str, Callable[[], Any]] = {DONE: lambda: self.commit(request)}
        if can_fail:
            ways["which answers 503"] = lambda: (503, b"")
        if can_fail and request.method == "POST":
            ways |= {"the answer is lost": lose, "Exact will commit it late": commit_late}
        return ways


class PersonsStack(OpenedStack):
    """The world's stack as a person's request uses it."""

    def __init__(self, world: PostingWorld) -> None:
        """Open it without AWS."""
        self.tables, self.queues = world.memory.tables, world.queues
        opened: dict[str, Any] = {"services": world.services, "actor": Person(_PERSON)}
        vars(self).update(opened)
