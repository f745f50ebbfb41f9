"""How many messages of a connection are in a queue: each has a place, and there are few.

What finds none waits where it is stored, in the inbox or the ledger, until a place is given back.
The places of a queue are one set in one item, so that taking and giving back are one write each,
and doing either twice changes nothing. One that is not given back is free again after 10 to 20
minutes.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from msgspec import Struct, field

from ml_connector import clock
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.dynamodb import Table, members
from ml_connector.infrastructure.queues import Message

FEW = 2
"""Messages of a connection in a queue while others wait for a worker."""
MOST = 20
"""And at most, while no other has to wait."""

_MORE = "more"  # beside the places: something waits for one
_PERIOD = 600  # seconds: a place names the period in which it was taken
_LASTS, _TRIED_LASTS = 1, 4  # periods after that one: the queue gives up after 31 minutes
_TRIED = "#tried"
_ANY_NUMBER = 10_000
_KEPT = 86_400  # seconds


class Places:
    """The places of one connection in one queue."""

    def __init__(self, coordination: Table, id: ConnectionId, queue: str) -> None:
        """Keep those of the connection `id` in the coordination table."""
        self._table = coordination
        self._pk = _partition(id)
        self._queue = queue

    def take(self, message: Message, name: str, most: int = FEW) -> Message | None:
        """Return the message with a place, None if it has to wait: as many are taken already.

        `name` tells what the message is about, the same for every copy. One write, a second one
        to note that something waits.
        """
        place = f"{_period()} {_digest(name)}"
        if not self._join(self._queue, place, most):
            self.note_more()
            return None
        return replace(message, body={**message.body, "place": place})

    def give_back(self, place: str) -> bool:
        """Give back a place; return whether something waits for one."""
        return _MORE in self._table.leave(self._pk, self._queue, place)

    def set_aside(self, place: str) -> None:
        """Give back the place of a message that failed; the queue itself will deliver it again."""
        tried = f"{self._queue}{_TRIED}"
        self._join(tried, place, _ANY_NUMBER)
        for gone in [each for each in self._read(tried) if _age(each) > _TRIED_LASTS]:
            self._table.leave(self._pk, tried, gone)
        self.give_back(place)

    def note_more(self) -> None:
        """Note that something waits for a place."""
        self._join(self._queue, _MORE, _ANY_NUMBER)

    def note_no_more(self) -> None:
        """Note that nothing waits."""
        self._table.leave(self._pk, self._queue, _MORE)

    def _read(self, sk: str) -> list[str]:
        return members(self._table.get(self._pk, sk) or {})

    def _join(self, sk: str, member: str, most: int) -> bool:
        return self._table.join(self._pk, sk, member, most, int(clock.epoch()) + _KEPT)


class TakenPlaces(Struct):
    """What was read of the places of a queue: who has one, or had one and failed."""

    places: Places
    taken: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    is_more_noted: bool = False

    @property
    def number(self) -> int:
        """Return how many are taken, lost ones left out."""
        return sum(_age(each) <= _LASTS for each in self.taken)

    def has(self, name: str) -> bool:
        """Return whether a message of this name is in the queue: in its place, or tried before."""
        digest = _digest(name)
        fresh = [each for each in self.taken if _age(each) <= _LASTS]
        fresh += [each for each in self.tried if _age(each) <= _TRIED_LASTS]
        return any(each.endswith(f" {digest}") for each in fresh)

    def take(self, message: Message, name: str, most: int) -> Message | None:
        """Take a place as `Places.take` does; those that were lost are given back first."""
        for lost in [each for each in self.taken if _age(each) > _LASTS]:
            self._give_back(lost)
        placed = self.places.take(message, name, most + self.is_more_noted)
        if placed:
            self.taken.append(str(placed.body["place"]))
        else:
            self.is_more_noted = True
        return placed

    def note(self, *, is_more: bool) -> None:
        """Note whether something waits for a place, if that is new."""
        if is_more and not self.is_more_noted:
            self.places.note_more()
        elif self.is_more_noted and not is_more:
            self.places.note_no_more()
        self.is_more_noted = is_more

    def _give_back(self, place: str) -> None:
        self.places.give_back(place)
        self.taken.remove(place)


def read_places(coordination: Table, id: ConnectionId, queues: Iterable[str]) -> list[TakenPlaces]:
    """Return the places of a connection in each of the queues, in one query."""
    found = {str(item["sk"]): members(item) for item in coordination.query(_partition(id))}
    return [
        TakenPlaces(
            Places(coordination, id, queue),
            [each for each in found.get(queue, ()) if each != _MORE],
            found.get(f"{queue}{_TRIED}", []),
            _MORE in found.get(queue, ()),
        )
        for queue in queues
    ]


def _partition(id: ConnectionId) -> str:
    return f"{id}#places"


def _period() -> int:
    return int(clock.epoch()) // _PERIOD


def _age(place: str) -> int:
    """Return how many periods ago a place was taken."""
    return _period() - int(place.partition(" ")[0])


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:16]
