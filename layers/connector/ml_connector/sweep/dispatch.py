"""Each minute: queue a sweep for each connection that has something to do.

Every connection is swept in a message and a group of its own, so that a slow or broken one delays
no other. One whose sweep is queued or runs is not queued again. Whether it has something to do is
told by its mark alone (`infrastructure/sweep_marks`): of the others nothing is read.

Where there are many connections, their vendors are compared here as well: each has its minute of
the night, so that none's vendors wait behind the comparisons of all others.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from zlib import crc32

from ml_connector import clock
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.queues import Queues
from ml_connector.infrastructure.sweep_marks import Marks, Queued
from ml_connector.messages.sending import reconcile_message, sweep_message
from ml_connector.services import StackServices
from ml_connector.telemetry import Measure, logger

LOST_AFTER = timedelta(minutes=40)
"""After this long a sweep is queued again that has not ended: the queue gave up before."""
LATE_AFTER = timedelta(minutes=15)
"""A sweep that takes longer counts as failed."""
COMPARED_AT_ONCE = 8
"""Of so many connections the daily schedule has the vendors compared; more are spread."""
_COMPARED_FROM, _COMPARED_FOR = 1, 240
"""The hour (UTC) from which vendors are compared, and the minutes over which they are spread."""
_CAUGHT_UP = 4  # minutes that may be missed; SQS drops what is sent twice in five
_MEASURED_EVERY = 5  # minutes


def queue_sweeps(services: StackServices) -> None:
    """Queue the sweeps of all connections that are due, the longest waiting first; measure all."""
    ids = services.connections.ids()
    marks = services.sweep_marks.all()
    under_way = _under_way(marks, ids)
    due = {id: at for id in ids if id not in under_way and (at := marks.due_since(id))}
    messages = [sweep_message(id, marks.number(id)) for id in sorted(due, key=due.__getitem__)]
    services.queues.send_all(
        [(each, f"{each.group} {each.body.get('swept', 0)}") for each in messages]
    )
    now = clock.now()
    queued = {id: Queued(marks.number(id), now) for id in due}
    services.sweep_marks.note_queued(marks, under_way | queued)
    queue_comparisons(services.queues, ids)
    _measure(services.measure, ids, marks, under_way)


def queue_comparisons(queues: Queues, ids: Sequence[ConnectionId]) -> None:
    """Queue the nightly comparisons of the connections of which it is the minute, if of many."""
    if len(ids) <= COMPARED_AT_ONCE:
        return
    now = clock.now()
    minute = (now.hour - _COMPARED_FROM) * 60 + now.minute
    since = {id: minute - crc32(id.encode()) % _COMPARED_FOR for id in ids}
    due = [id for id, minutes in since.items() if 0 <= minutes < _CAUGHT_UP]
    messages = [reconcile_message(id) for id in due]
    queues.send_all([(each, f"{each.group} {now.date()}") for each in messages])


def _under_way(marks: Marks, ids: list[ConnectionId]) -> dict[ConnectionId, Queued]:
    """Return the sweeps that were queued, and may still end."""
    now = clock.now()
    since = ((id, marks.under_way_since(id)) for id in ids)
    return {id: marks.queued[id] for id, at in since if at and now - at < LOST_AFTER}


def _measure(
    measure: Measure,
    ids: Collection[ConnectionId],
    marks: Marks,
    under_way: Mapping[ConnectionId, Queued],
) -> None:
    now = clock.now()
    late = [id for id, each in under_way.items() if now - each.at >= LATE_AFTER]
    if late:
        logger().error("sweeps do not end", connections=sorted(late))
        measure({"SweepFailures": len(late)})
    if now.minute % _MEASURED_EVERY == 0:
        # Imported by who measures: a worker for orders starts without it.
        from ml_connector.notifications.metrics import measure_stack  # noqa: PLC0415

        measure_stack(measure, [marks.swept[id].found for id in ids if id in marks.swept])
