"""How many orders a sweep may queue: no more than their divisions have calls left."""

from collections.abc import Iterable
from functools import cache, cached_property

from ml_connector import clock
from ml_connector.domain.ids import Division
from ml_connector.domain.records import OrderFacts, OrderState
from ml_connector.infrastructure.ledger import AnyRecord, OrderRecord
from ml_connector.records.tracked_record import LONGEST_WAIT
from ml_connector.reference_data.refresh import is_usable
from ml_connector.services import Services

# These need no reference data: the first is looked up in Exact, the second compared.
_WITHOUT_MAPPING = {OrderState.POSTING, OrderState.POSTED}


class CallCapacity:
    """Counts down the calls left this minute, one per order; they are read at the first order."""

    def __init__(self, services: Services, running: Iterable[Division]) -> None:
        """Count these divisions of the connection: those that no halt stops."""
        self._services = services
        self._connection = services.connection
        self._running = tuple(running)
        self._queued = 0
        self._is_usable = cache(lambda division: is_usable(services.reference_store(division)))

    @property
    def is_used_up(self) -> bool:
        """Return whether no division has a call left."""
        return self._queued >= self._all

    def take(self, record: OrderRecord) -> bool:
        """Take a call for the order; return whether there is one and the order can use it.

        An order that was never fetched has no division yet: it counts for all together.
        """
        division = division_of(record)
        known = self._connection.division(division) if division else None
        if known and not self._take_of(known.division, record):
            return False
        self._queued += 1
        return True

    def _take_of(self, division: Division, record: OrderRecord) -> bool:
        if self._left.get(division, 0) <= 0:
            return False
        is_ready = record.state in _WITHOUT_MAPPING or self._is_usable(division)
        if not (is_ready or has_to_be_told(record)):
            return False  # it continues once the reference data are read
        self._left[division] -= 1
        return True

    @cached_property
    def _all(self) -> int:
        return sum(self._left.values())

    @cached_property
    def _left(self) -> dict[Division, int]:
        exact = self._services.exact
        return {each: exact(each).rate_limiter.calls_left(each) for each in self._running}


def has_to_be_told(record: AnyRecord) -> bool:
    """Return whether it has waited so long that its worker makes that an exception."""
    waiting = record.facts.waiting
    since = waiting.since if waiting and not record.problems else None
    return since is not None and clock.now() - since >= LONGEST_WAIT


def division_of(record: AnyRecord) -> Division | None:
    """Return the division of an order; None for one without, and for another record."""
    facts = record.facts
    return facts.division if isinstance(facts, OrderFacts) else None
