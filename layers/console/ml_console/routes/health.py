"""How each connection and division fares, from what is stored: nobody is called for this."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from ml_connector import clock
from ml_connector.domain.console_access import Role
from ml_connector.domain.ids import Division, site_of
from ml_connector.domain.records import DivisionFacts
from ml_connector.domain.reports import PingReport
from ml_connector.infrastructure.connection_views import ConnectionView
from ml_connector.infrastructure.ledger import ConnectionRecord, Ledger, parked_under
from ml_connector.infrastructure.open_groups import THROUGH_KEPT_FOR
from ml_console.console import Console
from ml_console.routes import asking, consent
from ml_console.routes.asking import Notice
from ml_console.routes.consent import Link, Reconnectable
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
    """When an order of one division went through last, and what could not be read of it.

    `last` is a day; empty: none within `THROUGH_KEPT_FOR`.
    """

    name: str
    key: str
    last: str
    failed: int
    kept: int
    odd_rows: int

    @property
    def is_well(self) -> bool:
        """Return whether everything could be read."""
        return not (self.failed or self.kept or self.odd_rows)


@dataclass(frozen=True)
class Checked:
    """What the last ping found in one division, at one site, or of the connection itself."""

    place: str
    found: list[Mapping[str, Any]]

    @property
    def works(self) -> int:
        """Return how many of the checks show that it works."""
        return sum(each["ok"] is True for each in self.found)

    @property
    def is_well(self) -> bool:
        """Return whether none shows that it does not."""
        return not any(each["ok"] is False for each in self.found)


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
    checked: list[Checked]
    told: Notice | None
    may_ask: bool
    link: Link | None
    reconnect: list[Reconnectable]

    @property
    def is_well(self) -> bool:
        """Return whether orders go through."""
        return not (self.stops or self.away)


def health(console: Console, visit: Visit) -> Answer:
    """Show how every connection fares of which the person sees a division."""
    found = [
        _health(console, each, visit) for each in console.connections() if list(_seen(each, visit))
    ]
    return page(
        "health.html",
        visit.texts,
        visit=visit,
        connections=found,
        kept=THROUGH_KEPT_FOR,
        new_id=asking.new_id,
        due=consent.due(visit),
        is_late=consent.is_late(visit),
    )


def ping(console: Console, visit: Visit) -> Answer:
    """Have both systems asked whether they work."""
    on = asking.chosen(console, visit, visit.request.form)
    asking.require_to_ask(on)
    return asking.ask(console, visit, on.connection, "ping", "/health")


def _health(console: Console, connection: ConnectionView, visit: Visit) -> ConnectionHealth:
    ledger, reports = console.ledger_of(connection), asking.reports_of(console, connection)
    ping = _seen_of(reports.read("ping", PingReport), dict(_seen(connection, visit)))
    is_named = visit.request.query.get("of") == connection.id
    told = asking.notice(visit, reports) if is_named else None
    sees_all = visit.access.everywhere is not None
    unfinished = list(ledger.unfinished()) if sees_all else []
    waiting = [str(row["open_at"]) for row in unfinished if row["waits"]]
    seen, last = _seen(connection, visit), ledger.groups.last_through()
    away = [name for parked, name in _outages(seen) if any(ledger.due(clock.now(), parked))]
    return ConnectionHealth(
        connection=connection,
        stops=list(_stops(ledger.connection(), connection, visit)),
        away=away,
        waiting=len(waiting),
        oldest=min(waiting, default=""),
        open=sum(bool(row["codes"]) for row in unfinished) if sees_all else None,
        divisions=[
            _division(ledger, key, name, last.get(key, ""))
            for key, name in _seen(connection, visit)
        ],
        ping=ping,
        checked=list(_checked(ping, visit, dict(_seen(connection, visit)))) if ping else [],
        told=told,
        link=consent.link_of(console, visit, connection, told),
        reconnect=list(consent.reconnectable(console, visit, connection, ping)),
        may_ask=any(
            (visit.access.role_for([key]) or 0) >= Role.CLERK for key, _ in _seen(connection, visit)
        ),
    )


def _seen(connection: ConnectionView, visit: Visit) -> Iterator[tuple[str, str]]:
    for each in connection.divisions:
        if visit.sees_division(each.division):
            yield each.division, each.name


def _seen_of(ping: PingReport | None, names: Mapping[str, str]) -> PingReport | None:
    """Return what the ping found in these divisions, at their sites and of the connection."""
    if ping is None:
        return None
    sites = {site_of(Division(key)) for key in names}
    return replace(
        ping,
        checks=tuple(
            each
            for each in ping.checks
            if (each["division"] in names if each["division"] else each["site"] in {None, *sites})
        ),
        calls=tuple(each for each in ping.calls if each.division in names),
        sites=tuple(each for each in ping.sites if each.site in sites),
    )


def _checked(ping: PingReport, visit: Visit, names: Mapping[str, str]) -> Iterator[Checked]:
    """Yield the checks by what they are about, each in the order in which they were made."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for each in ping.checks:
        at_site = f"Exact ({each['site']})" if each["site"] else visit.texts.say("Connection")
        place = names[each["division"]] if each["division"] else at_site
        found.setdefault(place, []).append(each)
    for place, checks in found.items():
        yield Checked(place, checks)


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


def _division(ledger: Ledger, key: str, name: str, last: str) -> DivisionHealth:
    facts: DivisionFacts = ledger.division(Division(key)).facts
    odd = len(facts.odd_rows) + sum(facts.odd_rows_left.values())
    return DivisionHealth(name, key, last, len(facts.failed), len(facts.kept), odd)
