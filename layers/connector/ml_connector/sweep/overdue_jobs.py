"""Jobs that should long have run: one list, counted into one metric every five minutes.

A halt, an outage and a call limit have their own alarms or exceptions: what waits for them is not
overdue. Parked orders are not in the list either; they count in `OldestWaitingSeconds`.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from ml_connector import clock, telemetry
from ml_connector.domain.ids import division_key
from ml_connector.infrastructure.circuit_breaker import AIRBASE, EXACT, REMOTES
from ml_connector.infrastructure.coordination import CARE, COMPARISON, LISTING
from ml_connector.infrastructure.halts import Halts
from ml_connector.reference_data.refresh import due_since
from ml_connector.services import Services, StackServices
from ml_connector.sweep.capacity import division_of

_EVERY_MINUTES = 5
_MOST = 500  # of one kind: an alarm needs no exact figure
_DAY = timedelta(days=1)


class _Stopped(NamedTuple):
    """What of a connection cannot go on now, for a reason that people are told by itself."""

    halts: Collection[str]
    away: Collection[str]

    def waits_for(self, *remotes: str) -> bool:
        """Return whether a job of the whole connection that needs these cannot go on."""
        return "" in self.halts or any(remote in self.away for remote in remotes)


class _Job(NamedTuple):
    """A kind of job; `due` yields the moments since which some are due, the oldest first."""

    name: str
    grace: timedelta
    due: Callable[[Services, _Stopped, datetime], Iterable[datetime]]
    """Takes the moment before which a job has to be due to be overdue."""


def measure_overdue(services: StackServices) -> None:
    """Measure every five minutes how many jobs are overdue, and log which; never raises.

    A connection that cannot be looked at counts as one.
    """
    if clock.now().minute % _EVERY_MINUTES:
        return
    log = telemetry.logger()
    count = 0
    try:
        for each in services.all():
            try:
                count += _count(each)
            except Exception:
                count += 1
                log.exception("overdue jobs not counted", connection=each.id)
        services.measure({"OverdueJobs": count})
    except Exception:
        log.exception("overdue jobs not counted")


def _count(services: Services) -> int:
    halts = Halts(services.ledger).all().keys()
    away = [each.name for each in REMOTES if services.circuit_breaker(each).outage().is_open]
    stopped = _Stopped(halts, away)
    count = 0
    for job in _JOBS:
        before = clock.now() - job.grace
        due = [at for at in islice(job.due(services, stopped, before), _MOST) if at < before]
        if due:
            since = f"{min(due):%Y-%m-%d %H:%M} UTC"
            telemetry.logger().warning(
                "overdue", connection=services.id, job=job.name, number=len(due), since=since
            )
        count += len(due)
    return count


def _events(services: Services, stopped: _Stopped, before: datetime) -> Iterable[datetime]:
    if not stopped.waits_for():
        yield from (each.received_at for each in services.inbox.open_events(before))


def _records(services: Services, stopped: _Stopped, before: datetime) -> Iterable[datetime]:
    site = services.connection.site
    if not stopped.waits_for():
        for record in services.ledger.due(before):
            if record.due_at and division_key(site, division_of(record)) not in stopped.halts:
                yield record.due_at


def _readings(services: Services, stopped: _Stopped, _: datetime) -> Iterable[datetime]:
    site = services.connection.site
    if not stopped.waits_for(EXACT.name):
        for each in services.connection.divisions:
            since = due_since(services.reference_store(each.division))
            if since and division_key(site, each.division) not in stopped.halts:
                yield since


def _listing(services: Services, stopped: _Stopped, _: datetime) -> Iterable[datetime]:
    every = timedelta(minutes=services.connection.airbase_sweep_minutes)
    if services.connection.profile.orders_path and not stopped.waits_for(AIRBASE.name):
        yield services.last_runs.of(LISTING) + every


def _care(services: Services, stopped: _Stopped, _: datetime) -> Iterable[datetime]:
    if not stopped.waits_for(EXACT.name):
        yield services.last_runs.of(CARE) + _DAY


def _comparison(services: Services, stopped: _Stopped, _: datetime) -> Iterable[datetime]:
    if not stopped.waits_for(AIRBASE.name):
        yield services.last_runs.of(COMPARISON) + _DAY


def _notifications(services: Services, _: _Stopped, __: datetime) -> Iterable[datetime]:
    if services.channels:
        yield from (datetime.fromisoformat(each.at) for each in services.outbox.waiting(1))


_JOBS = (
    _Job("webhook event", timedelta(hours=1), _events),
    _Job("record", timedelta(hours=4), _records),
    _Job("reading of a division", timedelta(hours=8), _readings),
    _Job(LISTING, timedelta(hours=4), _listing),
    _Job(CARE, timedelta(hours=12), _care),
    _Job(COMPARISON, timedelta(hours=12), _comparison),
    _Job("notification", timedelta(hours=26), _notifications),
)
