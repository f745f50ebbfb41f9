"""A simulator of Airbase's API, as the default profile assumes it.

The accounting part follows what is known of the real one; purchase orders and webhooks are not
documented publicly and follow the default profile. `AirbaseSimulator` opens no socket: pass
calls to `handle`, or `transport()` to an `httpx.Client`. `serve` runs it over HTTP, with its
control routes.
"""

from local.airbase_simulator.server import serve
from local.airbase_simulator.simulator import AirbaseSimulator
from local.airbase_simulator.webhooks import Webhook

__all__ = ["AirbaseSimulator", "Webhook", "serve"]
