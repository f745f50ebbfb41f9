"""The sweep of one connection: what is due, what people are told, and when to look again."""

from datetime import datetime, timedelta

from pydantic import ValidationError

from ml_connector import clock
from ml_connector.domain.ids import ConnectionId
from ml_connector.domain.records import WAITING_DEEDS
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.infrastructure.sweep_marks import SWEPT_EVERY, Found, Swept
from ml_connector.messages.rooms import Rooms, queue_waiting_events
from ml_connector.services import Services, StackServices
from ml_connector.sweep.due_records import Look, sweep_connection
from ml_connector.sweep.group_counts import count_groups
from ml_connector.sweep.refused_webhooks import check_refused_webhooks
from ml_connector.telemetry import logger

_EARLY = timedelta(seconds=10)  # sweeps come every minute, though not to the second
_LOST_AFTER = timedelta(minutes=2)
_COUNTED_EVERY = timedelta(minutes=25)  # what is overdue is so by hours


def sweep_one(services: StackServices, id: ConnectionId, number: int | None) -> None:
    """Sweep a connection of which `number` sweeps have ended; do nothing if more have by now.

    What fails is logged and measured, not raised: the message would come back later than the next
    sweep.
    """
    before = services.sweep_marks.of(id)
    if number is not None and number != before.number:
        return  # a copy of the message
    began = clock.now()
    due, found = began + SWEPT_EVERY - _EARLY, before.found
    try:
        own = services.of(id)
    except ValidationError:
        logger().exception("a connection must be added again", connection=id)
    else:
        if own is None:
            return  # it was removed
        due, found = _sweep(own, due, found)
    services.sweep_marks.note_swept(id, Swept(before.number + 1, began, due, found))


def _sweep(services: Services, latest: datetime, found: Found) -> tuple[datetime, Found]:
    """Sweep; return when to do so again, at the latest then, and what was found.

    People are told what is new even if the rest fails.
    """
    at_rest = True
    try:
        rooms = Rooms(services)
        at_rest = not queue_waiting_events(services.inbox, rooms, waited=_LOST_AFTER)
        check_refused_webhooks(services.webhook_senders, services.ledger)
        look = sweep_connection(services, rooms)
        at_rest = look.is_at_rest and not count_groups(services) and at_rest
        found = _figures(services, look, found)
        next_at = _next_due(services.ledger, latest)
    except Exception:  # noqa: BLE001  counted
        next_at = clock.now()
        services.measure({"SweepFailures": 1})
        logger().exception("connection not swept", connection=services.id)
    if _tell(services) or not at_rest:
        next_at = clock.now()
    return next_at or latest, found


def _next_due(ledger: Ledger, latest: datetime) -> datetime | None:
    """Return when the next record is due, or what a person has asked for; None after `latest`."""
    firsts = (next(ledger.due(latest, parked), None) for parked in ("", WAITING_DEEDS))
    return min((each.due_at for each in firsts if each and each.due_at), default=None)


def _figures(services: Services, look: Look, before: Found) -> Found:
    """Return the figures of a connection; overdue jobs are counted now and then."""
    # Imported by the first sweep of a process: a worker for orders starts without them.
    from ml_connector.notifications.metrics import figures_of  # noqa: PLC0415
    from ml_connector.sweep.overdue_jobs import count_overdue  # noqa: PLC0415

    halts = look.connection.facts.halts
    overdue, counted_at = before.overdue, before.counted_at
    if overdue or counted_at is None or clock.now() - counted_at >= _COUNTED_EVERY:
        overdue, counted_at = count_overdue(services, halts, look.outages), clock.now()
    return figures_of(services.ledger, len(halts), overdue, counted_at)


def _tell(services: Services) -> bool:
    """Send notifications; return whether any is waiting. Never raises."""
    from ml_connector.notifications.send import send_due  # noqa: PLC0415

    try:
        return send_due(services)
    except Exception:  # noqa: BLE001  the next sweep sends them
        logger().exception("notifications not sent", connection=services.id)
        return True
