"""What the explored worlds share: actors, a clock that stands still, and what may happen next."""

import pickle
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ml_connector import clock
from tests.exploration.actors import Actor, Place, Stop, first_stop
from tests.exploration.as_of import AsOf, digest
from tests.exploration.search import Choice
from tests.exploration.stores import ExploredTable

LIFE = 60
"""Seconds that a process lives at most: then Lambda ends it."""
_NEARLY = LIFE - 1


class Saved(NamedTuple):
    """A moment of a world."""

    offset: float
    places: list[Place]
    tables: list[dict[tuple[str, str], Any]]
    data: bytes
    outside: Any


class World:
    """Actors that take turns. Every choice takes one of them up to its next noticed call.

    Expenses: a `switch` takes the turn from an actor that could go on (so does time that passes
    meanwhile), a `crash` kills one before its next call, a `fault` ends a call in another way.
    """

    data: Any
    """What a world keeps beside tables and actors: a dataclass, pickled to save it."""

    def __init__(self, moving: clock.MovableClock, tables: Mapping[str, ExploredTable]) -> None:
        """Start without actors."""
        self.clock, self.tables = moving, tables
        self.running: dict[str, Actor] = {}
        self._first_stops: dict[tuple[str, int, float, str], Stop] = {}

    # ------------------------------------------------------------ what a world adds

    def starts(self) -> Iterable[Choice]:
        """Yield what else may happen now: an actor starts, a late commit arrives."""
        raise NotImplementedError

    def rest(self) -> Iterable[Choice]:
        """Yield what happens once nobody has anything to do; nothing at the end."""
        raise NotImplementedError

    def contents(self) -> Iterable[str]:
        """Yield what is stored anywhere, as text."""
        raise NotImplementedError

    def finished(self, actor: Actor) -> None:
        """Take note that the actor has ended, by itself or not."""
        raise NotImplementedError

    def version_now(self) -> int:
        """Return the version from which others are counted in a state."""
        return 0

    def outside(self) -> Any:
        """Return what is held outside of tables and data, to be restored."""
        raise NotImplementedError

    def restore_outside(self, held: Any) -> None:
        """Hold this outside."""
        raise NotImplementedError

    # ------------------------------------------------------------ choices

    def choices(self) -> list[Choice]:
        """See `Explorable.choices`: whoever is at work goes on, then what else may happen."""
        own: list[Choice] = []
        others: list[Choice] = []
        for actor in self.running.values():
            (own if actor.place.name == self.data.last else others).extend(self._ways(actor))
        others += self.starts()
        if own:
            others = [_dearer(choice) for choice in others]
        if any(self.clock._offset == actor.place.started for actor in self.running.values()):
            others.append(Choice(f"{_NEARLY} s pass", self._nearly_a_life, ("switch",)))
        others += [self._crash(actor) for actor in self.running.values() if self._may_die(actor)]
        return [*own, *others] or [*self.rest()]

    def _ways(self, actor: Actor) -> Iterable[Choice]:
        for way in actor.place.stop.ways:
            text = f"{actor.place.name}: {actor.place.next_call}"
            spends = ("fault",) if way else ()
            yield Choice(f"{text}, {way}" if way else text, self._step(actor, way), spends)

    def _step(self, actor: Actor, way: str) -> Callable[[], None]:
        def step() -> None:
            actor.go_on(way)
            self._went_on(actor)

        return step

    def _may_die(self, actor: Actor) -> bool:
        """Return whether its death now differs from one before others went on, or it read.

        Nobody notices whether it lives, and its message comes back by the clock: unless time has
        passed, it may as well have died when its own turn ended, or before it read.
        """
        place = actor.place
        is_own = place.name == self.data.last and not place.stop.has_read
        return is_own or self.clock._offset != place.started

    def _crash(self, actor: Actor) -> Choice:
        def crash() -> None:
            actor.kill()
            self._went_on(actor)

        return Choice(f"{actor.place.name} dies before: {actor.place.next_call}", crash, ("crash",))

    def _nearly_a_life(self) -> None:
        self.pass_time(_NEARLY)
        for actor in list(self.running.values()):
            if self.clock._offset - actor.place.started > LIFE:
                actor.kill()
                self._went_on(actor)

    def pass_time(self, seconds: float) -> None:
        """Move the clock; nobody does anything meanwhile."""
        self.clock.move(seconds)

    def start(self, name: str, work: Callable[[], object], of: str = "") -> None:
        """Start an actor, up to the call after its first read: before, others cannot notice it.

        `of`: which work it is, where those of one name do several.
        """
        self.data.started[name] += 1
        number, now = self.data.started[name], self.clock._offset
        key = name, number, now, of
        if key not in self._first_stops:
            self._first_stops[key] = first_stop(self.clock, name, number, work)
        place = Place(name, number, now, work, self._first_stops[key])
        self.running[name] = actor = Actor(self.clock, place)
        actor.begin()
        if actor.is_running and actor.place.next_call.startswith("read"):
            actor.go_on()
        self._went_on(actor)

    def _went_on(self, actor: Actor) -> None:
        if actor.is_running:
            self.data.last = actor.place.name
            return
        del self.running[actor.place.name]
        self.data.last = "" if actor.place.name == self.data.last else self.data.last
        self.finished(actor)

    # ------------------------------------------------------------ state

    def state(self) -> bytes:
        """See `Explorable.state`: what is stored, and where each actor stands.

        Which of two workers it is makes no difference.
        """
        as_of = AsOf(self.version_now(), clock.epoch())
        contents = [as_of.line(line) for line in self.contents()]
        stand = sorted(self._where(actor, as_of) for actor in self.running.values())
        return digest(b"".join([*contents, *stand]))

    def turn(self) -> bytes:
        """See `Explorable.turn`."""
        actor = self.running.get(self.data.last)
        return self._where(actor, AsOf(self.version_now(), clock.epoch())) if actor else b""

    def _where(self, actor: Actor, as_of: AsOf) -> bytes:
        place = actor.place
        kind, is_older = place.name.rstrip("12"), self.clock._offset > place.started
        return digest(f"{kind} {is_older} {place.next_call}".encode() + place.stop.told(as_of))

    def save(self) -> Saved:
        """See `Explorable.save`."""
        places = [actor.place for actor in self.running.values()]
        tables = [dict(table.changed) for table in self.tables.values()]
        return Saved(self.clock._offset, places, tables, pickle.dumps(self.data), self.outside())

    def restore(self, saved: Saved) -> None:
        """See `Explorable.restore`: actors run again on what they were answered."""
        self.close()
        self.running = {place.name: Actor(self.clock, place) for place in saved.places}
        for table, changed in zip(self.tables.values(), saved.tables, strict=True):
            table.restore(changed)
        self.clock._offset = saved.offset
        self.data = pickle.loads(saved.data)
        self.restore_outside(saved.outside)

    def close(self) -> None:
        """End all actors."""
        for actor in self.running.values():
            actor.kill()
        self.running.clear()


def _dearer(choice: Choice) -> Choice:
    return Choice(choice.text, choice.take, (*choice.spends, "switch"))
