"""Have the worker read Exact's orders, and wait for it."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import stamina

from ml_connector import clock
from ml_connector.domain.ids import Division
from ml_connector.domain.words import command
from ml_connector.exact.purchase_orders import STREAM_PATH
from ml_connector.exact.reference_data import DELETED_PATH
from ml_connector.messages.sending import refresh_message
from ml_connector.reference_data.refresh import note_stale
from ml_connector.services import Services
from ml_connector.stack import Send
from ml_connector.user_errors import ServiceError


class _NotYetError(Exception):
    """A division has not been read yet since the request."""


def read_at(services: Services) -> dict[Division, datetime | None]:
    """Return when the orders of each division were last read in full."""
    return {
        each.division: services.reference_store(each.division).cursor(STREAM_PATH).read_at
        for each in services.connection.divisions
    }


def refresh(send: Send, services: Services, timeout: timedelta) -> None:
    """Queue a refresh of the orders of every division, and wait for it.

    Raise `ServiceError` when a division was not read in time.
    """
    before = read_at(services)
    for division, known in before.items():
        data = services.reference_store(division)
        for path in (STREAM_PATH, DELETED_PATH):
            note_stale(data, path)
        # With a clock behind the worker's, the request would look older than the last reading.
        is_behind = known is not None and known > clock.now()
        message = refresh_message(services.id, division, everything=is_behind)
        send(message, f"asked {clock.epoch()}")
    try:
        _wait(services, before, timeout)
    except _NotYetError as late:
        raise ServiceError(
            f"Exact's orders of division {late} were not read within "
            f"{timeout.total_seconds():.0f} s: see {command('exceptions', services.id)}, or use "
            "--no-refresh to compare with what was read before"
        ) from None


def _wait(
    services: Services,
    before: dict[Division, datetime | None],
    timeout: timedelta,
) -> None:
    tries = stamina.retry_context(
        on=_NotYetError, attempts=None, timeout=timeout, wait_initial=0.5, wait_max=5, wait_jitter=0
    )
    for attempt in tries:
        with attempt:
            now = read_at(services)
            _refuse_unread(each for each, at in now.items() if at is None or at == before[each])


def _refuse_unread(divisions: Iterable[Division]) -> None:
    for division in divisions:
        raise _NotYetError(str(division))
