"""A run of a division: whoever has its turn reads what is due there and posts what waits for it.

So no order waits for a turn while it holds a worker: it is due in the ledger, and the holder or
the next run, at most a minute later, takes it up.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from ml_connector import clock
from ml_connector.domain.faults import Halt, Later, Review
from ml_connector.domain.ids import Division, OrderId, site_of
from ml_connector.exact.call_purpose import for_orders
from ml_connector.exact.rate_limiter import after_minute
from ml_connector.exact.turns import kept
from ml_connector.infrastructure.aws_faults import is_of_aws
from ml_connector.infrastructure.circuit_breaker import EXACT
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import AnyRecord, Conflict, OrderRecord, parked_under
from ml_connector.messages.rooms import Rooms
from ml_connector.messages.sending import run_message, unique_id
from ml_connector.purchase_orders.posting import advance_order
from ml_connector.records.tracked_record import HALTED
from ml_connector.reference_data.refresh import is_due, is_usable, refresh
from ml_connector.services import Services
from ml_connector.sweep.due_records import (
    FOR_CALLS,
    claim,
    queue_due,
    queue_reviews_of_division,
    waiting_for_exact,
)
from ml_connector.telemetry import logger

RUN_LASTS = timedelta(seconds=35)
"""Of a worker's 60 seconds: the last order of a run may take what is left."""
_SOON, _TO_OTHERS = timedelta(seconds=10), timedelta(seconds=20)
_READING = timedelta(seconds=60)
_LONGEST_CHAIN = 10
_UNTIL_TOMORROW = {"EXACT_DAY_LIMIT", "EXACT_CONTRACT_DAY"}


def run_division(
    services: Services,
    division: Division,
    *,
    everything: bool = False,
    is_last: bool = False,
    chain: int = 0,
) -> datetime | None:
    """Read the reference data that are due (or all), then post what waits, oldest first.

    Return when to go on, None when nothing is left or only a later minute's sweep can go on.
    `is_last`: the run's message cannot come again, so after the turn a new one goes on, unless so
    many already came of one another (`chain`).
    """
    if services.connection.division(division) is None:
        return None
    turns = services.exact(division).turns
    with kept():
        try:
            with for_orders():
                turns.take(division)
        except Later as later:
            logger().info(str(later), extra={"connection": services.id})
            return clock.now() + _SOON
        until = clock.now() + RUN_LASTS
        again_at = _read_due(services, division, everything=everything)
        if not _is_stopped(services, division):
            again_at = _post_waiting(services, division, until, _parked(division)) or again_at
    if again_at and turns.is_wanted(division):
        again_at = max(again_at, clock.now() + _TO_OTHERS)
    if again_at and is_last:
        _hand_on(services, division, chain)
    return again_at


def go_on(services: Services) -> None:
    """Post what waits in the divisions whose turn this worker has taken for an order."""
    until = clock.now() + RUN_LASTS
    for each in services.connection.divisions:
        division = each.division
        has_turn = services.exact(division).turns.has(division)
        if has_turn and _post_waiting(services, division, until):
            _hand_on(services, division)


def _hand_on(services: Services, division: Division, chain: int = 0) -> None:
    """Let a new run go on; after a long chain of them, the next sweep's does.

    Lambda stops a chain of about 16 messages to its own queue.
    """
    if chain < _LONGEST_CHAIN:
        message = run_message(services.id, division, unique_id(), chain + 1)
        services.queues.send(message, unique_id())


def _read_due(services: Services, division: Division, *, everything: bool) -> datetime | None:
    """Read what is due; the sweep repeats it after a fault. Return when to go on, if at once."""
    data = services.reference_store(division)
    if not everything and not is_due(data):
        return None
    was_usable = is_usable(data)
    name = f"reading {division}"
    with services.leases.holding(name, _READING) as held:
        if held is None:  # more than one may call the division, but one reading is enough
            return None
        try:
            if refresh(services, division, everything=everything):
                queue_reviews_of_division(services, division)
        except Halt as halt:
            Halts(services.ledger).stop(halt.problem, halt.scope)
        except (Later, Review) as fault:
            more = {"connection": services.id, "division": division, "cause": str(fault)}
            logger().warning("reference data not read", extra=more)
            is_cut_short = isinstance(fault, Later) and fault.code == "REFERENCE_DATA_OLD"
            return clock.now() if is_cut_short and not everything else None
    if not was_usable:
        queue_due(services, Rooms(services))
    return None


def _is_stopped(services: Services, division: Division) -> bool:
    """Return whether nothing can be posted: a halt, an outage, data that are too old."""
    halts = Halts(services.ledger)
    if halts.is_stopped() or halts.is_stopped(division):
        return True
    if services.exact(division).circuit_breaker.outage().is_open:
        return True
    return not is_usable(services.reference_store(division))


def _parked(division: Division) -> list[str]:
    """Return under which reasons orders of a running division may be parked."""
    return [
        parked_under(code, site)
        for code in (EXACT.away, HALTED)
        for site in (None, site_of(division))
    ]


def _post_waiting(
    services: Services, division: Division, until: datetime, parked: Collection[str] = ()
) -> datetime | None:
    """Process the orders that wait, oldest first; return when to go on, None if none is left."""
    done = 1
    while done:  # others may come meanwhile
        done = 0
        for record in waiting_for_exact(services.ledger, division, parked):
            if clock.now() >= until:
                return clock.now()
            if not claim(services.ledger, record):
                continue
            done += 1
            after = _advance(services, record)
            if code := _for_all(after):
                return after_minute(clock.now()) if code == "EXACT_MINUTE_LIMIT" else None
    return None


def _advance(services: Services, record: AnyRecord) -> OrderRecord | None:
    """Process one order; a crash of it is logged, and counted in its record."""
    try:
        return advance_order(services, OrderId(record.key.partition("#")[2]))
    except Conflict:
        return None  # another worker has it
    except Exception as error:
        if is_of_aws(error):
            raise
        logger().exception("order not processed", connection=services.id, record=record.key)
        return None


def _for_all(after: OrderRecord | None) -> str:
    """Return the code of a delay of the whole division after which the run ends, empty if none.

    After one until the next day it goes on: each order says what it waits for.
    """
    waiting = after.facts.waiting if after and after.due_at else None
    return waiting.code if waiting and waiting.code in FOR_CALLS - _UNTIL_TOMORROW else ""
