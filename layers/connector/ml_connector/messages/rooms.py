"""What may be queued of one connection now: each of its messages takes a place of its queue."""

from collections import Counter
from collections.abc import Collection
from datetime import timedelta
from functools import cached_property

from ml_connector import clock
from ml_connector.infrastructure.inbox import Inbox
from ml_connector.infrastructure.places import FEW, MOST, TakenPlaces
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, VENDORS, Message
from ml_connector.services import Services

BOTH = (PURCHASE_ORDERS, VENDORS)
_MOST_SEEN = 1000
"""Of a connection's open events, in each queue at a time."""


class Rooms:
    """The free places of a connection in both queues; they are read when the first is asked for.

    That something was refused is noted, so that whoever gives back a place queues more.
    """

    def __init__(
        self, services: Services, most: int = FEW, after: int = 0, more: int = MOST
    ) -> None:
        """Let no more than `most` of its messages be in each queue, and queue `more` at most.

        `after`: how many messages were queued because of one another before those of now.
        """
        self._services = services
        self._most, self._more = most, more
        self._after = after
        self._refused: set[str] = set()
        self._has_read = False

    def has(self, queue: str, name: str) -> bool:
        """Return whether a message of this name is in the queue already, or comes back to it."""
        return self._taken[queue].has(name)

    def is_free(self, queue: str) -> bool:
        """Return whether one more may be queued; if not, it is noted that something waits."""
        is_free = self._taken[queue].number < self._limits[queue]
        if not is_free:
            self._refuse(queue)
        return is_free

    def send(self, message: Message, once: str) -> bool:
        """Queue a message in a place; return False when it has to wait.

        `once` tells what it is about, the same for every copy.
        """
        queue = message.queue
        if not self.is_free(queue):
            return False
        placed = self._taken[queue].take(message, once, self._limits[queue])
        if placed is None:  # another worker has taken the last one
            self._refuse(queue)
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

    def leave(self, queue: str) -> None:
        """Leave something for later, which then waits."""
        self._refused.add(queue)

    def note_rest(self, queues: Collection[str] = BOTH) -> None:
        """Note in which of these queues nothing has to wait any more: everything was offered."""
        for queue in queues if self._has_read else ():
            if queue not in self._refused:
                self._taken[queue].note(is_more=False)

    def _refuse(self, queue: str) -> None:
        self._refused.add(queue)
        self._taken[queue].note(is_more=True)

    @cached_property
    def _limits(self) -> dict[str, int]:
        """Return of each queue how many of its places may be taken in the end."""
        each = self._taken.items()
        return {queue: min(self._most, taken.number + self._more) for queue, taken in each}

    @cached_property
    def _taken(self) -> dict[str, TakenPlaces]:
        self._has_read = True
        return dict(zip(BOTH, self._services.read_places(*BOTH), strict=True))


def queue_waiting_events(
    inbox: Inbox,
    rooms: Rooms,
    queues: Collection[str] = BOTH,
    waited: timedelta = timedelta(),
) -> bool:
    """Queue the events that wait in the inbox, oldest first; return whether any is open.

    `waited`: for how long, at least; their webhook functions may be about to queue others.
    """
    is_any_open, full, seen = False, set[str](), Counter[str]()
    for event in inbox.open_events(clock.now()):
        is_any_open = True
        queue = event.message.queue
        if queue in full or queue not in queues:
            continue
        seen[queue] += 1
        if seen[queue] > _MOST_SEEN:
            rooms.leave(queue)
            full.add(queue)
        elif rooms.has(queue, event.once):
            continue
        elif clock.now() - event.received_at < waited:
            rooms.leave(queue)
        elif not rooms.send(event.message, event.once):
            full.add(queue)
        if full.issuperset(queues):
            break
    return is_any_open
