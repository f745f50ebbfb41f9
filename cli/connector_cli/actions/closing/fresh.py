"""Bring what is known of Exact's orders up to date: the worker reads, we wait for it."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import stamina

from connector_cli.complaints import Trouble
from connector_cli.stack import Stack
from ml_connector import clock
from ml_connector.connection import Connection
from ml_connector.doors.reference import ReferenceData
from ml_connector.exact.orders import STREAM_PATH
from ml_connector.exact.reference import DELETED_PATH
from ml_connector.ids import Division
from ml_connector.workflows.messages import refresh_message
from ml_connector.workflows.upkeep.refresh import note_stale


class _NotYetError(Exception):
    """A division has not been read since it was asked for."""


def read_at(stack: Stack, connection: Connection) -> dict[Division, datetime | None]:
    """Return when the orders of each division were last read to their end."""
    return {
        each.division: _data(stack, connection, each.division).reading(STREAM_PATH).read_at
        for each in connection.divisions
    }


def refresh(stack: Stack, connection: Connection, at_most: timedelta) -> None:
    """Have the orders of every division read, and wait for that.

    Raises `Trouble` when a division was not read in that time.
    """
    before = read_at(stack, connection)
    for division, known in before.items():
        data = _data(stack, connection, division)
        for path in (STREAM_PATH, DELETED_PATH):
            note_stale(data, path)
        # A clock of ours that is behind the worker's would make the mark look old.
        is_behind = known is not None and known > clock.now()
        message = refresh_message(connection.id, division, everything=is_behind)
        stack.send(message, f"asked {clock.epoch()}")
    try:
        _wait(stack, connection, before, at_most)
    except _NotYetError as late:
        raise Trouble(
            f"Exact's orders of division {late} were not read within "
            f"{at_most.total_seconds():.0f} s: see `connector exceptions {connection.id}`, or use "
            "--no-refresh to compare with what was read before"
        ) from None


def _wait(
    stack: Stack,
    connection: Connection,
    before: dict[Division, datetime | None],
    at_most: timedelta,
) -> None:
    tries = stamina.retry_context(
        on=_NotYetError, attempts=None, timeout=at_most, wait_initial=0.5, wait_max=5, wait_jitter=0
    )
    for attempt in tries:
        with attempt:
            now = read_at(stack, connection)
            _refuse_unread(each for each, at in now.items() if at is None or at == before[each])


def _refuse_unread(divisions: Iterable[Division]) -> None:
    for division in divisions:
        raise _NotYetError(str(division))


def _data(stack: Stack, connection: Connection, division: Division) -> ReferenceData:
    return stack.doors.data(connection.id, division)
