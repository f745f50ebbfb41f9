"""Airbase on one machine, as this connector assumes it: the default profile of its API.

The accounting part follows what is known of the real one; purchase orders and webhooks are not
documented publicly and follow the default profile. `AirbaseSimulator` opens no socket: hand
calls to `handle`, give `transport()` to an `httpx.Client`, or serve it with `local.simulation`.
"""

from local.airbase_simulator.simulator import AirbaseSimulator
from local.airbase_simulator.webhooks import Webhook

__all__ = ["AirbaseSimulator", "Webhook"]
