"""`python -m local.exact_simulator [port] [--site nl --site be]`: with sample data, until Ctrl-C.

Each site is a simulator of its own, at the next port; they share a contract. With
`--accept-loopback` they take http and loopback redirect URIs, which Exact refuses.
"""

import argparse
import signal
import sys
import threading
from contextlib import ExitStack

from local.exact_simulator.server import notifying
from local.exact_simulator.simulator import ExactSimulator
from local.exact_simulator.sites import build_sites, serve_sites
from ml_connector.clock import MovableClock
from ml_connector.settings.exact_sites import EXACT_SITES

_COUNTRIES = {"co.uk": "GB", "com": "US"}


def main() -> None:
    """Serve one division for each site, with a supplier, a GL account and an item."""
    asked = _asked()
    sites = build_sites(tuple(asked.site or ["nl"]), MovableClock())
    for simulator in sites.values():
        _populate(simulator)
        simulator.oauth.accepts_loopback = asked.accept_loopback
    stopped = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stopped.set())
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    with ExitStack() as stack:
        urls = stack.enter_context(serve_sites(sites, asked.port))
        for name, base_url in urls.items():
            stack.enter_context(notifying(sites[name]))
            sys.stdout.write(f"{name} {base_url}  (controls: {base_url}/_control/state)\n")
        sys.stdout.flush()
        stopped.wait()


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.exact_simulator")
    parser.add_argument("port", nargs="?", type=int, default=0)
    parser.add_argument("--site", action="append", choices=EXACT_SITES)
    parser.add_argument("--accept-loopback", action="store_true")
    return parser.parse_args()


def _populate(simulator: ExactSimulator) -> None:
    site = simulator.world.site
    simulator.add_division(101, _COUNTRIES.get(site, site.upper()))
    simulator.add_supplier(101, "Example Supplies")
    account = simulator.add_gl_account(101, "4406", "Office costs")
    simulator.add_item(101, "GL4406", "Office costs", account)


if __name__ == "__main__":
    main()
