"""The simulator behind a real socket, with its notifications going out meanwhile."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from local import simulation
from local.exact_simulator.simulator import ExactSimulator

_IDLE_SECONDS = 30.0


@contextmanager
def serve(simulator: ExactSimulator, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve until the block ends and yield the base URL; port 0 takes a free one.

    Notifications go out from a thread of their own meanwhile. Faults that swallow an answer
    close the connection without one.
    """
    stopped = threading.Event()
    notifier = threading.Thread(target=_notify, args=(simulator, stopped), daemon=True)
    with simulation.serve(simulator.handle, host, port) as base_url:
        simulator.webhooks.origin = base_url
        notifier.start()
        try:
            yield base_url
        finally:
            stopped.set()
            simulator.webhooks.queued.set()
            notifier.join(timeout=_IDLE_SECONDS)


def _notify(simulator: ExactSimulator, stopped: threading.Event) -> None:
    while not stopped.is_set():
        simulator.webhooks.queued.wait()
        if not stopped.is_set():
            simulator.webhooks.pump()
