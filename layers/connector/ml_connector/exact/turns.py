"""Whose turn it is to call a division: Exact asks for synchronous calls, so few are in flight.

Exact's text on its limits: parallel requests are "queued in a random order", and "data integrity
cannot be guaranteed". A turn is a lease on one of a division's places. Whoever takes one keeps it
for a run of calls; nobody waits for it, and a killed worker's expires.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta

from msgspec import Struct, field

from ml_connector import clock
from ml_connector.domain.exception_codes import delay
from ml_connector.domain.ids import ConnectionId, Division
from ml_connector.exact.call_purpose import is_for_orders
from ml_connector.infrastructure.coordination import HeldLease, Leases, SharedValues
from ml_connector.infrastructure.dynamodb import Table

LASTS = timedelta(seconds=90)
"""How long a killed holder delays a division at most: longer than a worker of orders lives."""
_ONE_CALL = timedelta(seconds=30)  # at most 25, with its time-outs
_REMEMBERED = timedelta(minutes=3)


class KeptTurns(Struct):
    """The turns that are kept during a run of calls, by connection and division.

    `was_refused`: whether a turn was taken by another.
    """

    held: "dict[tuple[Leases, str], HeldLease]" = field(default_factory=dict)
    was_refused: bool = False


_run: ContextVar[KeptTurns | None] = ContextVar("run of calls", default=None)


@contextmanager
def kept() -> Iterator[KeptTurns]:
    """Keep within a `with` block the turns that its calls take; they are released at its end.

    A block within another is part of the same run.
    """
    if known := _run.get():
        yield known
        return
    run = KeptTurns()
    before = _run.set(run)
    try:
        yield run
    finally:
        _run.reset(before)
        for (leases, _), lease in run.held.items():
            leases.release(lease)


class Turns:
    """The turns of a connection's divisions."""

    def __init__(self, table: Table, connection: ConnectionId, calls_in_flight: int = 1) -> None:
        """Grant as many turns of a division at once as it may have calls in flight."""
        self._leases = Leases(table, connection)
        self._values = SharedValues(table, connection)
        self._places = range(calls_in_flight)

    @contextmanager
    def calling(self, division: Division) -> Iterator[None]:
        """Make a call within a `with` block, in turn: the one that is kept, or one for this call.

        Raises:
            Later: the division has all the calls in flight that it may have.
        """
        with kept():
            self.take(division)
            yield

    def take(self, division: Division) -> None:
        """Take a turn for all calls of this `kept` block; one that it has already is renewed.

        Raises:
            Later: every turn is taken. Unless it is for orders, the next run leaves a pause.
        """
        run = _run.get() or KeptTurns()
        known = run.held.pop((self._leases, division), None)
        lease = (known and self._renewed(known)) or self._acquired(division)
        if lease is None:
            run.was_refused = True
            if not is_for_orders():
                self._values.set(f"turn wanted {division}", "", clock.now() + _REMEMBERED)
            raise delay("EXACT_TURN_TAKEN", clock.now(), "division", division=division)
        run.held[self._leases, division] = lease

    def has(self, division: Division) -> bool:
        """Return whether this `kept` block has a turn of the division."""
        run = _run.get()
        return run is not None and (self._leases, division) in run.held

    def is_wanted(self, division: Division) -> bool:
        """Return whether somebody other than an order met no free turn; it is then forgotten."""
        name = f"turn wanted {division}"
        if self._values.get(name) is None:
            return False
        self._values.clear(name)
        return True

    def _renewed(self, lease: HeldLease) -> HeldLease | None:
        if lease.until - clock.now() >= _ONE_CALL:
            return lease
        return self._leases.renew(lease, LASTS)

    def _acquired(self, division: Division) -> HeldLease | None:
        tried = (self._leases.acquire(f"turn {division} {place}", LASTS) for place in self._places)
        return next((lease for lease in tried if lease), None)
