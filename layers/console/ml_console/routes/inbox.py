"""The first page: what a person has to decide, each cause once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from ml_connector import clock
from ml_connector.domain.exception_codes import CATALOGUE, Severity
from ml_connector.domain.open_groups import Group, GroupId, Matter
from ml_connector.infrastructure.connection_views import ConnectionView
from ml_connector.infrastructure.open_groups import Growth, Snooze
from ml_console.console import Console
from ml_console.formats import amounts
from ml_console.view import page
from ml_console.visits import NotFoundError, Visit, connection_in
from ml_console.web import Answer
from ml_console.words import SORTS, consequence

_CARDS = 20
"""So many are on one page: it stays small, however many there are."""
_FIRST = {Severity.HALT: 0, Severity.EXCEPTION: 1}


@dataclass(frozen=True)
class Card:
    """A group, as the page shows it."""

    connection: ConnectionView
    group: Group
    snoozed: Snooze | None = None
    growth: Growth | None = None
    """What has come to it since it was snoozed."""

    @property
    def is_left_out(self) -> bool:
        """Return whether somebody has snoozed it, and it has not grown since."""
        return self.snoozed is not None and not (self.growth and self.growth.is_any)

    @property
    def matter(self) -> Matter:
        """Return what its members have in common."""
        return self.group.matter

    @property
    def division(self) -> str:
        """Return the key of its division; empty when it belongs to none, or to several."""
        return self.matter.divisions[0] if len(self.matter.divisions) == 1 else ""

    @property
    def place(self) -> str:
        """Return how people call the division, or the connection."""
        return self.connection.names.get(self.division, self.connection.name)

    @property
    def held_up(self) -> list[str]:
        """Return what it holds up in all, for each currency."""
        return amounts(self.group.sums)

    @property
    def opened_at(self) -> str:
        """Return since when it is open."""
        return min((each.opened_at for each in self.group.oldest), default="")

    @property
    def if_nothing_is_done(self) -> str:
        """Return in one line what happens then, to be translated."""
        return consequence(self.matter, holds_up=bool(self.group.sums))


@dataclass(frozen=True)
class Place:
    """A division (or a connection) with the number of its open exceptions."""

    name: str
    connection: str
    division: str
    number: int


def inbox(console: Console, visit: Visit) -> Answer:
    """Show what is open: what stops everything first, then by money held up or by age."""
    connections = list(console.connections())
    query = visit.request.query
    seen = [card for each in connections for card in _cards(console, visit, each)]
    shows_snoozed = "snoozed" in query
    cards = [card for card in seen if card.is_left_out == shows_snoozed]
    wanted = query.get("of"), query.get("division")
    sort = query["sort"] if query.get("sort") in SORTS else SORTS[0]
    chosen = _sorted([card for card in cards if _is_wanted(card, *wanted)], sort)
    begin = _number(query.get("from", ""))
    shown = chosen[begin : begin + _CARDS]
    return page(
        "inbox.html",
        visit.texts,
        visit=visit,
        cards=shown,
        places=list(_places(cards)),
        wanted=wanted,
        sort=sort,
        number=len(chosen),
        snoozed=sum(card.is_left_out for card in seen),
        shows_snoozed=shows_snoozed,
        everything=sum(card.group.count for card in cards),
        through=sum(_went_through(console, visit, each) for each in connections),
        begin=begin,
        end=begin + len(shown),
        page_size=_CARDS,
    )


def find_card(console: Console, visit: Visit) -> Card:
    """Return the group that the call names; raises `NotFoundError`, for one that is empty too."""
    given = visit.request.form or visit.request.query
    connection = console.connection(connection_in(given))
    found = console.ledger_of(connection).groups.get(GroupId(str(given.get("group", ""))[:16]))
    if found is None or not visit.sees_divisions(found.matter.divisions):
        raise NotFoundError
    return Card(connection, found)


def _cards(console: Console, visit: Visit, connection: ConnectionView) -> Iterator[Card]:
    groups = console.ledger_of(connection).groups
    snoozed = groups.snoozed()
    for each in groups.all():
        if visit.sees_divisions(each.matter.divisions):
            snooze = snoozed.get(each.id)
            growth = groups.growth(each, snooze) if snooze else None
            yield Card(connection, each, snooze, growth)


def _sorted(cards: list[Card], sort: str) -> list[Card]:
    """Return them in order; amounts of two currencies are compared by figure, and never added."""
    by_age = sorted(cards, key=lambda card: (card.opened_at, card.group.id))
    if sort == "age":
        return sorted(by_age, key=lambda card: _urgency(card.matter.code))
    return sorted(by_age, key=lambda card: (_urgency(card.matter.code), -_most(card.group)))


def _most(group: Group) -> Decimal:
    return max(group.sums.values(), default=Decimal())


def _urgency(code: str) -> int:
    known = CATALOGUE.get(code)
    return _FIRST.get(known.severity, 2) if known else 2


def _went_through(console: Console, visit: Visit, connection: ConnectionView) -> int:
    found = console.ledger_of(connection).groups.went_through(clock.now())
    return sum(number for division, number in found.items() if visit.sees_division(division))


def _places(cards: Iterable[Card]) -> Iterator[Place]:
    numbers: dict[tuple[str, str, str], int] = {}
    for card in cards:
        place = card.place, str(card.connection.id), card.division
        numbers[place] = numbers.get(place, 0) + card.group.count
    for (name, id, division), number in sorted(numbers.items()):
        yield Place(name, id, division, number)


def _is_wanted(card: Card, connection: str | None, division: str | None) -> bool:
    return (connection is None or card.connection.id == connection) and (
        division is None or card.division == division
    )


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 7 else 0
