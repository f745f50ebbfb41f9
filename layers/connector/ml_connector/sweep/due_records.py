"""The sweep: queue again what is due in the ledger, as far as the connection has places.

A message only asks a worker to process a record: lost, repeated or late ones do no harm.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import islice

from msgspec import Struct

from ml_connector import clock
from ml_connector.connections.token_stores import token_stores_need_care
from ml_connector.domain.ids import Division, OrderId, VendorId, halting_keys, site_of
from ml_connector.domain.people import person_of
from ml_connector.domain.records import WAITING_DEEDS, EventFacts, OrderFacts
from ml_connector.infrastructure.circuit_breaker import AIRBASE, EXACT
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.inbox import Inbox
from ml_connector.infrastructure.ledger import (
    AnyRecord,
    Conflict,
    ConnectionRecord,
    Ledger,
    parked_under,
)
from ml_connector.infrastructure.places import MOST
from ml_connector.infrastructure.queues import (
    PURCHASE_ORDERS,
    VENDORS,
    Message,
    MessageTooLargeError,
)
from ml_connector.messages.outcome import kept_message
from ml_connector.messages.rooms import BOTH, Rooms
from ml_connector.messages.sending import (
    deed_again,
    order_message,
    reconcile_message,
    recover_message,
    run_message,
    vendor_message,
)
from ml_connector.records.tracked_record import GIVEN_UP, HALTED
from ml_connector.reference_data.refresh import is_due
from ml_connector.services import Services
from ml_connector.settings.connection import Connection
from ml_connector.sweep.capacity import CallCapacity, division_of, has_to_be_told
from ml_connector.sweep.long_outages import report_outages
from ml_connector.sweep.missed_approvals import queue_listing
from ml_connector.sweep.outages import Outages, read_outages
from ml_connector.telemetry import logger

_QUEUE_AGAIN = timedelta(minutes=10)  # longer than the queue's visibility timeout
_MOST_AT_ONCE, _MOST_SEEN = 500, 5_000
"""Due records of one queue that a sweep offers, and of both that it looks at."""
_UNREAD = "event#"
_WITHOUT_CALLS = (_UNREAD, "deed#")
FOR_CALLS = {
    "EXACT_TURN_TAKEN", "EXACT_MINUTE_LIMIT", "EXACT_DAY_LIMIT", "EXACT_RATE_LIMITED", "EXACT_AWAY",
    "EXACT_CONTRACT_DAY", "HALTED", "REFERENCE_DATA_OLD",
}  # fmt: skip
"""The delays of an order that are over once its division can be called: a run takes it up."""
_FAR = datetime(9999, 1, 1, tzinfo=UTC)


def queue_reviews_of_division(services: Services, division: Division) -> int:
    """Queue the division's orders with exceptions: a change there may have resolved them."""
    return _queue_where(services, lambda facts: facts.division == division)


def queue_reviews_without_division(services: Services) -> int:
    """Queue the orders with exceptions that have no division yet."""
    return _queue_where(services, lambda facts: facts.division is None)


def queue_reviews_of_vendor(services: Services, vendor: str) -> int:
    """Queue the vendor's orders with exceptions."""
    return _queue_where(services, lambda facts: facts.vendor_id == vendor)


def _queue_where(services: Services, is_meant: Callable[[OrderFacts], bool]) -> int:
    """Queue orders as far as there are places; the others are due now. Return how many."""
    waiting = [
        record
        for record in services.ledger.due(_FAR)
        if record.problems and isinstance(record.facts, OrderFacts) and is_meant(record.facts)
    ]
    queue_at_once(services, waiting)
    return len(waiting)


def queue_at_once(services: Services, records: Iterable[AnyRecord]) -> None:
    """Queue records as far as there are places; have the others taken up by the next sweep."""
    rooms = Rooms(services, MOST)
    for record in records:
        if _queue(services.inbox, record, rooms):
            continue
        with suppress(Conflict):  # another worker has it
            services.ledger.postpone(record, clock.now())
            services.sweep_soon()


