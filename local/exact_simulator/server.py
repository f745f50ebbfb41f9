"""Serve the simulator and its control routes over HTTP, and send its notifications."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from local import simulator as simulation
from local.exact_simulator.control import with_control_routes
from local.exact_simulator.simulator import ExactSimulator

_IDLE_SECONDS = 30.0


@contextmanager
def serve(simulator: ExactSimulator, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve until the block ends and yield the base URL; port 0 takes a free one.

    Faults that suppress the answer close the connection.
    """
    with simulation.serve(with_control_routes(simulator), host, port) as base_url:
        simulator.webhooks.origin = base_url
        simulator.wait = time.sleep
        yield base_url


@contextmanager
def notifying(simulator: ExactSimulator) -> Iterator[None]:
    """Send notifications from a background thread until the block ends.

    Without this, `Webhooks.pump` sends them, so that a test controls when they arrive.
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
