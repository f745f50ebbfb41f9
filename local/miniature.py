"""The whole posting side in one process's memory: real workflows, real doors, no sockets.

For the seeded histories of the tests and for the bench, where thousands of days pass in seconds.
The tables, the vault and the queues are in memory; both remotes are the simulators.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from local.memory import MemoryTable, MemoryVault
from ml_connector import clock
from ml_connector.doors import http as http_door
from ml_connector.doors.channels import Channel
from ml_connector.doors.queues import PURCHASE_ORDERS, Message, Queues
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.orders import queue as purchase_order_queue
from ml_connector.workflows.vendors import queue as vendor_queue
from ml_connector.workflows.wiring import Tables, join_doors

VISIBILITY = 360.0
_MOST_RECEIVES = 5
_REMEMBERED = 300.0


@dataclass
class Waiting:
    """One message in a queue."""

    message: Message
    visible_at: float = 0.0
    receives: int = 0


@dataclass
class MemoryQueues(Queues):
    """FIFO queues: groups in turn, visibility, redrive after five receives, de-duplication."""

    waiting: list[Waiting] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)
    seen: dict[str, float] = field(default_factory=dict)

    def send(self, message: Message, once: str | None = None) -> None:
        """See `Queues.send`."""
        mark = once or f"{message.queue} {message.group} {message.body}"
        if clock.epoch() - self.seen.get(mark, -_REMEMBERED) < _REMEMBERED:
            return
        self.seen[mark] = clock.epoch()
        self.waiting.append(Waiting(message))

    def ready(self) -> Iterator[Waiting]:
        """Yield the messages that may be delivered now: the first visible one of each group."""
        busy: set[tuple[str, str]] = set()
        for one in list(self.waiting):
            group = (one.message.queue, one.message.group)
            if group not in busy and one.visible_at <= clock.epoch() and one in self.waiting:
                yield one
            busy.add(group)

    def deliver(self, one: Waiting, handle: Callable[[Mapping[str, Any]], None]) -> None:
        """Hand the message to a worker; it is gone only when the worker returns."""
        one.visible_at = clock.epoch() + VISIBILITY
        one.receives += 1
        try:
            handle(one.message.body)
        except BaseException:
            if one.receives >= _MOST_RECEIVES:
                self.waiting.remove(one)
                self.dead.append(one.message)
            raise
        self.waiting.remove(one)


@dataclass
class Miniature:
    """Tables, queues and vault of one stack, and the workers over them."""

    transport: httpx.BaseTransport
    tables: Tables = field(
        default_factory=lambda: Tables(*(MemoryTable(n) for n in Tables.__dataclass_fields__))
    )
    queues: MemoryQueues = field(default_factory=MemoryQueues)
    vault: MemoryVault = field(default_factory=MemoryVault)
    topics: list[Channel] = field(default_factory=list)
    """The channels by which people are told; none unless some are put here."""
    figures: list[tuple[dict[str, float], dict[str, str]]] = field(default_factory=list)
    """Every figure that was measured, and what it was of."""

    def doors(self, actor: str = "po_posting") -> Doors:
        """Return the doors of a fresh worker process: no token, no budget remembered."""
        http = http_door.client(self.transport)
        parts = self.tables, self.queues, self.vault, http, self.topics, self._measure
        return join_doors(actor, *parts)

    def _measure(self, figures: Mapping[str, float], **of: str) -> None:
        self.figures.append((dict(figures), of))

    def work(self, message: Message, doors: Doors) -> None:
        """Do what one message asks for, as the function of its queue does."""
        worker = purchase_order_queue if message.queue == PURCHASE_ORDERS else vendor_queue
        worker.handle(message.body, doors)

    def drain(self, doors: Doors, most: int = 100_000) -> int:
        """Deliver until nothing is ready; return how many messages were handled."""
        handled = 0
        while ready := list(self.queues.ready()):
            for one in ready:
                self.queues.deliver(one, lambda _, m=one.message: self.work(m, doors))  # type: ignore[misc]
                handled += 1
            if handled > most:
                raise RuntimeError("the queues do not run dry")
        return handled


class Hosts(httpx.BaseTransport):
    """Routes by host name to several transports: one client, both simulators."""

    def __init__(self, routes: Mapping[str, httpx.BaseTransport]) -> None:
        """Route each host to its transport."""
        self._routes = routes

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as the simulator behind the host does."""
        return self._routes[request.url.host].handle_request(request)
