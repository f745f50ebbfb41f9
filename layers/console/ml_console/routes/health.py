"""How each connection and division fares, from what is stored: nobody is called for this."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ml_connector import clock
from ml_connector.domain.console_access import Role
from ml_connector.domain.ids import Division, site_of
from ml_connector.domain.records import DivisionFacts
from ml_connector.domain.reports import PingReport
from ml_connector.infrastructure.connection_views import ConnectionView
from ml_connector.infrastructure.ledger import ConnectionRecord, Ledger, parked_under
from ml_console.console import Console
from ml_console.routes import asking
from ml_console.routes.asking import Notice
from ml_console.view import page
from ml_console.visits import Visit
from ml_console.web import Answer


@dataclass(frozen=True)
class Stop:
    """A halt: what it stops (empty: everything), why, and what to do."""

    place: str
    code: str
    cause: str
    remedy: str


@dataclass(frozen=True)
class DivisionHealth:
    """What could not be read of one division."""

    name: str
    key: str
    failed: int
    kept: int
    odd_rows: int

    @property
    def is_well(self) -> bool:
        """Return whether everything could be read."""
        return not (self.failed or self.kept or self.odd_rows)


@dataclass(frozen=True)
class ConnectionHealth:
    """How one connection fares."""

    connection: ConnectionView
    stops: list[Stop]
    away: list[str]
    waiting: int
    oldest: str
    open: int | None
    """None, like no waiting order, for somebody who sees only some of the divisions."""
    divisions: list[DivisionHealth]
    ping: PingReport | None
    told: Notice | None
    may_ask: bool

    @property
    def is_well(self) -> bool:
        """Return whether orders go through."""
        return not (self.stops or self.away)


def health(console: Console, visit: Visit) -> Answer:
    """Show how every connection fares of which the person sees a division."""
    found = [
        _health(console, each, visit) for each in console.connections() if list(_seen(each, visit))
    ]
    return page("health.html", visit.texts, visit=visit, connections=found, new_id=asking.new_id)


def ping(console: Console, visit: Visit) -> Answer:
    """Have both systems asked whether they work."""
    on = asking.chosen(console, visit, visit.request.form)
    asking.require_to_ask(on)
    return asking.ask(console, visit, on.connection, "ping", "/health")


def _health(console: Console, connection: ConnectionView, visit: Visit) -> ConnectionHealth:
    ledger, reports = console.ledger_of(connection), asking.reports_of(console, connection)
    sees_all = visit.access.everywhere is not None
    unfinished = list(ledger.unfinished()) if sees_all else []
    waiting = [str(row["open_at"]) for row in unfinished if row["waits"]]
    seen = _seen(connection, visit)
    away = [name for parked, name in _outages(seen) if any(ledger.due(clock.now(), parked))]
    return ConnectionHealth(
        connection=connection,
        stops=list(_stops(ledger.connection(), connection, visit)),
        away=away,
        waiting=len(waiting),
        oldest=min(waiting, default=""),
        open=sum(bool(row["codes"]) for row in unfinished) if sees_all else None,
        divisions=[_division(ledger, key, name) for key, name in _seen(connection, visit)],
        ping=reports.read("ping", PingReport),
        told=asking.notice(visit, reports)
        if visit.request.query.get("of") == connection.id
        else None,
        may_ask=any(
            (visit.access.role_for([key]) or 0) >= Role.CLERK for key, _ in _seen(connection, visit)
        ),
    )


def _seen(connection: ConnectionView, visit: Visit) -> Iterator[tuple[str, str]]:
    for each in connection.divisions:
        if visit.sees_division(each.division):
            yield each.division, each.name


def _outages(seen: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield under which reasons records are parked that wait for a system, with its name."""
    yield "AIRBASE_AWAY", "Airbase"
    for site in dict.fromkeys(site_of(Division(key)) for key, _ in seen):
        yield parked_under("EXACT_AWAY", site), f"Exact ({site})"


def _stops(record: ConnectionRecord, connection: ConnectionView, visit: Visit) -> Iterator[Stop]:
    names = dict(_seen(connection, visit))
    names |= {site: f"Exact ({site})" for site in {site_of(Division(key)) for key in names}}
    for where, halt in sorted(record.facts.halts.items()):
        if not where or where in names:
            yield Stop(names.get(where, ""), halt.code, halt.cause, halt.remedy)


def _division(ledger: Ledger, key: str, name: str) -> DivisionHealth:
    facts: DivisionFacts = ledger.division(Division(key)).facts
    odd = len(facts.odd_rows) + sum(facts.odd_rows_left.values())
    return DivisionHealth(name, key, len(facts.failed), len(facts.kept), odd)
