"""Each minute: queue a sweep for each connection that has something to do.

Every connection is swept in a message and a group of its own, so that a slow or broken one delays
no other. One whose sweep is queued or runs is not queued again. Whether it has something to do is
told by its mark alone (`infrastructure/sweep_marks`): of the others nothing is read.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta

from ml_connector import clock
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.sweep_marks import Marks, Queued
from ml_connector.messages.sending import sweep_message
from ml_connector.services import StackServices
from ml_connector.telemetry import Measure, logger

LOST_AFTER = timedelta(minutes=40)
"""After this long a sweep is queued again that has not ended: the queue gave up before."""
LATE_AFTER = timedelta(minutes=15)
"""A sweep that takes longer counts as failed."""
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
    _measure(services.measure, ids, marks, under_way)


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
