"""The workers over tables, queues and secrets in memory, without sockets.

For the seeded histories of the tests and for the bench, where thousands of days take seconds.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import httpx

from local.in_memory.rights import acting_as, queue_used
from local.in_memory.tables import InMemorySecretStore, InMemoryTable
from local.message_chains import LONGEST_CHAIN
from ml_connector import clock
from ml_connector.bootstrap import Telling, build_services
from ml_connector.deeds import worker as purchase_order_worker
from ml_connector.infrastructure import http as http_clients
from ml_connector.infrastructure.channels import Channel
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, VENDORS, Message, Queues, text_of
from ml_connector.infrastructure.tables import Tables
from ml_connector.messages.worker import DeliverAgain, counted, hidden_for, wait_after
from ml_connector.services import StackServices
from ml_connector.vendors import worker as vendor_worker

_WORKERS = {
    PURCHASE_ORDERS: ("PoPostingFunction", purchase_order_worker),
    VENDORS: ("VendorReconciliationFunction", vendor_worker),
}
_LIVES = {PURCHASE_ORDERS: 60, VENDORS: 300}  # seconds, as in the template
_MOST_RECEIVES = 5
_REMEMBERED = 300.0


@dataclass
class QueuedMessage:
    """One message in a queue."""

    message: Message
    visible_at: float = 0.0
    receives: int = 0
    sent_at: float = 0.0
    waited: float = 0.0
    chain: int = 0
    """How many workers came before it: each was called for a message of the one before."""


@dataclass
class InMemoryQueues(Queues):
    """FIFO queues: groups in turn, visibility, redrive after five receives, de-duplication."""

    waiting: list[QueuedMessage] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)
    seen: dict[str, float] = field(default_factory=dict)
    _chain: int = 0

    def send(self, message: Message, once: str | None = None) -> None:
        """See `Queues.send`."""
        queue_used(message.queue)
        text_of(message)  # refuses one that is too large
        deduplication_id = once or f"{message.queue} {message.group} {message.body}"
        if clock.epoch() - self.seen.get(deduplication_id, -_REMEMBERED) < _REMEMBERED:
            return
        self.seen[deduplication_id] = clock.epoch()
        self.waiting.append(QueuedMessage(message, sent_at=clock.epoch(), chain=self._chain))

    def send_all(self, messages: Sequence[tuple[Message, str]]) -> None:
        """See `Queues.send_all`."""
        for message, once in messages:
            self.send(message, once)

    def return_later(self, arn: str, receipt_handle: str, wait: int) -> None:
        """Do nothing: `deliver` says when a message is visible again."""

    def ready(self) -> Iterator[QueuedMessage]:
        """Yield the messages that may be delivered now: the first visible one of each group."""
        busy: set[tuple[str, str]] = set()
        for one in list(self.waiting):
            group = (one.message.queue, one.message.group)
            if group not in busy and one.visible_at <= clock.epoch() and one in self.waiting:
                yield one
            busy.add(group)

    def deliver(self, one: QueuedMessage, handle: Callable[[Message], None]) -> None:
        """Pass the message to a worker; it is removed when the worker returns.

        At the end of a chain that is too long it is not delivered, as by Lambda.
        """
        if one.chain >= LONGEST_CHAIN:
            self.waiting.remove(one)
            self.dead.append(one.message)
            return
        one.receives += 1
        if one.receives == 1:
            one.waited = clock.epoch() - one.sent_at
        one.visible_at = clock.epoch() + hidden_for(one.receives, _LIVES[one.message.queue])
        try:
            self._chain = one.chain + 1
            body = counted(one.message.body, one.receives, one.waited)
            handle(replace(one.message, body=body))
        except DeliverAgain as again:
            one.visible_at = clock.epoch() + again.seconds
            return
        except BaseException as error:
            if isinstance(error, Exception):  # others end the process: nobody returns the message
                one.visible_at = clock.epoch() + wait_after(one.receives)
            if one.receives >= _MOST_RECEIVES:
                self.waiting.remove(one)
                self.dead.append(one.message)
            raise
        finally:
            self._chain = 0
        self.waiting.remove(one)


@dataclass
class InMemoryStack:
    """One stack's tables, queues and secrets, and the workers over them."""

    transport: httpx.BaseTransport
    tables: Tables = field(
        default_factory=lambda: Tables(*(InMemoryTable(n) for n in Tables.__dataclass_fields__))
    )
    queues: InMemoryQueues = field(default_factory=InMemoryQueues)
    secret_store: InMemorySecretStore = field(default_factory=InMemorySecretStore)
    topics: list[Channel] = field(default_factory=list)
    """Channels that notify people; none unless a test adds some."""
    console_url: str = ""
    alarms: list[Channel] = field(default_factory=list)
    """Channels that are told of each halt; none unless a test adds some."""
    figures: list[dict[str, float]] = field(default_factory=list)
    """The metrics that were emitted."""

    def services(self, actor: str = "po_posting") -> StackServices:
        """Return the services of a new worker process, without any cached state."""
        http = http_clients.client(self.transport)
        parts = self.tables, self.queues, self.secret_store, http
        telling = Telling(self.topics, self.alarms, console_url=self.console_url)
        return build_services(actor, *parts, telling, self._measure)

    def _measure(self, figures: Mapping[str, float]) -> None:
        self.figures.append(dict(figures))

    def work(self, message: Message, services: StackServices) -> None:
        """Handle one message as the function of its queue does."""
        function, worker = _WORKERS[message.queue]
        with acting_as(function):
            worker.handle(message.body, services)

    def drain(self, services: StackServices, most: int = 100_000) -> int:
        """Deliver until nothing is ready; return how many messages were handled."""
        handled = 0
        while ready := list(self.queues.ready()):
            for one in ready:
                self.queues.deliver(one, lambda message: self.work(message, services))
                handled += 1
            if handled > most:
                raise RuntimeError("the queues do not become empty")
        return handled


class Hosts(httpx.BaseTransport):
    """Routes by host name to several transports: one client, both simulators."""

    def __init__(self, routes: Mapping[str, httpx.BaseTransport]) -> None:
        """Route each host to its transport."""
        self._routes = routes

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as the simulator behind the host does."""
        return self._routes[request.url.host].handle_request(request)
