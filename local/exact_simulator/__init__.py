"""A simulator of Exact Online, with state, as strict as the real one is known to be.

`ExactSimulator` opens no socket: pass calls to `handle`, or `transport()` to an `httpx.Client`.
`serve` runs it over HTTP, with its control routes; `notifying` sends its notifications. One
simulator is one site's server: `build_sites` and `serve_sites` run several side by side.
"""

from local.exact_simulator.faults import ExactFault
from local.exact_simulator.journal import ExactCall
from local.exact_simulator.limits import Contract
from local.exact_simulator.server import notifying, serve
from local.exact_simulator.simulator import ExactSimulator
from local.exact_simulator.sites import build_sites, serve_sites
from local.simulator import NoAnswer, Request, Response

__all__ = [
    "Contract",
    "ExactCall",
    "ExactFault",
    "ExactSimulator",
    "NoAnswer",
    "Request",
    "Response",
    "build_sites",
    "notifying",
    "serve",
    "serve_sites",
]
