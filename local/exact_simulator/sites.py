"""Several Exact sites side by side: one simulator each, with its own app, tokens and secrets."""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from local.exact_simulator.limits import Contract
from local.exact_simulator.server import serve
from local.exact_simulator.simulator import ExactSimulator
from local.exact_simulator.webhooks import Deliver, post
from ml_connector import clock as real_clock


def build_sites(
    names: tuple[str, ...] = ("nl", "be", "de"),
    clock: Callable[[], float] = real_clock.epoch,
    rng: random.Random | None = None,
    deliver: Deliver = post,
    contract: Contract | None = None,
) -> dict[str, ExactSimulator]:
    """Return a simulator for each site, by its name.

    They have clock, `rng` and contract in common, and nothing else: division codes may be equal.
    """
    shared = contract or Contract()
    source = rng or random.Random()
    return {
        name: ExactSimulator(clock, source, deliver, site=name, contract=shared) for name in names
    }


@contextmanager
def serve_sites(
    simulators: Mapping[str, ExactSimulator], first_port: int = 0
) -> Iterator[dict[str, str]]:
    """Serve every site until the block ends; yield the base URLs by name.

    The ports count up from `first_port`; 0 takes free ones.
    """
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(serve(each, port=first_port and first_port + position))
            for position, (name, each) in enumerate(simulators.items())
        }
