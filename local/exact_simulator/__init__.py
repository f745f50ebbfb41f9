"""A simulator of Exact Online, with state, as strict as the real one is known to be.

`ExactSimulator` opens no socket: pass calls to `handle`, or `transport()` to an `httpx.Client`.
`serve` runs it over HTTP, with its control routes; `notifying` sends its notifications.
"""

from local.exact_simulator.faults import ExactFault
from local.exact_simulator.journal import ExactCall
from local.exact_simulator.server import notifying, serve
from local.exact_simulator.simulator import ExactSimulator
from local.simulator import NoAnswer, Request, Response

__all__ = [
    "ExactCall",
    "ExactFault",
    "ExactSimulator",
    "NoAnswer",
    "Request",
    "Response",
    "notifying",
    "serve",
]