class Look(Struct, frozen=True):
    """What was seen of a connection: its record, its outages, and whether it is at rest.

    It is at rest when nothing stops it and nothing was queued.
    """

    connection: ConnectionRecord
    outages: Outages
    is_at_rest: bool = False


def sweep_connection(services: Services, rooms: Rooms | None = None) -> Look:
    """Queue what is due of one connection, and checks that may end an outage or a halt.

    Records are queued as far as there are `rooms`: those of a sweep, if none are given.
    """
    queue_deeds(services)
    rooms = rooms or Rooms(services)
    connection = services.ledger.connection()
    halts = connection.facts.halts
    outages = read_outages(services)
    report_outages(services.ledger, connection, outages)
    checks = [
        recover_message(services.id, each.remote.name, each.site) for each in outages.to_probe
    ]
    if halts:
        checks.append(recover_message(services.id, "halts"))
    if token_stores_need_care(services, connection):
        checks.append(recover_message(services.id, "tokens"))
    for message in checks:
        services.queues.send(message, f"{message.group} {clock.epoch() // 60}")
    if "" in halts:
        return Look(connection, outages)
    running = _not_halted(services.connection, halts.keys())
    to_read = (each for each in running if not outages.of_site(site_of(each)))
    queued = [
        _queue_refreshes(services, to_read),
        not outages.of_airbase and queue_listing(services),
        _queue_due(services, halts.keys(), outages, rooms),
    ]
    rooms.note_rest()
    return Look(connection, outages, not any([halts, outages.every, checks, *queued]))


def _queue_refreshes(services: Services, running: Iterable[Division]) -> bool:
    due = [each for each in running if is_due(services.reference_store(each))]
    for division in due:
        _queue_runs(services, division)
    return bool(due)


