"""`python -m local.exact_simulator [port]`: a simulator with sample data, until Ctrl-C."""

import signal
import sys
import threading

from local.exact_simulator.server import notifying, serve
from local.exact_simulator.simulator import ExactSimulator
from ml_connector.clock import MovableClock


def main() -> None:
    """Serve one Dutch division with a supplier, a GL account and an item."""
    simulator = ExactSimulator(MovableClock())
    simulator.add_division(101)
    simulator.add_supplier(101, "Example Supplies")
    account = simulator.add_gl_account(101, "4406", "Office costs")
    simulator.add_item(101, "GL4406", "Office costs", account)
    stopped = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stopped.set())
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    with serve(simulator, port=port) as base_url, notifying(simulator):
        sys.stdout.write(f"{base_url}  (controls: {base_url}/_control/state)\n")
        sys.stdout.flush()
        stopped.wait()


if __name__ == "__main__":
    main()
