"""Workers that overlap in simulated time: a call to Exact takes as long as is said, unslept.

Each worker is a thread, of which one runs at a time: until its next call to Exact. Then whoever's
call ends next goes on, and the clock is moved to that moment. Everything else takes no time.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

import httpx

from local.exact_simulator.routes import route
from local.in_memory.environment import InMemoryEnvironment
from local.in_memory.stack import QueuedMessage
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, Message
from ml_connector.services import StackServices

_MINUTE = 60


@dataclass(eq=False)
class _Worker:
    """One process, and the message that it handles."""

    services: StackServices
    message: QueuedMessage | None = None
    may_run: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


class ParallelWorkers(httpx.BaseTransport):
    """As many workers as the purchase order queue has, over an environment's tables and queues."""

    def __init__(
        self, env: InMemoryEnvironment, lasts: Callable[[int], float], workers: int = 10
    ) -> None:
        """Let each call to a division of Exact last as many seconds as `lasts` says of it."""
        self._env = env
        self._lasts = lasts
        self._inner, env.memory.transport = env.memory.transport, self
        self._free = [_Worker(env.memory.services()) for _ in range(workers)]
        self._running: _Worker | None = None
        self._has_stopped = threading.Semaphore(0)
        self._ends: list[tuple[float, int, _Worker]] = []
        self._numbers = count()
        self._under_way: Counter[int] = Counter()
        self.most_in_flight: Counter[int] = Counter()
        """How many calls to each division were under way at once, at most."""
        self.failures: list[Exception] = []
        """What the workers raised: bugs, and conflicts with another worker."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as the simulator does, after the time of the call."""
        division = route(request.url.path).division if request.url.host == "exact.test" else None
        with self._counted(division):
            answer = self._inner.handle_request(request)
            answer.read()
            if division and self._running:
                self._let_pass(self._lasts(division))
        return answer

    def minute(self) -> None:
        """Sweep, and let a minute pass."""
        sweep = Message(PURCHASE_ORDERS, "sweep", {"kind": "sweep"})
        self._env.memory.queues.send(sweep, f"sweep {next(self._numbers)}")
        self.run(_MINUTE)

    def run(self, seconds: float) -> None:
        """Let workers take messages, and go on when their calls end, for so many seconds."""
        end = self._env.clock() + seconds
        while True:
            self._start_all()
            moments = [one.visible_at for one in self._env.memory.queues.waiting]
            later = [at for at in moments if at > self._env.clock()] if self._free else []
            ends = [at for at, _, _ in self._ends[:1]]
            at = min([*later, *ends, end])
            self._env.clock.move(at - self._env.clock())
            if at >= end:
                return
            if ends and self._ends[0][0] <= at:
                self._go_on(heappop(self._ends)[2])

    def kill_all(self) -> None:
        """End all workers where they are, in the middle of their calls; new ones take their place.

        Nothing of what they would have done next happens.
        """
        killed = [worker for _, _, worker in self._ends]
        self._ends.clear()
        self._under_way.clear()
        self._free += [_Worker(self._env.memory.services()) for _ in killed]

    def _start_all(self) -> None:
        queues = self._env.memory.queues
        while self._free and (one := next(queues.ready(), None)):
            worker = self._free.pop(0)
            worker.message = one
            self._running = worker
            threading.Thread(target=self._handle, args=(worker, one), daemon=True).start()
            self._has_stopped.acquire()

    def _handle(self, worker: _Worker, one: QueuedMessage) -> None:
        memory = self._env.memory
        try:
            memory.queues.deliver(one, lambda message: memory.work(message, worker.services))
        except Exception as error:  # noqa: BLE001  the queue delivers it again
            self.failures.append(error)
        self._free.append(worker)
        self._running = None
        self._has_stopped.release()

    def _let_pass(self, seconds: float) -> None:
        """Stop the worker that runs, until its call has ended."""
        queues, worker = self._env.memory.queues, self._running
        if worker is None:
            raise RuntimeError("no worker runs")
        chain = queues._chain  # noqa: SLF001  of the worker that runs
        heappush(self._ends, (self._env.clock() + seconds, next(self._numbers), worker))
        self._has_stopped.release()
        worker.may_run.acquire()
        queues._chain = chain  # noqa: SLF001

    def _go_on(self, worker: _Worker) -> None:
        self._running = worker
        worker.may_run.release()
        self._has_stopped.acquire()

    @contextmanager
    def _counted(self, division: int | None) -> Iterator[None]:
        if division is None:
            yield
            return
        self._under_way[division] += 1
        self.most_in_flight[division] = max(
            self.most_in_flight[division], self._under_way[division]
        )
        yield
        self._under_way[division] -= 1
