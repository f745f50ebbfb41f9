"""Jobs that should long have run: one list, counted into one metric.

A halt, an outage and a call limit have their own alarms or exceptions: what waits for them is not
overdue. Parked orders are not in the list either; they count in `OldestWaitingSeconds`.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from ml_connector import clock, telemetry
from ml_connector.domain.ids import Division, SiteId, halting_keys, site_of
from ml_connector.domain.records import WAITING_DEEDS
from ml_connector.domain.words import moment
from ml_connector.infrastructure.coordination import CARE, COMPARISON, LISTING, care_of
from ml_connector.reference_data.refresh import due_since
from ml_connector.services import Services
from ml_connector.sweep.capacity import division_of
from ml_connector.sweep.outages import Outages

_MOST = 500  # of one kind: an alarm needs no exact figure
_DAY = timedelta(days=1)


class _DueJobs:
    """What is due of one connection: each method yields since when, the oldest first.

    Each takes the moment before which a job has to be due to be overdue. What cannot go on now, for
    a reason that people are told by itself, is left out.
    """

    def __init__(self, services: Services, halts: Collection[str], outages: Outages) -> None:
        self._services = services
        self._halts = halts
        self._outages = outages

    def events(self, before: datetime) -> Iterator[datetime]:
        if not self._is_stopped:
            yield from (each.received_at for each in self._services.inbox.open_events(before))

    def records(self, before: datetime) -> Iterator[datetime]:
        if not self._is_stopped:
            for record in self._services.ledger.due(before):
                division = division_of(record)
                if record.due_at and not (division and self._is_halted(division)):
                    yield record.due_at

    def deeds(self, before: datetime) -> Iterator[datetime]:
        waiting = self._services.ledger.due(before, WAITING_DEEDS)  # no halt stops them
        yield from (each.due_at for each in waiting if each.due_at)

    def readings(self, _: datetime) -> Iterator[datetime]:
        for each in self._services.connection.divisions:
            since = due_since(self._services.reference_store(each.division))
            is_away = self._outages.of_site(site_of(each.division))
            if since and not is_away and not self._is_halted(each.division):
                yield since

    def listing(self, _: datetime) -> Iterator[datetime]:
        connection = self._services.connection
        if connection.profile.orders_path and not self._waits_for_airbase:
            every = timedelta(minutes=connection.airbase_sweep_minutes)
            yield self._services.last_runs.of(LISTING) + every

    def care(self, _: datetime) -> Iterator[datetime]:
        for each in self._services.connection.sites:
            if not self._waits_for_site(each.site):
                yield self._services.last_runs.of(care_of(each.id)) + _DAY

    def comparison(self, _: datetime) -> Iterator[datetime]:
        if not self._waits_for_airbase:
            yield self._services.last_runs.of(COMPARISON) + _DAY

    def notifications(self, _: datetime) -> Iterator[datetime]:
        if self._services.channels:
            waiting = self._services.outbox.waiting(1)
            yield from (datetime.fromisoformat(each.at) for each in waiting)

    @property
    def _is_stopped(self) -> bool:
        """Return whether the whole connection is stopped."""
        return "" in self._halts

    @property
    def _waits_for_airbase(self) -> bool:
        return self._is_stopped or self._outages.of_airbase

    def _waits_for_site(self, site: SiteId) -> bool:
        return self._is_stopped or site in self._halts or self._outages.of_site(site)

    def _is_halted(self, division: Division) -> bool:
        return any(key in self._halts for key in halting_keys(division))


class _Job(NamedTuple):
    """A kind of job: how long it may be due, and how those that are due are found."""

    name: str
    grace: timedelta
    due: Callable[[_DueJobs, datetime], Iterator[datetime]]


def count_overdue(services: Services, halts: Collection[str], outages: Outages) -> int:
    """Return how many jobs of a connection are overdue, and log which.

    `halts`: what is stopped, as `Halts.all` says.
    """
    jobs = _DueJobs(services, halts, outages)
    count = 0
    for job in _JOBS:
        before = clock.now() - job.grace
        due = [at for at in islice(job.due(jobs, before), _MOST) if at < before]
        if due:
            since = moment(min(due))
            telemetry.logger().warning(
                "overdue", connection=services.id, job=job.name, number=len(due), since=since
            )
        count += len(due)
    return count


_JOBS = (
    _Job("webhook event", timedelta(hours=1), _DueJobs.events),
    _Job("record", timedelta(hours=4), _DueJobs.records),
    _Job("deed of a person", timedelta(hours=1), _DueJobs.deeds),
    _Job("reading of a division", timedelta(hours=8), _DueJobs.readings),
    _Job(LISTING, timedelta(hours=4), _DueJobs.listing),
    _Job(CARE, timedelta(hours=12), _DueJobs.care),
    _Job(COMPARISON, timedelta(hours=12), _DueJobs.comparison),
    _Job("notification", timedelta(hours=26), _DueJobs.notifications),
)
