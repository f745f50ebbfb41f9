"""A message that is handled gives back its place, and what waits for one is queued.

So a connection's orders go on without waiting for its next sweep, while no more than a few of its
messages are ahead of another's.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from ml_connector.infrastructure.places import FEW, MOST
from ml_connector.messages.kinds import ForConnection
from ml_connector.messages.rooms import Rooms, queue_waiting_events
from ml_connector.messages.sending import LONGEST_CHAIN, led_to_by
from ml_connector.services import StackServices
from ml_connector.sweep.due_records import queue_due


@contextmanager
def in_its_place(services: StackServices, message: ForConnection) -> Iterator[None]:
    """Give back the message's place after a `with` block that handles it; queue what waits.

    After a failure it is noted that the queue will deliver it again, without a place.
    """
    places = services.places_of(message.connection, message.queue)
    with led_to_by(chain_of(message)):
        try:
            yield
        except Exception:
            if message.place:
                places.set_aside(message.place)
            raise
        if message.place and places.give_back(message.place):
            _top_up(services, message)


def chain_of(message: ForConnection) -> int:
    """Return how many messages were sent because of one another before this one."""
    return max(getattr(message, "chain", None) or 0, message.after or 0)


def _top_up(services: StackServices, message: ForConnection) -> None:
    """Queue what waits; few while others wait for a worker, as this message did.

    At the end of a long chain that is left to the sweep.
    """
    after = chain_of(message) + 1
    own = services.of(message.connection) if after <= LONGEST_CHAIN else None
    if own is None:
        return
    rooms = Rooms(own, FEW if message.waited else MOST, after)
    queue_waiting_events(own, rooms, {message.queue})
    if rooms.is_free(message.queue):
        queue_due(own, rooms)
    rooms.note_rest({message.queue})
