"""Open exceptions by what has to be decided: those with one code and one cause are one group.

An account that is not mapped and stops 37 orders is one decision. What a group holds up is summed
for each currency, and never across currencies.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, NewType

from msgspec import Struct

from ml_connector.domain.faults import Problem
from ml_connector.domain.ids import Division, RecordKey, is_division
from ml_connector.domain.orders.decided import ASKED
from ml_connector.domain.records import ConnectionFacts, DeedFacts, Facts, OrderFacts, VendorFacts

GroupId = NewType("GroupId", str)
"""16 hexadecimal digits, from what the members of a group have in common."""

MOST_GROUPS = 20
"""In so many groups is a record at most: the others are found on its own page."""
OLDEST = 3
_LONGEST_CAUSE, _LONGEST_NAME = 1_000, 120
_AMOUNT = re.compile(r"([A-Z]{3}) (-?\d+(?:\.\d+)?)")
# The vendor is part of what is decided: two may have one name.
_OF_ONE_VENDOR = frozenset({"UNKNOWN_VENDOR", "SUPPLIER_GONE", "VENDOR_LINK_IN_DOUBT"})


class Matter(Struct, frozen=True):
    """What the members of a group have in common.

    `divisions` are keys as records have them; empty: of none in particular. `stops`: what a halt
    stops, empty for everything; None for what is no halt. `kind` is that of its records.
    """

    code: str
    cause: str
    remedy: str
    kind: str
    divisions: tuple[str, ...] = ()
    stops: str | None = None
    vendor: str = ""
    airbase: str = ""
    """The Airbase value of which a person can say what it stands for in Exact."""

    @property
    def id(self) -> GroupId:
        """Return the identity of the group."""
        named = [self.code, self.cause, self.kind, self.divisions, self.stops, self.vendor]
        named += [self.airbase] if self.airbase else []
        return GroupId(sha256(json.dumps(named).encode()).hexdigest()[:16])


class Member(Struct, frozen=True):
    """A record in a group, as lists show it; `opened_at` is in ISO form.

    `held_up` is its total as people read it, empty when it holds up no order.
    """

    record: RecordKey
    opened_at: str
    title: str = ""
    vendor: str = ""
    held_up: str = ""
    assignee: str = ""

    @property
    def place(self) -> str:
        """Return its place in the group: the oldest first. A record's key may be long."""
        return f"{self.opened_at}#{sha256(self.record.encode()).hexdigest()[:16]}"


class Group(Struct, frozen=True):
    """A group: how many records, what they hold up by currency, and the three oldest."""

    matter: Matter
    count: int = 0
    sums: dict[str, Decimal] = {}
    oldest: tuple[Member, ...] = ()

    @property
    def id(self) -> GroupId:
        """Return the identity of the group."""
        return self.matter.id

    def with_member(self, member: Member) -> "Group":
        """Return the group with one member more."""
        oldest = sorted((*self.oldest, member), key=lambda each: each.place)[:OLDEST]
        is_known = len(self.oldest) == min(self.count, OLDEST)
        return self._with(1, member, tuple(oldest) if is_known else self.oldest)

    def without_member(self, member: Member) -> "Group":
        """Return the group with one member less; its oldest may have to be read anew."""
        return self._with(
            -1, member, tuple(each for each in self.oldest if each.record != member.record)
        )

    @property
    def is_whole(self) -> bool:
        """Return whether the three oldest are known, and no number is odd."""
        return self.count >= 0 and len(self.oldest) == min(self.count, OLDEST)

    def _with(self, by: int, member: Member, oldest: tuple[Member, ...]) -> "Group":
        sums = dict(self.sums)
        if found := _AMOUNT.fullmatch(member.held_up):
            sums[found[1]] = sums.get(found[1], Decimal()) + by * Decimal(found[2])
        kept = {name: total for name, total in sorted(sums.items()) if total}
        return Group(self.matter, self.count + by, kept, oldest)