def _queue_runs(services: Services, division: Division) -> None:
    """Have the division worked through, by as many as may call it at once; once a minute."""
    minute = int(clock.epoch() // 60)
    for number in range(services.connection.site(site_of(division)).calls_in_flight):
        message = run_message(services.id, division, f"{minute} {number}")
        services.queues.send(message, message.group)


def _not_halted(connection: Connection, halted: Collection[str]) -> list[Division]:
    return [
        each.division
        for each in connection.divisions
        if not any(key in halted for key in halting_keys(each.division))
    ]


def queue_deeds(services: Services) -> None:
    """Queue what people have asked for: no halt stops it, and it needs none of the orders' calls.

    What it cannot do it says to who asked. A message that was queued already is dropped by SQS.
    """
    for record in islice(services.ledger.due(clock.now(), WAITING_DEEDS), _MOST_AT_ONCE):
        if person := person_of(record.facts.by):
            message = deed_again(record.connection, record.key, person)
            services.queues.send(message, f"{message.group} {record.version}")


def queue_due(services: Services, rooms: Rooms, queues: Collection[str] = BOTH) -> None:
    """Queue what is due in these queues, oldest first, as far as there are places and calls."""
    halted = Halts(services.ledger).all().keys()
    if "" not in halted:
        _queue_due(services, halted, read_outages(services), rooms, queues)


def _queue_due(
    services: Services,
    halted: Collection[str],
    outages: Outages,
    rooms: Rooms,
    queues: Collection[str] = BOTH,
) -> bool:
    """Queue due records; those that wait only for calls are left to a run of their division.

    Return whether any record is due.
    """
    # Those of a site that is away as well: processed, they are parked until it is back.
    capacity = CallCapacity(services, _not_halted(services.connection, halted))
    seen, is_any_due, wanted = Counter[str](), False, {*queues}
    run = cache(partial(_queue_runs, services))  # once
    due = _due(services.ledger, _reasons_over(services.connection, halted, outages))
    for number, record in enumerate(due):
        is_any_due, queue = True, _queue_of(record)
        if capacity.is_used_up or number >= _MOST_SEEN or not wanted:
            break
        if queue not in wanted:
            continue
        is_full = queue == VENDORS and not rooms.is_free(queue)  # what stays takes no order's call
        if is_full or seen[queue] >= _MOST_AT_ONCE:
            wanted.discard(queue)
            continue
        if not (record.key.startswith(_WITHOUT_CALLS) or capacity.take(record)):
            continue
        division = division_of(record)
        is_served = division is not None and services.connection.division(division) is not None
        if is_served and waits_for_exact(record) and not has_to_be_told(record):
            run(division)
            continue
        seen[queue] += 1
        if rooms.is_free(queue) and claim(services.ledger, record):
            _queue(services.inbox, record, rooms)
    return is_any_due


def waiting_for_exact(
    ledger: Ledger, division: Division, parked: Collection[str] = ()
) -> Iterator[AnyRecord]:
    """Yield the division's orders that wait for calls to it, the longest waiting first.

    `parked`: the reasons that are over, of those for which records are parked.
    """
    for reason in ("", *parked):
        for record in ledger.due(clock.now(), reason):
            if division_of(record) == division and waits_for_exact(record):
                yield record


def waits_for_exact(record: AnyRecord) -> bool:
    """Return whether an order waits only until its division can be called."""
    waiting = record.facts.waiting
    return bool(division_of(record) and waiting and waiting.code in FOR_CALLS)


def _due(ledger: Ledger, over: Iterable[str]) -> Iterator[AnyRecord]:
    """Yield the records that are due, then those parked for a reason that is over.

    Messages that no release could read so far come last: however many, they take nobody's place.
    """
    unread: list[AnyRecord] = []
    for record in ledger.due(clock.now()):
        if record.key.startswith(_UNREAD) and len(unread) < _MOST_AT_ONCE:
            unread.append(record)
        else:
            yield record
    for reason in over:
        yield from ledger.due(clock.now(), reason)
    yield from unread


def _reasons_over(
    connection: Connection, halted: Collection[str], outages: Outages
) -> Iterator[str]:
    """Yield under which reasons records are parked that can go on: see `parked_under`."""
    if not outages.of_airbase:
        yield AIRBASE.away
    if not any(outages.of_site(each.site) for each in connection.sites):
        yield EXACT.away  # as older versions parked them: of any site
    yield HALTED
    for each in connection.sites:
        if not outages.of_site(each.site) and each.site not in halted:
            yield parked_under(EXACT.away, each.site)
            yield parked_under(HALTED, each.site)


def claim(ledger: Ledger, record: AnyRecord) -> bool:
    """Make the record due again only after a while, in case what takes it up now is lost.

    Return False when a worker has it.
    """
    try:
        anew = replace(record, receives=0) if record.receives >= GIVEN_UP else record
        ledger.postpone(anew, clock.now() + _QUEUE_AGAIN)
    except Conflict:
        return False  # a worker has it
    return True


def _queue_of(record: AnyRecord) -> str:
    """Return in which queue the message about a record is."""
    kind, _, _ = record.key.partition("#")
    is_kept_vendor = isinstance(record.facts, EventFacts) and (
        record.facts.message is not None and record.facts.message.queue == VENDORS
    )
    return VENDORS if kind in {"vendor", "vendors"} or is_kept_vendor else PURCHASE_ORDERS


def _queue(inbox: Inbox, record: AnyRecord, rooms: Rooms) -> bool:
    """Queue a record's message; return False when there is no place for it."""
    if message := _message_of(inbox, record):
        once = f"{message.group} {record.key} {record.version}"
        try:
            return rooms.send(message, once)
        except MessageTooLargeError as error:  # its exception stays open; the others go on
            logger().warning(str(error), connection=record.connection, record=record.key)
    return True


def _message_of(inbox: Inbox, record: AnyRecord) -> Message | None:
    """Return the message that asks for a record to be processed; None if nothing can be asked."""
    kind, _, id = record.key.partition("#")
    if kind == "order":
        return order_message(record.connection, OrderId(id))
    if kind == "vendor":
        return vendor_message(record.connection, VendorId(id))
    if kind == "vendors":
        return reconcile_message(record.connection)
    return kept_message(inbox, record) if kind == "event" else None
