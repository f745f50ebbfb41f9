"""A message that is handled gives back its place, and what waits for one is queued.

So a connection's orders go on without waiting for its next sweep. While others wait for a worker,
as the message that was handled did, no more than a few of its messages are ahead of theirs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from ml_connector import clock
from ml_connector.infrastructure.places import FEW, MOST
from ml_connector.messages.kinds import ForConnection, KnownMessage, UnknownMessage
from ml_connector.messages.outcome import keep_unread
from ml_connector.messages.rooms import Rooms, queue_waiting_events
from ml_connector.messages.sending import LONGEST_CHAIN, led_to_by
from ml_connector.services import Services, StackServices
from ml_connector.sweep.due_records import queue_due

_LONG = timedelta(seconds=10)
"""Of one message: its remote hangs, and more workers would hang with it."""

_GROWS_BY = 2
"""For each message that was handled: a burst of many connections is over before all have `MOST`."""


@contextmanager
def in_its_place(services: StackServices, message: ForConnection) -> Iterator[None]:
    """Give back the message's place after a `with` block that handles it; queue what waits.

    After a failure it is noted that the queue will deliver it again, without a place.
    """
    places, began = services.places_of(message.connection, message.queue), clock.now()
    with led_to_by(chain_of(message)):
        try:
            yield
        except Exception:
            if message.place:
                places.set_aside(message.place)
            raise
        waits = message.place and places.give_back(message.place)
        if waits and (own := services.of(message.connection)):
            is_calm = not message.waited and clock.now() - began < _LONG
            _top_up(own, message.queue, MOST if is_calm else FEW, chain_of(message))


def keep_in_its_place(
    services: StackServices, message: KnownMessage | UnknownMessage, queue: str
) -> None:
    """Keep a message that the worker of `queue` cannot read, and queue what waits for its place.

    Raises `UnreadableMessageError` as `keep_unread` does.
    """
    unknown = keep_unread(services, message, queue)
    place, connection = unknown.body.get("place"), unknown.connection
    waits = place and connection and services.places_of(connection, queue).give_back(str(place))
    if waits and connection and (own := services.of(connection)):
        after = unknown.body.get("after")
        _top_up(own, queue, FEW, after if isinstance(after, int) else 0)


def chain_of(message: ForConnection) -> int:
    """Return how many messages were sent because of one another before this one."""
    return max(getattr(message, "chain", None) or 0, message.after or 0)


def _top_up(services: Services, queue: str, most: int, chain: int) -> None:
    """Queue what waits for this queue, up to so many at once.

    At the end of a long chain that is left to the sweep.
    """
    after = chain + 1
    if after > LONGEST_CHAIN:
        return
    rooms = Rooms(services, most, after, _GROWS_BY)
    queue_waiting_events(services.inbox, rooms, {queue})
    if rooms.is_free(queue):
        queue_due(services, rooms, {queue})
    rooms.note_rest({queue})
