"""`python -m local.airbase_simulator [port]`: a tenant with sample data, until Ctrl-C."""

import signal
import sys
import threading

from local.airbase_simulator.server import serve
from local.airbase_simulator.simulator import AirbaseSimulator


def main() -> None:
    """Serve one subsidiary with a vendor and a pending order."""
    simulator = AirbaseSimulator()
    simulator.add_subsidiary("sub-nl", "Example NL")
    vendor = simulator.add_vendor("Example Supplies")
    simulator.add_order("PO-1001", "sub-nl", vendor, [simulator.line("4406", "125.00", "Paper")])
    stopped = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stopped.set())
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    with serve(simulator, port=port) as base_url:
        sys.stdout.write(f"{base_url}  (controls: {base_url}/_control/state)\n")
        sys.stdout.flush()
        stopped.wait()


if __name__ == "__main__":
    main()
