"""One circuit breaker per connection and remote, shared by all workers.

Three calls in a row without a useful answer open it: from then on only one prober calls the remote,
until an answer closes it again. Fewer failures are left to the caller's backoff. Refusals and rate
limits are answers: they show that the remote is up. Where the calls have paths, three different
ones have to fail: an order or a listing that fails again and again shows nothing about the others.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from msgspec import Struct

from ml_connector import clock
from ml_connector.domain.exception_codes import delay
from ml_connector.domain.faults import Fault, Later
from ml_connector.domain.ids import ConnectionId, SiteId
from ml_connector.infrastructure.coordination import Leases
from ml_connector.infrastructure.dynamodb import Item, Key, Table

FAILURES_TO_OPEN = 3
_PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 20))
"""Between probes: the longest that is at most an eighth of how long the remote has been away."""
_OF_THE_OUTAGE = 8
_EARLY = timedelta(seconds=10)  # sweeps come every minute, though not to the second
# Longer than a worker lives: no second prober while the first one's call is under way.
_LEASE = timedelta(seconds=90)
_KEPT = timedelta(days=7)
_MAX_ATTEMPTS = 10
_MOST_DISCOUNTED = 60  # paths
# These say nothing about the remote: the token provider records its own failures, and for a turn
# or a call of the contract nothing was called.
_SAY_NOTHING = ("TOKEN_", "EXACT_TURN_TAKEN", "EXACT_CONTRACT_")


class Remote(Struct, frozen=True):
    """One of the two systems. `away` is the delay code while its circuit breaker is open.

    `silent`: the delay codes that mean no useful answer. With any other the remote did answer, or
    no call was made.
    """

    name: Literal["exact", "airbase"]
    away: str
    silent: frozenset[str]


EXACT = Remote(
    "exact",
    "EXACT_AWAY",
    frozenset(
        {
            "EXACT_UNREACHABLE",
            "EXACT_UNAVAILABLE",
            "EXACT_NO_ANSWER",
            "EXACT_UNREADABLE",
        }
    ),
)
AIRBASE = Remote(
    "airbase",
    "AIRBASE_AWAY",
    frozenset({"AIRBASE_UNREACHABLE", "AIRBASE_UNAVAILABLE", "AIRBASE_UNREADABLE"}),
)


@dataclass(frozen=True)
class Outage:
    """The shared state: what failed in a row; once open, since when, and the next probe.

    `failing`: each path that failed once, and a number for each failure without a path.
    `discounted`: the paths that opened it before: should they still fail, they open it no more.
    `site_answers`: whether the remote's site was up when it was last checked.
    """

    failing: tuple[str, ...] = ()
    discounted: tuple[str, ...] = ()
    opened_at: datetime | None = None
    probe_at: datetime | None = None
    probes: int = 0
    site_answers: bool = True
    version: int = 0

    @property
    def is_open(self) -> bool:
        """Return whether the remote is taken to be away."""
        return self.opened_at is not None

    @property
    def pause(self) -> timedelta:
        """Return how long to wait between probes by now."""
        away = clock.now() - (self.opened_at or clock.now())
        return max((each for each in _PAUSES if each * _OF_THE_OUTAGE <= away), default=_PAUSES[0])

    def probe_is_due(self, place: int = 0, among: int = 1) -> bool:
        """Return whether it is time for the next probe.

        Several remotes that are away at once (`among`, this one at `place`) take turns: together
        they are probed as often as one.
        """
        if self.probe_at is None or clock.now() < self.probe_at:
            return False
        return clock.epoch() // self.pause.total_seconds() % among == place


Change = Callable[[Outage], Outage]
_probing: ContextVar[frozenset[tuple[str, str]]] = ContextVar("probing", default=frozenset())


class CircuitBreaker:
    """Guards the calls of a connection's workers to one remote."""

    def __init__(
        self,
        table: Table,
        connection: ConnectionId,
        remote: Remote,
        site: SiteId | None = None,
        cache_seconds: float = 2.0,
    ) -> None:
        """Share the state in the coordination table; remember health for `cache_seconds`.

        `site`: the Exact site whose calls it guards; each has a name of its own as `connection`.
        """
        self._table = table
        self._key = (f"{connection}#outage", remote.name)
        self._leases = Leases(table, connection)
        self._remote = remote
        self._site = site
        self._cache_seconds = cache_seconds
        self._healthy_at = float("-inf")

    def outage(self) -> Outage:
        """Return the shared state. One read."""
        return self._note(self._table.get(*self._key))

    def _note(self, item: Item | None) -> Outage:
        known = _read(item) if item else Outage()
        is_healthy = not known.is_open and not known.failing
        self._healthy_at = clock.epoch() if is_healthy else float("-inf")
        return known

    def unread(self) -> list[Key]:
        """Return what `check` would read now, for a reading together with others."""
        return [] if self._is_healthy or self.is_probing else [self._key]

    def learn(self, found: Iterable[Item]) -> None:
        """Take note of what was just read of `unread`, so that `check` need not read it."""
        stored = (item for item in found if (item["pk"], item["sk"]) == self._key)
        self._note(next(stored, None))

    def check(self) -> None:
        """Pass while the remote is not away; the prober always passes.

        Raises:
            Later: it is away; until the next probe.
        """
        if self._is_healthy or self.is_probing:
            return
        known = self.outage()
        if known.is_open:
            later = delay(self._remote.away, known.probe_at or clock.now())
            later.site = self._site
            raise later

    @contextmanager
    def calling(self, path: str = "") -> Iterator[None]:
        """Make one call within a `with` block: refused while the remote is away, else recorded."""
        self.check()
        try:
            yield
        except Fault as fault:
            self._record(fault, path)
            raise
        self.record_answer()

    def record_failure(self, path: str = "") -> None:
        """Count a failure: the third in a row opens it; a prober's delays the next probe."""
        self._healthy_at = float("-inf")
        self._change(_after_failed_probe if self.is_probing else partial(_after_failure, path))

    def record_answer(self) -> None:
        """Close the breaker. Nothing is read or written while it is known to be closed."""
        if not self._is_healthy:
            self._change(_closed)
            self._healthy_at = clock.epoch()

    def record_site_check(self, *, site_answers: bool) -> None:
        """Record whether the remote's site is up."""
        self._change(lambda known: replace(known, site_answers=site_answers))

    @contextmanager
    def probing(self) -> Iterator[Outage | None]:
        """Be the prober within a `with` block; yields None when there is nothing to probe."""
        with self._leases.holding(f"probe {self._remote.name}", _LEASE) as held:
            known = self.outage() if held else Outage()
            if not known.is_open:
                yield None
                return
            with self.bypassed():
                yield known

    @contextmanager
    def bypassed(self) -> Iterator[None]:
        """Make calls within a `with` block even while it is open."""
        before = _probing.set(_probing.get() | {self._key})
        try:
            yield
        finally:
            _probing.reset(before)

    @property
    def _is_healthy(self) -> bool:
        return clock.epoch() - self._healthy_at < self._cache_seconds

    @property
    def is_probing(self) -> bool:
        """Return whether this context may call the remote despite an outage or a pause."""
        return self._key in _probing.get()

    def _record(self, fault: Fault, path: str) -> None:
        """To a prober, a request to slow down is an answer; to others it says nothing."""
        if not isinstance(fault, Later):
            self.record_answer()
        elif fault.code in self._remote.silent:
            self.record_failure(path)
        elif self.is_probing and not fault.code.startswith(_SAY_NOTHING):
            self.record_answer()

    def _change(self, change: Change) -> None:
        """Apply the change to the stored state; give up after losing too many races."""
        for _ in range(_MAX_ATTEMPTS):
            known = self.outage()
            changed = change(known)
            if changed == known or self._write(changed):
                return

    def _write(self, outage: Outage) -> bool:
        item = _item(self._key, replace(outage, version=outage.version + 1))
        return (
            self._table.replace(item, outage.version)
            if outage.version
            else self._table.insert(item)
        )


