"""Serve the simulator and its control routes over HTTP."""

from contextlib import AbstractContextManager

from local import simulator as simulation
from local.airbase_simulator.control import with_control_routes
from local.airbase_simulator.simulator import AirbaseSimulator


def serve(
    simulator: AirbaseSimulator, host: str = "127.0.0.1", port: int = 0
) -> AbstractContextManager[str]:
    """Serve until the block ends and yield the base URL; port 0 takes a free one."""
    return simulation.serve(with_control_routes(simulator), host, port)
