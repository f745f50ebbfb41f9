"""`make explore`: all schedules of a protocol, without bounds, the cheapest first.

`make explore WORLD=tokens` explores the other protocol; `SCHEDULE=0,2,1` replays one schedule. It
ends when a violation is found, or when it is interrupted.
"""

import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress

from rich.console import Console

from tests.exploration.chance import without_chance
from tests.exploration.posting import PostingWorld
from tests.exploration.search import Explorable, Search
from tests.exploration.tokens import TokenWorld

_WORLDS: dict[str, Callable[[], Explorable]] = {
    "posting": PostingWorld,
    "tokens": lambda: TokenWorld(rounds=2),
}
_console = Console(highlight=False, markup=False, soft_wrap=True)


def main(world: str, schedule: str) -> int:
    """Explore a world, or replay one of its schedules; return 1 when an invariant is broken."""
    logging.disable(logging.CRITICAL)
    violation = None
    with without_chance(), suppress(KeyboardInterrupt):
        search = Search(_WORLDS[world](), {}, told=_console.print)
        if schedule:
            violation = search.replay([int(index) for index in schedule.split(",")])
        else:
            violation = search.run()
        _console.print(violation or search)
    return 1 if violation else 0


if __name__ == "__main__":
    sys.exit(main(os.environ.get("WORLD") or "posting", os.environ.get("SCHEDULE", "")))
