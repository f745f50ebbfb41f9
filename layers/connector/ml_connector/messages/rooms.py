"""What may be queued of one connection now: each of its messages takes a place of its queue."""

from collections.abc import Collection
from functools import cached_property
from itertools import islice

from ml_connector import clock
from ml_connector.infrastructure.places import FEW, TakenPlaces
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, VENDORS, Message
from ml_connector.services import Services

BOTH = (PURCHASE_ORDERS, VENDORS)
_MOST_SEEN = 1000
"""Of a connection's open events, at a time."""


class Rooms:
    """The free places of a connection in both queues; they are read when the first is asked for.

    That something was refused is noted, so that whoever gives back a place queues more.
    """

    def __init__(self, services: Services, most: int = FEW, after: int = 0) -> None:
        """Let no more than `most` of its messages be in each queue.

        `after`: how many messages were queued because of one another before those of now.
        """
        self._services = services
        self._most = most
        self._after = after
        self._refused: set[str] = set()
        self._has_read = False

    def has(self, queue: str, name: str) -> bool:
        """Return whether a message of this name is in the queue already, or comes back to it."""
        return self._taken[queue].has(name)

    def is_free(self, queue: str) -> bool:
        """Return whether one more may be queued; if not, it is noted that something waits."""
        is_free = self._taken[queue].number < self._most
        if not is_free:
            self._refuse(queue)
        return is_free

    def send(self, message: Message, once: str, name: str = "") -> bool:
        """Queue a message in a place; return False when it has to wait.

        `name` tells what it is about; `once` unless given.
        """
        taken = self._taken[message.queue]
        placed = (
            taken.take(message, name or once, self._most) if self.is_free(message.queue) else None
        )
        if placed is None:
            self._refuse(message.queue)
            return False
        after = {"after": self._after} if self._after else {}
        self._services.queues.send(
            Message(placed.queue, placed.group, {**placed.body, **after}), once
        )
        return True

    def send_or_keep(self, message: Message, once: str) -> None:
        """Queue a message; one that has to wait is kept in the inbox, as it is of no record."""
        if not self.send(message, once):
            self._services.inbox.keep_message(message, once)

    def note_rest(self, queues: Collection[str] = BOTH) -> None:
        """Note in which of these queues nothing has to wait any more: everything was offered."""
        for queue in queues if self._has_read else ():
            if queue not in self._refused:
                self._taken[queue].note(is_more=False)

    def _refuse(self, queue: str) -> None:
        self._refused.add(queue)
        self._taken[queue].note(is_more=True)

    @cached_property
    def _taken(self) -> dict[str, TakenPlaces]:
        self._has_read = True
        return dict(zip(BOTH, self._services.read_places(*BOTH), strict=True))


def queue_waiting_events(services: Services, rooms: Rooms, queues: Collection[str] = BOTH) -> bool:
    """Queue the events that wait in the inbox, oldest first; return whether any is open."""
    is_any_open, full = False, set[str]()
    for event in islice(services.inbox.open_events(clock.now()), _MOST_SEEN):
        is_any_open = True
        queue = event.message.queue
        if queue in full or queue not in queues or rooms.has(queue, event.once):
            continue
        if not rooms.send(event.message, event.once):
            full.add(queue)
            if full.issuperset(queues):
                break
    return is_any_open