def divisions_of(key: str, facts: Facts | None) -> Iterator[str]:
    """Yield the keys of the divisions that a record belongs to; none: to all of them."""
    kind, _, id = key.partition("#")
    if kind == "division":
        yield id
    elif isinstance(facts, OrderFacts) and facts.division is not None:
        yield facts.division
    elif isinstance(facts, VendorFacts | DeedFacts):
        yield from filter(None, facts.divisions)


def memberships(key: RecordKey, received_at: str, facts: Facts) -> dict[Matter, Member]:
    """Return in which groups a record is; the one that was opened first, where it is there twice.

    `facts` are as they are stored: with a date for each problem.
    """
    found: dict[Matter, Member] = {}
    for matter, problem in _matters(key, facts):
        known = found.get(matter)
        if known is None and len(found) == MOST_GROUPS:
            continue
        member = _member(key, facts, _opened_at(problem, received_at, facts))
        if known is None or member.opened_at < known.opened_at:
            found[matter] = member
    return found


def digests_in(group: GroupId, key: RecordKey, facts: Facts) -> list[str]:
    """Return the digests of a record's open problems that are in this group."""
    return [each.digest for matter, each in _matters(key, facts) if matter.id == group]


def groups_of(key: RecordKey, facts: Facts) -> dict[str, GroupId]:
    """Return the group of each open problem of a record, by the problem's digest."""
    return {problem.digest: matter.id for matter, problem in _matters(key, facts)}


def _matters(key: RecordKey, facts: Facts) -> Iterator[tuple[Matter, Problem]]:
    kind, divisions = key.partition("#")[0], tuple(divisions_of(key, facts))
    if isinstance(facts, ConnectionFacts):
        for where, halt in sorted(facts.halts.items()):
            yield _matter(halt, kind, _stopped(where), stops=where), halt
    for problem in facts.open_problems:
        of_vendor = facts.vendor_id if isinstance(facts, OrderFacts) else ""
        vendor = of_vendor if problem.code in _OF_ONE_VENDOR else ""
        concerned = tuple(_divisions_with(facts, problem)) or divisions
        yield _matter(problem, kind, concerned, vendor=vendor), problem


def _matter(problem: Problem, kind: str, divisions: tuple[str, ...], **more: Any) -> Matter:
    cause, remedy = problem.cause[:_LONGEST_CAUSE], problem.remedy[:_LONGEST_CAUSE]
    airbase = str(problem.evidence.get("airbase") or "") if problem.code in ASKED else ""
    return Matter(problem.code, cause, remedy, kind, divisions, airbase=airbase, **more)


def _stopped(where: str) -> tuple[str, ...]:
    """Return the division that a halt stops; a site or everything concerns everybody."""
    return (where,) if where and is_division(Division(where)) else ()


def _divisions_with(facts: Facts, problem: Problem) -> Iterator[str]:
    if isinstance(facts, VendorFacts):
        for division, known in facts.divisions.items():
            if division and known.problem and known.problem.digest == problem.digest:
                yield division


def _opened_at(problem: Problem, received_at: str, facts: Facts) -> str:
    at: datetime | None = facts.opened_at.get(problem.digest)
    return at.isoformat() if at else received_at


def _member(key: RecordKey, facts: Facts, opened_at: str) -> Member:
    order = facts if isinstance(facts, OrderFacts) else OrderFacts()
    title = facts.title or order.order or key.partition("#")[2] or key
    return Member(
        record=key,
        opened_at=opened_at,
        title=title[:_LONGEST_NAME],
        vendor=order.vendor[:_LONGEST_NAME],
        held_up="" if order.exact else order.total,
        assignee=(facts.assignee or "")[:_LONGEST_NAME],
    )


def summed(matter: Matter, members: Iterator[Member]) -> Group:
    """Return the group of all its members, the oldest first."""
    group = Group(matter)
    for each in members:
        group = group.with_member(each)
    return group


def by_id(found: Mapping[Matter, Member]) -> dict[GroupId, tuple[Matter, Member]]:
    """Return memberships by the identity of their group."""
    return {matter.id: (matter, member) for matter, member in found.items()}
