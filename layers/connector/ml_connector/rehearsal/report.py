"""The report of a rehearsal: the share that goes through, what would free most, what differs."""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from ml_connector.domain.exception_codes.difference_words import side
from ml_connector.domain.ids import Division
from ml_connector.domain.money import Money, readable
from ml_connector.domain.words import counted, moment, share, verb
from ml_connector.rehearsal.period import Period
from ml_connector.rehearsal.rehearsed_orders import (
    POSSIBLE_DUPLICATE,
    VERDICTS,
    Need,
    NeedKind,
    OnlyInExact,
    RehearsedOrder,
    Verdict,
)
from ml_connector.settings.connection import CallLimits, Connection

MOST_DECISIONS = 10
_MOST_EXAMPLES = 3

Sums = Mapping[str, Decimal]
"""Amounts by currency: they are never added up across currencies."""


class RehearsalRun(Struct, frozen=True):
    """When a rehearsal was begun and ended, and what it rests on.

    `of`: the version of the connection's own record; decisions before a change of settings,
    mappings or halts do not count after it. `airbase_reads`: orders and vendors read one by one.
    `exact_calls`: what the rehearsal has called in Exact, as its client counted; `exact_readings`:
    what the workers called meanwhile in these divisions, when Exact's orders were read anew first.
    """

    begun_at: datetime
    of: int
    by: str = ""
    ended_at: datetime | None = None
    airbase_reads: int = 0
    exact_calls: int = 0
    exact_readings: int = 0
    read_at: dict[str, datetime | None] = {}
    undated: tuple[str, ...] = ()
    unreadable_rows: int = 0
    unread: tuple[str, ...] = ()
    """Records that this version cannot read."""
    only_in_exact: tuple[OnlyInExact, ...] = ()
    undecided: int = 0


@dataclass(frozen=True)
class FreeingDecision:
    """Something to decide or repair once, and what that frees.

    `needed_by` orders need it; `frees` so many, once the decisions before it in the list are made.
    """

    kind: NeedKind
    code: str
    cause: str
    remedy: str
    division: Division | None
    needed_by: int
    needed_sums: Sums
    frees: int
    freed_sums: Sums

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form, of a stable shape."""
        return {
            "kind": self.kind,
            "code": self.code,
            "cause": self.cause,
            "remedy": self.remedy,
            "division": self.division,
            "needed_by": self.needed_by,
            "needed_totals": shown_sums(self.needed_sums),
            "frees": self.frees,
            "freed_totals": shown_sums(self.freed_sums),
        }


@dataclass(frozen=True)
class TypedDifference:
    """A field that people typed otherwise than it would have been posted."""

    field: str
    orders: int
    examples: Sequence[str]

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form, of a stable shape."""
        return {"field": self.field, "orders": self.orders, "examples": list(self.examples)}


@dataclass(frozen=True)
class DailyCalls:
    """What the period's orders would have taken, each day, of the calls that Exact allows.

    An order takes one call, and one for each item or supplier that is created for it.
    """

    days: Mapping[date | None, int]
    day_limit: int

    @property
    def calls(self) -> int:
        """Return the calls of all days."""
        return sum(self.days.values())

    @property
    def busiest_day(self) -> date | None:
        """Return the day with the most calls, None without orders."""
        return max(self.days, key=lambda day: (self.days[day], str(day)), default=None)

    @property
    def busiest_calls(self) -> int:
        """Return the calls of that day."""
        return self.days.get(self.busiest_day, 0)

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form, of a stable shape."""
        return {
            "calls": self.calls,
            "busiest_day": self.busiest_day.isoformat() if self.busiest_day else None,
            "busiest_calls": self.busiest_calls,
            "day_limit": self.day_limit,
        }


@dataclass(frozen=True)
class DivisionCalls(DailyCalls):
    """Those of a division."""

    division: Division
    orders: int
    minute_limit: int

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form, of a stable shape."""
        of = {"division": self.division, "orders": self.orders}
        return of | super().as_dict() | {"minute_limit": self.minute_limit}


