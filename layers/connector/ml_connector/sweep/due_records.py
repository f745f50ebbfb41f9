"""The sweep: queue again what is due in the ledger, or was lost by a queue.

A message only asks a worker to process a record: lost, repeated or late ones do no harm.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial

from ml_connector import clock
from ml_connector.connections.token_stores import token_stores_need_care
from ml_connector.domain.ids import Division, OrderId, VendorId, division_key
from ml_connector.domain.records import OrderFacts
from ml_connector.infrastructure.circuit_breaker import (
    AIRBASE,
    EXACT,
    REMOTES,
    CircuitBreaker,
    Outage,
    Remote,
)
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import AnyRecord, Conflict, Ledger
from ml_connector.infrastructure.queues import MessageTooLargeError
from ml_connector.message_bodies import Recoverable
from ml_connector.message_outcome import kept_message
from ml_connector.messages import (
    order_message,
    reconcile_message,
    recover_message,
    run_message,
    vendor_message,
)
from ml_connector.reference_data.refresh import is_due
from ml_connector.services import Services, StackServices
from ml_connector.sweep.capacity import CallCapacity, division_of, has_to_be_told
from ml_connector.sweep.long_outages import report_outages
from ml_connector.sweep.missed_approvals import queue_listing
from ml_connector.sweep.refused_webhooks import check_refused_webhooks
from ml_connector.telemetry import logger
from ml_connector.tracked_record import GIVEN_UP, PARKING_CODES

_LOST_AFTER = timedelta(minutes=2)
_QUEUE_AGAIN = timedelta(minutes=10)  # longer than the queue's visibility timeout
_MOST_AT_ONCE = 500
_WEBHOOKS_EVERY = 5  # minutes: a sweep reads little
_EVENTS = "event#"
FOR_CALLS = {
    "EXACT_TURN_TAKEN", "EXACT_MINUTE_LIMIT", "EXACT_DAY_LIMIT", "EXACT_RATE_LIMITED", "EXACT_AWAY",
    "HALTED", "REFERENCE_DATA_OLD",
}  # fmt: skip
"""The delays of an order that are over once its division can be called: a run takes it up."""
_FAR = datetime(9999, 1, 1, tzinfo=UTC)


def sweep(services: StackServices) -> None:
    """Queue what is due of every connection; a failure stops neither the next nor the next sweep.

    It is logged and measured, not raised: the message would come back, and until then hold up the
    sweeps after it, for all connections.
    """
    failures = 0
    for each in services.all():
        try:
            _queue_lost_events(each)
            if clock.epoch() // 60 % _WEBHOOKS_EVERY == 0:
                check_refused_webhooks(each.webhook_senders, each.ledger)
            sweep_connection(each)
        except Exception:  # noqa: BLE001  counted
            failures += 1
            logger().exception("connection not swept", connection=each.id)
    if failures:
        services.measure({"SweepFailures": failures})
    measure_and_notify(services)


def measure_and_notify(services: StackServices) -> None:
    """Measure the connections and notify people of what is new; never raises."""
    # Imported by the first sweep of a process: a worker for orders starts without them.
    from ml_connector.notifications import metrics, send  # noqa: PLC0415
    from ml_connector.sweep.overdue_jobs import measure_overdue  # noqa: PLC0415

    metrics.measure_all(services)
    measure_overdue(services)
    send.send_all(services.all())


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
    waiting = [
        record
        for record in services.ledger.due(_FAR)
        if record.problems and isinstance(record.facts, OrderFacts) and is_meant(record.facts)
    ]
    for record in waiting:
        _queue(services, record)
    return len(waiting)


def sweep_connection(services: Services) -> None:
    """Queue what is due of one connection, and checks that may end an outage or a halt."""
    connection = services.ledger.connection()
    halts = connection.facts.halts
    away = _away(services.circuit_breaker)
    report_outages(services.ledger, connection, away)
    to_check: list[Recoverable] = [remote.name for remote in away]
    to_check += ["halts"] if halts else []
    to_check += (
        ["tokens"] if token_stores_need_care(services.exact.tokens.pairs, connection) else []
    )
    for what in to_check:
        message = recover_message(services.id, what)
        services.queues.send(message, f"{message.group} {clock.epoch() // 60}")
    if "" in halts:
        return
    if EXACT not in away:
        _queue_refreshes(services, halts.keys())
    if AIRBASE not in away:
        queue_listing(services)
    _queue_due(services, halts.keys(), away)


def _queue_refreshes(services: Services, halted: Collection[str]) -> None:
    for division in services.connection.divisions:
        site, code = services.connection.site, division.division
        if division_key(site, code) not in halted and is_due(services.reference_store(code)):
            _queue_runs(services, code)


def _queue_runs(services: Services, division: Division) -> None:
    """Have the division worked through, by as many as may call it at once; once a minute."""
    minute = int(clock.epoch() // 60)
    for number in range(services.connection.calls_in_flight):
        run = f"{minute} {number}"
        message = run_message(services.id, services.connection.site, division, run)
        services.queues.send(message, message.group)


def _queue_lost_events(services: Services) -> None:
    for event in services.inbox.open_events(clock.now() - _LOST_AFTER):
        services.queues.send(event.message, f"{event.once} {clock.epoch() // 600}")


def queue_due(services: Services) -> None:
    """Queue due orders, oldest first, no more per division than it has calls left."""
    halted = Halts(services.ledger).all().keys()
    if "" not in halted:
        _queue_due(services, halted, _away(services.circuit_breaker))


def _queue_due(services: Services, halted: Collection[str], away: Collection[Remote]) -> None:
    """Queue due orders; those that wait only for calls are left to a run of their division."""
    capacity = CallCapacity(services, halted)
    queued = 0
    run = cache(partial(_queue_runs, services))  # once
    for record in _due(services.ledger, {remote.away for remote in away}):
        if queued >= _MOST_AT_ONCE or capacity.is_used_up:
            return
        if not (record.key.startswith(_EVENTS) or capacity.take(record)):
            continue
        if waits_for_exact(record) and not has_to_be_told(record):
            run(division_of(record))
        elif claim(services.ledger, record):
            _queue(services, record)
            queued += 1


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


def _due(ledger: Ledger, away: Collection[str]) -> Iterator[AnyRecord]:
    """Yield the records that are due, then those parked for a reason that is over."""
    yield from ledger.due(clock.now())
    for reason in PARKING_CODES:
        if reason not in away:
            yield from ledger.due(clock.now(), reason)


def _away(circuit_breaker: Callable[[Remote], CircuitBreaker]) -> dict[Remote, Outage]:
    outages = {remote: circuit_breaker(remote).outage() for remote in REMOTES}
    return {remote: outage for remote, outage in outages.items() if outage.is_open}


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


def _queue(services: Services, record: AnyRecord) -> None:
    kind, _, id = record.key.partition("#")
    if kind == "order":
        message = order_message(record.connection, OrderId(id))
        services.queues.send(message, f"{message.group} {record.version}")
    elif kind in {"vendor", "vendors"}:
        connection = record.connection
        message = vendor_message(connection, VendorId(id)) if id else reconcile_message(connection)
        services.queues.send(message, f"{message.group} {record.key} {record.version}")
    elif kind == "event" and (kept := kept_message(services.inbox, record)):
        try:
            services.queues.send(kept, f"{kept.group} {record.key} {record.version}")
        except MessageTooLargeError as error:  # its exception stays open; the others go on
            logger().warning(str(error), connection=record.connection, record=record.key)
