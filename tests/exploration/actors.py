"""Actors: product code that runs until its next call, and goes on with the answer that it gets.

A call that another actor can notice hands the baton back before it is made: in between nothing of
the others happens, and the search decides who goes on and how the call ends.

Code is deterministic: equal answers lead to the same stop. So an actor runs, on a thread of its
own, only where no actor of its kind has been with these answers. Where one has, its calls are made
again, and as long as they are answered as then, nothing of the code runs.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ml_connector.clock import MovableClock
from tests.exploration.as_of import AsOf, digest

DONE = ""
"""The way of a call that is answered."""

Ways = Mapping[str, Callable[[], Any]]
"""How a call may end, by what the trace says of it; a way can be gone again in another world."""

_READS = ("read", "look")
_here = threading.local()


class Killed(BaseException):
    """The process died: not an `Exception`, so that no handler of the process runs on."""


class Answered(NamedTuple):
    """A call that an actor made, when, and its answer (or the exception that it raised)."""

    text: str
    at: float
    answer: Any

    def is_same(self, other: "Answered") -> bool:
        """Return whether code that gets this answer instead of the other does the same."""
        if self[:2] != other[:2]:
            return False
        ours, theirs = self.answer, other.answer
        if isinstance(ours, Exception):
            return type(ours) is type(theirs) and bool(ours.args == theirs.args)
        return ours is theirs or bool(ours == theirs)


class Stop:
    """Where code stops: before a call, or at its end."""

    def __init__(
        self, text: str, ways: Ways, *, is_noticed: bool, failure: Exception | None = None
    ) -> None:
        """`text` and `ways` say what comes next, and how that may end; neither at the end."""
        self.text, self.ways, self.is_noticed, self.failure = text, ways, is_noticed, failure
        self._before: Stop | None = None
        self._given: Answered | None = None
        self._after: list[Stop] = []
        self._noticed: tuple[str, ...] = ()
        self._told: dict[AsOf, bytes] = {}

    @property
    def is_end(self) -> bool:
        """Return whether nothing comes next."""
        return not self.ways

    @property
    def has_read(self) -> bool:
        """Return whether the last noticed call only read, and was not the first."""
        return len(self._noticed) > 1 and self._noticed[-1].startswith(_READS)

    def after(self, given: Answered) -> "Stop | None":
        """Return where the answer to the call leads; None if no actor has been there."""
        for stop in self._after:
            if stop._given and stop._given.is_same(given):
                return stop
        return None

    def lead(self, given: Answered, stop: "Stop") -> "Stop":
        """Remember where the answer to the call leads; return it."""
        stop._before, stop._given = self, given
        stop._noticed = (*self._noticed, self.text) if self.is_noticed else self._noticed
        self._after.append(stop)
        return stop

    def answers(self, since: "Stop | None" = None) -> "list[Answered] | None":
        """Return the answers that led here since a stop (None: the start); None if not since it."""
        answers: list[Answered] = []
        stop = self
        while stop is not since:
            if stop._before is None or stop._given is None:
                return answers[::-1] if since is None else None
            answers.append(stop._given)
            stop = stop._before
        return answers[::-1]

    def told(self, as_of: AsOf) -> bytes:
        """Return a digest of the noticed answers that led here, as of a moment."""
        if as_of not in self._told:
            told = b""
            if self._before and self._given:
                told = self._before.told(as_of)
                if self._before.is_noticed:
                    line = f"{self._given.text} {self._given.answer!r}"
                    told = digest(told + as_of.line(line))
            self._told[as_of] = told
        return self._told[as_of]


class Place(NamedTuple):
    """Where an actor stands: `number` counts the actors of its name, `started` is the offset then.

    Equal `work` of one name, number and start does the same.
    """

    name: str
    number: int
    started: float
    work: Callable[[], object]
    stop: Stop

    @property
    def next_call(self) -> str:
        """Return what it is about to do; empty at the end."""
        return self.stop.text


class Actor:
    """One process. Its code gets a thread only when it goes on to where none has been."""

    def __init__(self, moving: MovableClock, place: Place) -> None:
        """Stand at a place."""
        self.place = place
        self.is_dead = False
        self._clock = moving
        self._code: _Code | None = None

    @property
    def is_running(self) -> bool:
        """Return whether it has come to no end."""
        return not self.is_dead and not self.place.stop.is_end

    @property
    def failure(self) -> Exception | None:
        """Return the exception that ended it, if one did."""
        return self.place.stop.failure

    def begin(self) -> None:
        """Go on up to the first noticed call."""
        while not self.place.stop.is_noticed and not self.place.stop.is_end:
            self._answer(DONE)

    def go_on(self, way: str = DONE) -> None:
        """Let its call end this way, and go on up to the next noticed one or to the end."""
        self._answer(way)
        self.begin()

    def kill(self) -> None:
        """End it before its next call; its `finally` clauses make no calls either."""
        self.is_dead = True
        if self._code:
            self._code.end()

    def _answer(self, way: str) -> None:
        stop = self.place.stop
        try:
            answer = stop.ways[way]()
        except Exception as error:  # noqa: BLE001  it is the answer
            answer = error
        given = Answered(stop.text, self._clock._offset, answer)
        then = stop.after(given) or stop.lead(given, self._run(given))
        self.place = self.place._replace(stop=then)
        if then.is_end and self._code:
            self._code.end()

    def _run(self, given: Answered) -> Stop:
        """Run the code with this answer, after all those that led here."""
        before = self.place.stop.answers(self._code.stop) if self._code else None
        if self._code is None or before is None:
            if self._code:
                self._code.end()
            self._code = _Code(self._clock, self.place)
            before = self.place.stop.answers()
        return self._code.run([*(before or ()), given])


def first_stop(moving: MovableClock, name: str, number: int, work: Callable[[], object]) -> Stop:
    """Return where an actor that starts now stops first, whatever happens around it."""
    nowhere = Stop("", {}, is_noticed=False)
    code = _Code(moving, Place(name, number, moving._offset, work, nowhere))
    stop = code.run([])
    code.end()
    return stop


class _Code:
    """A thread on which an actor's code runs, one answer after the other."""

    def __init__(self, moving: MovableClock, place: Place) -> None:
        """Start at the beginning; answers that were given before are given again."""
        self.stop = place.stop
        self._clock, self._place = moving, place
        self._answers: list[Answered] = []
        self._made = 0
        self._is_ended = False
        self._may_run, self._is_parked = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._stops_at: Stop | None = None

    def run(self, answers: Sequence[Answered]) -> Stop:
        """Run with these further answers; return where it stops then. The clock stays as it is."""
        self._answers += answers
        now = self._clock._offset
        if not self._made:
            self._clock._offset = self._place.started
        self._may_run.release()
        self._is_parked.acquire()
        self._clock._offset = now
        assert self._stops_at
        self.stop = self._stops_at
        return self.stop

    def end(self) -> None:
        """End it where it is."""
        self._is_ended = True
        self._may_run.release()
        self._thread.join()

    def call(self, text: str, ways: Ways, *, is_noticed: bool) -> Any:
        """Return or raise the answer to a call, once there is one; then it is the time of then."""
        if self._made == len(self._answers) and not self._is_ended:
            self._park(Stop(text, ways, is_noticed=is_noticed))
        if self._is_ended:
            raise Killed
        given = self._answers[self._made]
        if given.text != text:
            raise RuntimeError(f"{self._place.name} is not deterministic: {text!r}, {given.text!r}")
        self._made += 1
        self._clock._offset = given.at
        if isinstance(given.answer, Exception):
            raise given.answer
        return given.answer

    def here(self) -> str:
        """Return how far it has come: never the same twice in a world."""
        return f"{self._place.name} #{self._place.number} {self._made}"

    def _park(self, stop: Stop) -> None:
        self._stops_at = stop
        self._is_parked.release()
        self._may_run.acquire()

    def _run(self) -> None:
        self._may_run.acquire()
        _here.code = self
        failure = None
        try:
            if not self._is_ended:
                self._place.work()
        except Killed:
            return
        except Exception as error:  # noqa: BLE001  the world says what it means
            failure = error
        self._stops_at = Stop("", {}, is_noticed=False, failure=failure)
        self._is_parked.release()


def call(text: str, ways: Ways, *, is_noticed: bool) -> Any:
    """Make a call of the actor whose code runs here; outside of any it is simply made."""
    code: _Code | None = getattr(_here, "code", None)
    return code.call(text, ways, is_noticed=is_noticed) if code else ways[DONE]()


def here() -> str:
    """Return whose code runs here and how far it has come."""
    code: _Code | None = getattr(_here, "code", None)
    return code.here() if code else ""
