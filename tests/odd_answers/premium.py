"""Divisions of the firm under the codes of a Premium licence."""

from local.firm import Branch
from local.in_memory.environment import InMemoryEnvironment


def renumbered(env: InMemoryEnvironment, branch: Branch, code: int) -> int:
    """Give a division of the firm another code in Exact."""
    world = env.exact.world
    division = world.divisions.pop(branch.division)
    division.code = code
    world.divisions[code] = division
    world.current_division = next(iter(world.divisions))
    return code
