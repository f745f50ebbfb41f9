"""Exact Online on one machine, with state and as strict as what is known of the real one.

`ExactSimulator` is the whole of it and opens no socket: hand calls to `handle`, or give
`transport()` to an `httpx.Client`. `serve` puts a real HTTP server around it,
`notifying` lets its notifications go out by themselves.
"""

from local.exact_simulator.faults import Fault
from local.exact_simulator.journal import Call
from local.exact_simulator.server import notifying, serve
from local.exact_simulator.simulator import ExactSimulator
from local.simulation import NoAnswer, Request, Response

__all__ = [
    "Call",
    "ExactSimulator",
    "Fault",
    "NoAnswer",
    "Request",
    "Response",
    "notifying",
    "serve",
]
