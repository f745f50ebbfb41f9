"""The first page: what a person has to decide, the same causes together."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from ml_connector.domain.exception_codes import CATALOGUE, Severity
from ml_connector.exceptions.open_rows import open_rows, with_exceptions
from ml_connector.infrastructure.connection_views import ConnectionView
from ml_connector.infrastructure.ledger import AnyRecord, UnreadableRecord
from ml_connector.record_lookup import order_facts
from ml_console.console import Console
from ml_console.formats import sums
from ml_console.view import page
from ml_console.visits import Visit, divisions_of
from ml_console.web import Answer

_A_PAGE = 40
"""So many exceptions are on one page: it stays small, however many are open."""
_FIRST = {Severity.HALT: 0, Severity.EXCEPTION: 1}


@dataclass(frozen=True)
class OpenCase:
    """One open exception, as the list shows it."""

    connection: ConnectionView
    division: str
    """The division's key, empty when it belongs to none in particular."""
    key: str
    code: str
    title: str
    vendor: str
    total: str | None
    cause: str
    opened_at: str
    assignee: str | None
    is_in_exact: bool

    @property
    def place(self) -> str:
        """Return how people call the division, or the connection."""
        return self.connection.names.get(self.division, self.connection.name)


@dataclass(frozen=True)
class Group:
    """The open exceptions with one code that are on the page, and what they hold up in all."""

    code: str
    cases: list[OpenCase]
    number: int
    held_up: list[str]


@dataclass(frozen=True)
class Place:
    """A division (or a connection) with the number of its open exceptions."""

    name: str
    connection: str
    division: str
    number: int


def inbox(console: Console, visit: Visit) -> Answer:
    """Show what is open, the oldest of each code first."""
    cases = [case for each in console.connections() for case in _cases(console, visit, each)]
    places = list(_places(cases))
    wanted = visit.request.query.get("of"), visit.request.query.get("division")
    chosen = [case for case in cases if _is_wanted(case, *wanted)]
    begin = _number(visit.request.query.get("from", ""))
    groups = list(_groups(chosen, begin))
    return page(
        "inbox.html",
        visit.texts,
        visit=visit,
        groups=groups,
        places=places,
        wanted=wanted,
        number=len(chosen),
        everything=len(cases),
        held_up=_held_up(chosen),
        begin=begin,
        end=begin + sum(len(group.cases) for group in groups),
    )


def _cases(console: Console, visit: Visit, connection: ConnectionView) -> Iterator[OpenCase]:
    for record in with_exceptions(console.ledger_of(connection)):
        if visit.sees(record):
            yield from _cases_of(connection, record)


def _cases_of(
    connection: ConnectionView, record: AnyRecord | UnreadableRecord
) -> Iterator[OpenCase]:
    order = None if isinstance(record, UnreadableRecord) else order_facts(record)
    for row in open_rows(record):
        yield OpenCase(
            connection=connection,
            division=next(iter(divisions_of(record)), ""),
            key=record.key,
            code=row["code"],
            title=row["title"],
            vendor=order.vendor if order else "",
            total=row["total"],
            cause=row["cause"],
            opened_at=row["opened_at"],
            assignee=row["assignee"],
            is_in_exact=order is not None and order.exact is not None,
        )


def _groups(cases: list[OpenCase], begin: int) -> Iterator[Group]:
    """Yield the groups on the page that begins with the case of this number."""
    ordered = sorted(cases, key=lambda case: (_urgency(case.code), case.code, case.opened_at))
    numbers = {code: list(each) for code, each in groupby(ordered, key=lambda case: case.code)}
    shown = ordered[begin : begin + _A_PAGE]
    for code, on_page in groupby(shown, key=lambda case: case.code):
        every = numbers[code]
        yield Group(code, list(on_page), len(every), _held_up(every))


def _urgency(code: str) -> int:
    return _FIRST.get(CATALOGUE[code].severity, 2)


def _held_up(cases: Iterable[OpenCase]) -> list[str]:
    """Return the sum of the orders that are not in Exact, for each currency."""
    waiting = {(each.connection.id, each.key): each.total for each in cases if not each.is_in_exact}
    return sums(waiting.values())


def _places(cases: list[OpenCase]) -> Iterator[Place]:
    ordered = sorted(cases, key=lambda case: (case.place, case.connection.id, case.division))
    for (name, id, division), each in groupby(
        ordered, key=lambda case: (case.place, case.connection.id, case.division)
    ):
        yield Place(name, id, division, len(list(each)))


def _is_wanted(case: OpenCase, connection: str | None, division: str | None) -> bool:
    return (connection is None or case.connection.id == connection) and (
        division is None or case.division == division
    )


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 7 else 0
