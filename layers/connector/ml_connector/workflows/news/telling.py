"""Tell people what is new: one message a connection, however many exceptions were opened.

Called at the end of every sweep. Whatever is new goes out at once, then nothing for the
connection's quiet time, then all that has gathered; a halt does not wait. Told at least once:
the rows are removed after the message was taken, so a crash between the two repeats one.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from ml_connector import clock, telemetry
from ml_connector.connection import Connection
from ml_connector.doors.channels import Channel
from ml_connector.doors.news import Row
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.news.text import compose

# A sweep has 60 seconds, and others to queue for: whoever is not told now is told by the next.
_AT_A_TIME = timedelta(seconds=20)
_LEASE = timedelta(seconds=60)
_MOST_ROWS = 5000
_REMEMBERED = timedelta(days=8)  # longer than the rows themselves

PATIENCE = timedelta(hours=24)
"""How long a channel that fails is tried again with what another one has delivered."""


def tell_all(doors: Doors) -> None:
    """Tell the news of every connection; never raises, and never takes long."""
    log = telemetry.logger()
    try:
        connections = list(doors.mappings.connections())
    except Exception:
        log.exception("news not told")
        return
    started = clock.now()
    # Another one first each minute: a slow channel never keeps the same ones waiting.
    turn = int(clock.epoch() // 60) % max(len(connections), 1)
    for connection in connections[turn:] + connections[:turn]:
        if clock.now() - started > _AT_A_TIME:
            return
        try:
            tell(doors, connection)
        except Exception:
            log.exception("news not told", connection=connection.id)


def tell(doors: Doors, connection: Connection) -> None:
    """Tell a connection's news by each channel whose time it is.

    A channel that fails is logged, counted, and tried again by the next sweep.
    """
    outlets = [_Outlet(doors, connection, each) for each in doors.channels(connection)]
    if not outlets or not _is_time(outlets, _waiting(doors, connection)):
        return
    with doors.leases(connection.id).holding("news", _LEASE) as held:
        if held is None:
            return
        # Read again: another sweep may have told them between the look and the lease.
        rows = _waiting(doors, connection)
        for outlet in outlets:
            outlet.deliver(outlet.due(rows))
        doors.news.remove(connection.id, _finished(rows, [outlet.had() for outlet in outlets]))


def _is_time(outlets: "Sequence[_Outlet]", rows: Sequence[Row]) -> bool:
    """Return whether there is something to deliver, or left to be removed after a crash."""
    if any(outlet.due(rows) for outlet in outlets):
        return True
    return bool(rows and _finished(rows, [outlet.had() for outlet in outlets]))


def _waiting(doors: Doors, connection: Connection) -> list[Row]:
    return doors.news.waiting(connection.id, _MOST_ROWS)


def _finished(rows: Sequence[Row], had: Sequence[set[str]]) -> list[Row]:
    """Return what every channel has had; of old rows, what at least one has."""
    old = (clock.now() - PATIENCE).isoformat()
    return [
        row
        for row in rows
        if all(row.key in keys for keys in had)
        or (row.at < old and any(row.key in keys for keys in had))
    ]


class _Outlet:
    """One channel of a connection, and what it has delivered."""

    def __init__(self, doors: Doors, connection: Connection, channel: Channel) -> None:
        self._doors = doors
        self._connection = connection
        self._channel = channel
        self._marks = doors.marks(connection.id)
        self._had, self._at = f"news-had-{channel.name}", f"news-at-{channel.name}"

    def had(self) -> set[str]:
        """Return the keys of the rows that the channel has had; those that are gone may lack."""
        return set((self._marks.get(self._had) or "").split())

    def due(self, rows: Sequence[Row]) -> list[Row]:
        """Return the rows to deliver now: what it has not had, once it has been quiet enough."""
        if not rows:
            return []
        had = self.had()
        fresh = [row for row in rows if row.key not in had]
        is_urgent = any(each.kind == "halt" for row in fresh for each in row.news)
        return fresh if is_urgent or not self._is_quiet() else []

    def deliver(self, rows: Sequence[Row]) -> None:
        """Deliver one message, and remember that it was."""
        if not rows:
            return
        log = telemetry.logger()
        try:
            self._channel.send(*compose(self._connection, rows))
        except Exception:
            id, name = self._connection.id, self._channel.name
            log.exception("a channel failed", connection=id, channel=name)
            self._doors.measure({"NotifyFailed": 1})
            return
        until = clock.now() + _REMEMBERED
        self._marks.set(self._at, clock.now().isoformat(), until)
        waiting = {row.key for row in _waiting(self._doors, self._connection)}
        had = (self.had() & waiting) | {row.key for row in rows}
        self._marks.set(self._had, " ".join(sorted(had)), until)

    def _is_quiet(self) -> bool:
        told_at = self._marks.get(self._at)
        quiet = timedelta(minutes=self._connection.notify.every_minutes)
        return told_at is not None and clock.now() - datetime.fromisoformat(told_at) < quiet