def _after_failure(path: str, known: Outage) -> Outage:
    if known.is_open or path in (*known.failing, *known.discounted):
        return known
    counted = replace(known, failing=(*known.failing, path or str(len(known.failing))))
    if len(counted.failing) < FAILURES_TO_OPEN:
        return counted
    return replace(counted, opened_at=clock.now(), probe_at=_after(_PAUSES[0]))


def _after_failed_probe(known: Outage) -> Outage:
    if not known.is_open:
        return known
    return replace(known, probes=known.probes + 1, probe_at=_after(known.pause))


def _closed(known: Outage) -> Outage:
    discounted = known.discounted
    if known.is_open:
        paths = (path for path in known.failing if not path.isdecimal())
        discounted = (*discounted, *paths)[-_MOST_DISCOUNTED:]
    return Outage(version=known.version, discounted=discounted)


def _after(pause: timedelta) -> datetime:
    return clock.now() + pause - _EARLY


def _item(key: tuple[str, str], outage: Outage) -> Item:
    return {
        "pk": key[0],
        "sk": key[1],
        "failures": len(outage.failing),  # read by the release before this one
        "failing": "\n".join(outage.failing),
        "discounted": "\n".join(outage.discounted),
        "opened_at": outage.opened_at.isoformat() if outage.opened_at else "",
        "probe_at": outage.probe_at.isoformat() if outage.probe_at else "",
        "probes": outage.probes,
        "site_answers": int(outage.site_answers),
        "version": outage.version,
        "expires_at": int((clock.now() + _KEPT).timestamp()),
    }


def _read(item: Item) -> Outage:
    return Outage(
        failing=_texts(item, "failing"),
        discounted=_texts(item, "discounted"),
        opened_at=_moment(str(item["opened_at"])),
        probe_at=_moment(str(item["probe_at"])),
        probes=int(item["probes"]),
        site_answers=bool(item["site_answers"]),
        version=int(item["version"]),
    )


def _texts(item: Item, name: str) -> tuple[str, ...]:
    """Return a list of paths; an item of an older release has none."""
    return tuple(str(item.get(name, "")).split("\n")) if item.get(name) else ()


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
