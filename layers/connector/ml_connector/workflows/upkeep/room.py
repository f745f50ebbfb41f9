"""How many orders a sweep may queue: no more than their divisions have calls for."""

from collections.abc import Collection
from functools import cache, cached_property

from ml_connector.connection import Connection
from ml_connector.doors.ledger import Record
from ml_connector.ids import Division
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.upkeep.refresh import is_usable

# These need no reference data: the one is looked for in Exact, the other compared.
_PLANNED = {"posting", "posted"}


class Room:
    """The calls left this minute, counted down by order; nothing is read before the first."""

    def __init__(self, doors: Doors, connection: Connection, halted: Collection[str]) -> None:
        """Take the divisions of `connection` but those that are halted."""
        self._doors = doors
        self._connection = connection
        self._halted = halted
        self._queued = 0
        self._is_usable = cache(lambda division: is_usable(doors, connection.id, division))

    @property
    def is_used_up(self) -> bool:
        """Return whether the divisions have no call left between them."""
        return self._queued >= self._all

    def take(self, record: Record) -> bool:
        """Take an order's call; return whether there was one and the order can make use of it.

        An order that was never fetched has no division yet: it may be any.
        """
        known = self._connection.division(Division(int(record.facts.get("division") or 0)))
        if known and not self._take_of(known.division, record):
            return False
        self._queued += 1
        return True

    def _take_of(self, division: Division, record: Record) -> bool:
        if self._left.get(division, 0) <= 0:
            return False
        if record.state not in _PLANNED and not self._is_usable(division):
            return False  # it goes on as soon as they are read
        self._left[division] -= 1
        return True

    @cached_property
    def _all(self) -> int:
        return sum(self._left.values())

    @cached_property
    def _left(self) -> dict[Division, int]:
        budget = self._doors.budget(self._connection)
        codes = (each.division for each in self._connection.divisions)
        return {code: budget.room(code) for code in codes if str(code) not in self._halted}