@dataclass(frozen=True)
class ContractCalls(DailyCalls):
    """Those of our share of an Exact contract, all its divisions together."""

    title: str
    divisions: frozenset[Division]

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form, of a stable shape."""
        return {"contract": self.title} | super().as_dict()


@dataclass(frozen=True)
class Rehearsal:
    """A rehearsed period of a connection, with what was found of each order."""

    connection: Connection
    period: Period
    run: RehearsalRun
    orders: Sequence[RehearsedOrder]

    @property
    def only_in_exact(self) -> Sequence[OnlyInExact]:
        """Return the period's orders in Exact that no order of Airbase is taken for."""
        return self.run.only_in_exact

    @property
    def counted(self) -> list[RehearsedOrder]:
        """Return the orders of which a share goes through."""
        return [each for each in self.orders if each.counts]

    @property
    def untouched(self) -> list[RehearsedOrder]:
        """Return those that would have gone through without a person."""
        return [each for each in self.counted if each.goes_through]

    @property
    def is_whole(self) -> bool:
        """Return whether every order was decided."""
        return self.run.ended_at is not None and not self.of_verdict("undecided")

    @property
    def has_findings(self) -> bool:
        """Return whether a person has something to do before these orders go through."""
        left_out = self.run.undated or self.run.unreadable_rows or self.run.unread
        return not self.is_whole or bool(left_out) or len(self.untouched) < len(self.counted)

    def of_verdict(self, verdict: Verdict) -> list[RehearsedOrder]:
        """Return the orders with this verdict."""
        return [each for each in self.orders if each.verdict == verdict]

    @property
    def decisions(self) -> list[FreeingDecision]:
        """Return what frees the most orders, the best first; all that any order needs."""
        return _decisions(self.counted)

    @property
    def typed_differences(self) -> list[TypedDifference]:
        """Return the fields that were typed differently, the most frequent first."""
        return _typed_differences(self.of_verdict("typed_by_hand"))

    @property
    def calls(self) -> list[DivisionCalls]:
        """Return the calls that the orders would have taken, by division."""
        return [
            _calls(each.division, self.untouched, site.limits)
            for site in self.connection.sites
            for each in site.divisions
        ]

    @property
    def contract_calls(self) -> list[ContractCalls]:
        """Return the calls that they would have taken, by contract."""
        divisions: dict[str, set[Division]] = defaultdict(set)
        limits: dict[str, int] = {}
        for site in self.connection.sites:
            name = site.contract.name or f"at {site.site}"
            limits[name] = site.contract.our_calls
            divisions[name] |= {each.division for each in site.divisions}
        return [
            ContractCalls(_sum_of_days(self.calls, of), limits[name], name, frozenset(of))
            for name, of in divisions.items()
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form, of a stable shape."""
        run = self.run
        return {
            "connection": self.connection.id,
            "from": self.period.first.isoformat(),
            "to": self.period.last.isoformat(),
            "time_zone": self.period.zone,
            "begun_at": run.begun_at.isoformat(),
            "ended_at": run.ended_at.isoformat() if run.ended_at else None,
            "by": run.by,
            "is_whole": self.is_whole,
            "exact_read_at": {k: at and at.isoformat() for k, at in run.read_at.items()},
            "orders_counted": len(self.counted),
            "orders_untouched": len(self.untouched),
            "share_percent": share_percent(self),
            "totals_counted": shown_sums(sums(self.counted)),
            "totals_untouched": shown_sums(sums(self.untouched)),
            "verdicts": {
                verdict: {
                    "orders": len(found := self.of_verdict(verdict)),
                    "totals": shown_sums(sums(found)),
                }
                for verdict in VERDICTS
            },
            "decisions": [each.as_dict() for each in self.decisions],
            "typed_differences": [each.as_dict() for each in self.typed_differences],
            "calls": {
                "exact": run.exact_calls,
                "exact_readings": run.exact_readings,
                "airbase": run.airbase_reads,
                "divisions": [each.as_dict() for each in self.calls],
                "contracts": [each.as_dict() for each in self.contract_calls],
            },
            "orders": [each.as_dict() for each in self.orders],
            "only_in_exact": [each.as_dict() for each in self.only_in_exact],
            "undated": list(run.undated),
            "unreadable_rows": run.unreadable_rows,
            "unread_records": list(run.unread),
        }


def share_percent(rehearsal: Rehearsal) -> str | None:
    """Return the share of orders that go through as text with one decimal; None without orders."""
    every = len(rehearsal.counted)
    return f"{100 * len(rehearsal.untouched) / every:.1f}" if every else None


def sums(orders: Iterable[RehearsedOrder]) -> Sums:
    """Return the sum of the orders in each currency."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for each in orders:
        if each.amount is not None:
            found[each.currency] += each.amount
    return dict(sorted(found.items()))


def shown_sums(found: Sums) -> list[str]:
    """Return the sums in a stable form: `EUR 1290.00`."""
    return [str(Money(amount, currency)) for currency, amount in found.items()]


def readable_sums(found: Sums) -> list[str]:
    """Return the sums as people read them."""
    return [readable(Money(amount, currency)) for currency, amount in found.items()]


_Key = tuple[str, str]
"""Code and cause: one decision ends all needs that have both."""


def _decisions(orders: Sequence[RehearsedOrder]) -> list[FreeingDecision]:
    """Choose what frees most next, given what was chosen before, until nothing is needed."""
    open_: dict[str, set[_Key]] = {}
    needs: dict[_Key, Need] = {}
    by_key: dict[_Key, list[RehearsedOrder]] = defaultdict(list)
    for order in orders:
        keys = {(n.code, n.cause): n for n in order.needs if n.code != POSSIBLE_DUPLICATE}
        if keys:
            open_[order.id] = set(keys)
        for key, need in keys.items():
            needs.setdefault(key, need)
            by_key[key].append(order)
    usual = _usual_currency(orders)
    found = []
    while by_key:
        freed = {k: [o for o in every if open_[o.id] == {k}] for k, every in by_key.items()}
        best = max(by_key, key=lambda k: _worth(freed[k], by_key[k], usual, k))
        every = by_key.pop(best)
        for order in every:
            open_[order.id].discard(best)
        found.append(_made(needs[best], every, freed[best]))
    return found


def _made(
    need: Need, every: Sequence[RehearsedOrder], freed: Sequence[RehearsedOrder]
) -> FreeingDecision:
    divisions = {each.division for each in every}
    return FreeingDecision(
        kind=need.kind,
        code=need.code,
        cause=need.cause,
        remedy=need.remedy,
        division=divisions.pop() if len(divisions) == 1 else None,
        needed_by=len(every),
        needed_sums=sums(every),
        frees=len(freed),
        freed_sums=sums(freed),
    )


def _worth(
    freed: Sequence[RehearsedOrder], every: Sequence[RehearsedOrder], usual: str, key: _Key
) -> tuple[int, Decimal, int, _Key]:
    """Orders come first; among equals, the money in the currency that most orders are in."""
    return len(freed), sums(freed).get(usual, Decimal(0)), len(every), key


def _usual_currency(orders: Iterable[RehearsedOrder]) -> str:
    counted = Counter(each.currency for each in orders)
    return max(counted, key=lambda name: (counted[name], name), default="")


def _typed_differences(orders: Iterable[RehearsedOrder]) -> list[TypedDifference]:
    where: dict[str, dict[str, str]] = defaultdict(dict)
    for order in orders:
        for each in order.twin.differences if order.twin else ():
            line = f", {each['where']}" if each["where"] else ""
            expected, typed = (side(each["field"], each[name]) for name in ("expected", "found"))
            values = f"{expected}, typed {typed}"
            where[each["field"]].setdefault(order.title, f"{order.title}{line}: {values}")
    found = [
        TypedDifference(name, len(by_order), list(by_order.values())[:_MOST_EXAMPLES])
        for name, by_order in where.items()
    ]
    return sorted(found, key=lambda each: (-each.orders, each.field))


def _calls(
    division: Division, orders: Iterable[RehearsedOrder], limits: CallLimits
) -> DivisionCalls:
    days: Counter[date | None] = Counter()
    created: set[str] = set()
    count = 0
    for order in orders:
        if order.division == division:
            new = set(order.creates) - created
            created |= new
            count += 1
            days[order.day] += 1 + len(new)
    return DivisionCalls(days, limits.calls_per_day, division, count, limits.calls_per_minute)


def _sum_of_days(
    calls: Iterable[DivisionCalls], divisions: Container[Division]
) -> Mapping[date | None, int]:
    days: Counter[date | None] = Counter()
    for each in calls:
        if each.division in divisions:
            days.update(each.days)
    return days


def summary(found: Rehearsal) -> Iterator[str]:
    """Yield what the rehearsal comes to, and its reservations, in sentences."""
    run, through, every = found.run, len(found.untouched), len(found.counted)
    if not every:
        yield f"No order of {found.period} had to be posted."
    else:
        money = ", ".join(readable_sums(sums(found.untouched))) or "no money"
        orders = f"{through:,} of {counted(every, 'order')}"
        yield f"{orders} ({share(through, every)}) would have gone through untouched: {money}."
    called = f"called {counted(run.exact_calls, 'time')}" if run.exact_calls else "not called"
    yield f"Exact was {called}; orders and vendors read in Airbase: {run.airbase_reads}."
    if run.exact_readings:
        read = counted(run.exact_readings, "call")
        yield f"The workers made {read} to Exact while its orders were read anew."
    for division, at in run.read_at.items():
        if at is None:
            yield f"Exact's orders of division {division} were never read."
        else:
            yield f"Exact's orders of division {division} were read on {moment(at)}."
    if run.undecided:
        left = counted(run.undecided, "order")
        them = verb(run.undecided, "it", "them")
        yield f"{left} could not be decided: run this again to go on with {them}."
    if run.undated:
        yield f"In no period, because Airbase gives no day: {', '.join(run.undated)}."
    if run.unreadable_rows:
        yield f"Rows of Airbase's listing without an id: {run.unreadable_rows}."
    if run.unread:
        keys = ", ".join(run.unread)
        yield f"Not read, because a newer version of the connector has written them: {keys}."
