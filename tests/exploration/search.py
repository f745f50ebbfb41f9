"""Search all schedules of a world, up to bounds; nothing here knows orders or tokens.

A schedule is a list of numbers: which choice was taken at each moment. The search takes the first
choice each time and keeps the others for later, with the world as it was. The cheapest schedules
come first, so the first violation has a short trace.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import inf
from typing import Any, NamedTuple, Protocol

Schedule = Sequence[int]
TOGETHER = "together"
"""The bound of all expenses together."""
SWITCH = "switch"
"""The expense of taking the turn from somebody."""


@dataclass(frozen=True)
class Choice:
    """Something that may happen next; `spends` names the bounds that it uses up."""

    text: str
    take: Callable[[], None]
    spends: tuple[str, ...] = ()


class Explorable(Protocol):
    """A world that can be explored: what happens in it depends on the choices alone."""

    def choices(self) -> Sequence[Choice]:
        """Return what may happen now, the first one at no expense; nothing at the end."""
        ...

    def state(self) -> bytes:
        """Return a digest; what happens after equal ones is equal."""
        ...

    def turn(self) -> bytes:
        """Return whose turn it is, empty if nobody's: it decides only who spends a switch."""
        ...

    def violation(self, *, at_end: bool) -> str:
        """Return the invariant that is broken now; empty when all hold."""
        ...

    def save(self) -> Any:
        """Return what `restore` needs to come back to this moment."""
        ...

    def restore(self, saved: Any) -> None:
        """Come back to a moment."""
        ...


@dataclass(frozen=True)
class Violation:
    """A broken invariant, and how it came about."""

    invariant: str
    trace: Sequence[str]
    schedule: Schedule

    def __str__(self) -> str:
        steps = [f"  {number:2} {text}" for number, text in enumerate(self.trace, start=1)]
        replayed = ",".join(map(str, self.schedule)).rstrip(",0") or "0"
        return "\n".join([self.invariant, *steps, f"  SCHEDULE={replayed} replays it"])


class _Branch(NamedTuple):
    """A choice that is still to be taken in a saved world; those of least expense come first."""

    expense: int
    number: int
    saved: Any
    path: "_Path"


class _Path(NamedTuple):
    """The choices taken so far, and what they spent."""

    schedule: tuple[int, ...]
    trace: tuple[str, ...]
    spent: Counter[str]

    def then(self, index: int, choice: Choice) -> "_Path":
        spent = self.spent + Counter(choice.spends) if choice.spends else self.spent
        return _Path((*self.schedule, index), (*self.trace, choice.text), spent)


class _Visit(NamedTuple):
    """One time that a state was reached: whose turn it was, and how much was left of each bound."""

    turn: bytes
    left: tuple[float, ...]
    left_after_switch: tuple[float, ...]

    def covers(self, later: "_Visit") -> bool:
        """Return whether all that could follow the later visit followed this one.

        While nobody has the turn, everybody takes it without expense; else a switch takes it.
        """
        left = self.left if self.turn in {b"", later.turn} else self.left_after_switch
        return all(a >= b for a, b in zip(left, later.left, strict=True))


@dataclass
class Search:
    """One search and what came of it."""

    world: Explorable
    bounds: Mapping[str, int]
    """How often each kind of expense is allowed; one that is not named, without end."""
    told: Callable[[str], None] = lambda _: None
    """Takes the figures each time that all schedules of one expense were played."""
    states: int = 0
    ends: int = 0
    branches: int = 0
    cut: Counter[str] = field(default_factory=Counter)
    _seen: dict[bytes, list["_Visit"]] = field(default_factory=dict)
    _waiting: list[_Branch] = field(default_factory=list)
    _number: "count[int]" = field(default_factory=count)

    def run(self) -> Violation | None:
        """Play all schedules; return the first violation, None when there is none."""
        violation = self._go_on(_Path((), (), Counter()))
        level = 0
        while self._waiting and not violation:
            branch = heapq.heappop(self._waiting)
            if branch.expense > level:
                self.told(f"expense {level}: {self}")
                level = branch.expense
            self.world.restore(branch.saved)
            self.world.choices()[branch.path.schedule[-1]].take()
            violation = self._go_on(branch.path)
        return violation

    def replay(self, schedule: Schedule) -> Violation | None:
        """Play one schedule from the start, then the first choice each time."""
        path = _Path((), (), Counter())
        for index in schedule:
            choice = self.world.choices()[index]
            path = path.then(index, choice)
            choice.take()
        return self._go_on(path)

    def _go_on(self, path: _Path) -> Violation | None:
        """Take the first choice each time, to the end or to a state that was explored before."""
        self.branches += 1
        while not (broken := self.world.violation(at_end=False)):
            choices = self.world.choices()
            if not choices:
                self.ends += 1
                broken = self.world.violation(at_end=True)
                break
            if not self._is_new(path.spent):
                self.cut["explored before"] += 1
                return None
            self._keep_others(choices, path)
            path = path.then(0, choices[0])
            choices[0].take()
        return Violation(broken, path.trace, path.schedule) if broken else None

    def _keep_others(self, choices: Sequence[Choice], path: _Path) -> None:
        saved = None
        for index, choice in enumerate(choices[1:], start=1):
            then = path.then(index, choice)
            beyond = [kind for kind in choice.spends if then.spent[kind] > self._bound(kind)]
            expense = then.spent.total()
            if beyond or expense > self._bound(TOGETHER):
                self.cut[f"beyond the bound: {(*beyond, TOGETHER)[0]}"] += 1
                continue
            saved = saved or self.world.save()
            heapq.heappush(self._waiting, _Branch(expense, next(self._number), saved, then))

    def _bound(self, kind: str) -> float:
        return self.bounds.get(kind, inf)

    def _is_new(self, spent: Counter[str]) -> bool:
        """Return whether something may follow this state that followed it at no earlier visit."""
        left = self._left(spent)
        after_switch = tuple(
            least - (kind in {SWITCH, TOGETHER})
            for kind, least in zip(self.bounds, left, strict=True)
        )
        visit = _Visit(self.world.turn(), left, after_switch)
        earlier = self._seen.setdefault(self.world.state(), [])
        if any(each.covers(visit) for each in earlier):
            return False
        self.states += not earlier
        earlier.append(visit)
        return True

    def _left(self, spent: Counter[str]) -> tuple[float, ...]:
        """Return how much is left of each bound."""
        return tuple(
            bound - (spent.total() if kind == TOGETHER else spent[kind])
            for kind, bound in self.bounds.items()
        )

    def __str__(self) -> str:
        cut = ", ".join(f"{times} {why}" for why, times in sorted(self.cut.items()))
        return (
            f"{self.states} states, {self.branches} branches, {self.ends} ends; "
            f"branches cut: {cut or 'none'}"
        )
