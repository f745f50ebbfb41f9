"""The simulator behind a real socket, and its notifications going out by themselves."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from local import simulation
from local.exact_simulator.simulator import ExactSimulator

_IDLE_SECONDS = 30.0


@contextmanager
def serve(simulator: ExactSimulator, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve until the block ends and yield the base URL; port 0 takes a free one.

    Faults that swallow an answer close the connection without one.
    """
    with simulation.serve(simulator.handle, host, port) as base_url:
        simulator.webhooks.origin = base_url
        yield base_url


@contextmanager
def notifying(simulator: ExactSimulator) -> Iterator[None]:
    """Send notifications from a thread of their own until the block ends.

    Without this they go out when `pump` is called: a story that works off its queues itself
    knows by then what has arrived.
    """
    stopped = threading.Event()
    notifier = threading.Thread(target=_notify, args=(simulator, stopped), daemon=True)
    notifier.start()
    try:
        yield
    finally:
        stopped.set()
        simulator.webhooks.queued.set()
        notifier.join(timeout=_IDLE_SECONDS)


def _notify(simulator: ExactSimulator, stopped: threading.Event) -> None:
    while not stopped.is_set():
        simulator.webhooks.queued.wait()
        if not stopped.is_set():
            simulator.webhooks.pump()
