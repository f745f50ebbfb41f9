"""Whether a remote is away, as all workers of a connection know it: a circuit for each remote.

Three faults in a row without an answer between them open it: from then on nobody calls the remote
but one prober, until an answer closes it again. One that fails and recovers is left to its own
backoff. Refusals and rate limits are answers: whoever gives one is there.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ml_connector import clock
from ml_connector.codes.delays import DELAYS
from ml_connector.doors.coordination import Leases
from ml_connector.doors.table import Item, Table
from ml_connector.faults import Fault, Later
from ml_connector.ids import ConnectionId

OPENS_AT = 3
_FIRST_PROBE, _SLOWEST_PROBE = timedelta(minutes=1), timedelta(minutes=10)
_JITTER = 0.9  # no more: a probe may cost a token call, of which a day has 200
# Longer than a worker lives: no second prober while the first one's call is under way.
_LEASE = timedelta(seconds=90)
_KEPT = timedelta(days=7)
_MOST_TRIES = 10
# These say nothing of the remote: the token keeper counts its own calls that got no answer.
_ABOUT_TOKENS = "TOKEN_"


@dataclass(frozen=True)
class Remote:
    """One of the two systems: `away` is the delay of who finds the circuit open.

    `silent`: the delays that mean no useful answer. Others are the remote's or our own wish.
    """

    name: str
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
REMOTES = (EXACT, AIRBASE)


@dataclass(frozen=True)
class Outage:
    """What is known: faults in a row, and once it is open since when and the next probe.

    `site_answers`: whether the remote's site answered the last time somebody knocked.
    """

    failures: int = 0
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
    def probe_is_due(self) -> bool:
        """Return whether it is time to ask again."""
        return self.probe_at is not None and clock.now() >= self.probe_at


Change = Callable[[Outage], Outage]
_probing: ContextVar[frozenset[tuple[str, str]]] = ContextVar("probing", default=frozenset())


class Circuit:
    """Stands between a connection and one remote; its workers share what they find out."""

    def __init__(
        self, table: Table, connection: ConnectionId, remote: Remote, trust: float = 2.0
    ) -> None:
        """Keep it in the coordination table; all being well, believe that for `trust` seconds."""
        self._table = table
        self._key = (f"{connection}#outage", remote.name)
        self._leases = Leases(table, connection)
        self._remote = remote
        self._trust = trust
        self._well_at = float("-inf")

    def outage(self) -> Outage:
        """Return what is known now. One read."""
        item = self._table.get(*self._key)
        known = _read(item) if item else Outage()
        is_well = not known.is_open and not known.failures
        self._well_at = clock.epoch() if is_well else float("-inf")
        return known

    def check(self) -> None:
        """Pass while the remote is not away; the prober passes always.

        Raises:
            Later: it is away; until the next probe.
        """
        if self._is_well or self.is_probing:
            return
        known = self.outage()
        if known.is_open:
            code = self._remote.away
            raise Later(code, known.probe_at or clock.now(), DELAYS[code].cause)

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Make one call within a `with` block: refused while the remote is away, else noted."""
        self.check()
        try:
            yield
        except Fault as fault:
            self._note(fault)
            raise
        self.answered()

    def failed(self) -> None:
        """Count a fault; the third in a row opens the circuit, a prober's moves the next probe."""
        self._well_at = float("-inf")
        self._change(_one_more if not self.is_probing else _probed_in_vain)

    def answered(self) -> None:
        """Close the circuit. Costs nothing while all is well."""
        if not self._is_well:
            self._change(_closed)
            self._well_at = clock.epoch()

    def knocked(self, *, site_answers: bool) -> None:
        """Remember whether the remote's site answered."""
        self._change(lambda known: replace(known, site_answers=site_answers))

    @contextmanager
    def probing(self) -> Iterator[Outage | None]:
        """Be the prober within a `with` block; None when it is open no more, or another is."""
        with self._leases.holding(f"probe {self._remote.name}", _LEASE) as held:
            known = self.outage() if held else Outage()
            if not known.is_open:
                yield None
                return
            with self.regardless():
                yield known

    @contextmanager
    def regardless(self) -> Iterator[None]:
        """Call within a `with` block though the remote may be away: somebody wants to see it."""
        before = _probing.set(_probing.get() | {self._key})
        try:
            yield
        finally:
            _probing.reset(before)

    @property
    def _is_well(self) -> bool:
        return clock.epoch() - self._well_at < self._trust

    @property
    def is_probing(self) -> bool:
        """Return whether this is the prober, who need not heed anybody's pauses."""
        return self._key in _probing.get()

    def _note(self, fault: Fault) -> None:
        """A prober that is asked to slow down has found the remote; others learn nothing by it."""
        if not isinstance(fault, Later):
            self.answered()
        elif fault.code in self._remote.silent:
            self.failed()
        elif self.is_probing and not fault.code.startswith(_ABOUT_TOKENS):
            self.answered()

    def _change(self, change: Change) -> None:
        """Write the change over what is there; who loses every race leaves it to the winners."""
        for _ in range(_MOST_TRIES):
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


def _one_more(known: Outage) -> Outage:
    if known.is_open:
        return known
    counted = replace(known, failures=known.failures + 1)
    if counted.failures < OPENS_AT:
        return counted
    return replace(counted, opened_at=clock.now(), probe_at=_probe_at(0))


def _probed_in_vain(known: Outage) -> Outage:
    if not known.is_open:
        return known
    return replace(known, probes=known.probes + 1, probe_at=_probe_at(known.probes + 1))


def _closed(known: Outage) -> Outage:
    return Outage(version=known.version)


def _probe_at(probes: int) -> datetime:
    """Return when to probe next: after a minute, then twice as long each time, up to ten."""
    most: timedelta = min(_FIRST_PROBE * 2 ** min(probes, 10), _SLOWEST_PROBE)
    return clock.now() + most * random.uniform(_JITTER, 1)  # noqa: S311  spreads load


def _item(key: tuple[str, str], outage: Outage) -> Item:
    return {
        "pk": key[0],
        "sk": key[1],
        "failures": outage.failures,
        "opened_at": outage.opened_at.isoformat() if outage.opened_at else "",
        "probe_at": outage.probe_at.isoformat() if outage.probe_at else "",
        "probes": outage.probes,
        "site_answers": int(outage.site_answers),
        "version": outage.version,
        "expires_at": int((clock.now() + _KEPT).timestamp()),
    }


def _read(item: Item) -> Outage:
    return Outage(
        failures=int(item["failures"]),
        opened_at=_moment(str(item["opened_at"])),
        probe_at=_moment(str(item["probe_at"])),
        probes=int(item["probes"]),
        site_answers=bool(item["site_answers"]),
        version=int(item["version"]),
    )


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
