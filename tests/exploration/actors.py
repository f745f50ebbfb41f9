"""Actors: product code on threads of its own, of which one runs at a time, until its next call.

A call that another actor can notice hands the baton back before it is made: in between nothing of
the others happens, and the search decides who goes on and how the call ends. Every call's answer
is remembered: an actor is brought back to an earlier place by running its code on these answers.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ml_connector.clock import MovableClock

DONE = ""
"""The way of a call that is answered."""

Ways = Mapping[str, Callable[[], Any]]
"""How a call may end, by what the trace says of it."""

_here = threading.local()


class Killed(BaseException):
    """The process died: not an `Exception`, so that no handler of the process runs on."""


class Answered(NamedTuple):
    """A call that an actor made, when, and its answer (or the exception that it raised)."""

    text: str
    at: float
    answer: Any
    is_noticed: bool

    def shown(self) -> str:
        """Return the call and its answer as text."""
        return f"{self.text} {self.answer!r}"


class Place(NamedTuple):
    """Where an actor stands: its code is deterministic, so its answers determine the rest.

    `next_call` and `ways` say what it is about to do, and how that may end; `number` counts the
    actors of its name, `started` is the clock's offset then.
    """

    name: str
    number: int
    started: float
    work: Callable[[], object]
    answers: tuple[Answered, ...] = ()
    next_call: str = ""
    ways: tuple[str, ...] = ()


class Actor:
    """One process. It gets its thread when it goes on: most places are left for another."""

    def __init__(self, moving: MovableClock, place: Place) -> None:
        """Stand at a place."""
        self.place = place
        self.is_running, self.is_dead = True, False
        self.failure: Exception | None = None
        self._clock = moving
        self._answers = list(place.answers)
        self._made = 0
        self._way = DONE
        self._may_run, self._is_parked = threading.Semaphore(0), threading.Semaphore(0)
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Run up to the next noticed call; what was answered before is answered as then."""
        now, self._clock._offset = self._clock._offset, self.place.started
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._hand_over()
        self._clock._offset = now

    def go_on(self, way: str = DONE) -> None:
        """Let its call end this way, and run up to the next one or to the end."""
        if self._thread is None:
            before = self.place
            self.begin()
            if (before.next_call, before.answers) != (self.place.next_call, self.place.answers):
                raise RuntimeError(f"{before.name} is not deterministic at {before.next_call!r}")
        self._way = way
        self._hand_over()

    def kill(self) -> None:
        """End it before its next call; its `finally` clauses make no calls either."""
        self.is_dead = True
        if self._thread is None:
            self.is_running = False
            return
        if self.is_running:
            self._hand_over()
        self._thread.join()

    def call(self, text: str, ways: Ways, *, is_noticed: bool) -> Any:
        """Make a call, if it is noticed in the way that is chosen; or answer it as before.

        While it is answered as before, it is the time of then.
        """
        if self.is_dead:
            raise Killed
        if self._made == len(self._answers):
            self._answers.append(self._make(text, ways, is_noticed=is_noticed))
        made = self._answers[self._made]
        self._made += 1
        self._clock._offset = made.at
        if isinstance(made.answer, Exception):
            raise made.answer
        return made.answer

    def here(self) -> str:
        """Return how far it has come: never the same twice in a world."""
        return f"{self.place.name} #{self.place.number} {self._made}"

    def _make(self, text: str, ways: Ways, *, is_noticed: bool) -> Answered:
        if is_noticed:
            self._park(text, ways)
        way = ways[self._way if is_noticed else DONE]
        _here.actor = None  # what the call itself calls is part of it
        try:
            answer = way()
        except Exception as error:  # noqa: BLE001  it is the answer
            answer = error
        finally:
            _here.actor = self
        return Answered(text, self._clock._offset, answer, is_noticed)

    def _park(self, text: str, ways: Ways) -> None:
        answers = tuple(self._answers)
        self.place = self.place._replace(answers=answers, next_call=text, ways=tuple(ways))
        self._is_parked.release()
        self._may_run.acquire()
        if self.is_dead:
            raise Killed

    def _hand_over(self) -> None:
        self._may_run.release()
        self._is_parked.acquire()

    def _run(self) -> None:
        self._may_run.acquire()
        _here.actor = self
        try:
            self.place.work()
        except Killed:
            pass
        except Exception as error:  # noqa: BLE001  the world says what it means
            self.failure = error
        self.is_running = False
        self._is_parked.release()


def call(text: str, ways: Ways, *, is_noticed: bool) -> Any:
    """Make a call of the actor that runs here; outside of any it is simply made."""
    actor: Actor | None = getattr(_here, "actor", None)
    return actor.call(text, ways, is_noticed=is_noticed) if actor else ways[DONE]()


def here() -> str:
    """Return which actor runs and how far it has come."""
    actor: Actor | None = getattr(_here, "actor", None)
    return actor.here() if actor else ""
