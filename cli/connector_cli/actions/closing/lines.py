"""What a month's reconciliation says of one order, and how it adds up."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal, get_args

from ml_connector.ids import Division
from ml_connector.money import Money

Category = Literal[
    "equal", "different", "not_compared", "waiting", "set_aside", "missing", "only_in_exact"
]
CATEGORIES: tuple[Category, ...] = get_args(Category)
WORDS: Mapping[Category, str] = {
    "equal": "Posted and equal",
    "different": "Posted and different",
    "not_compared": "Posted since Exact was read",
    "waiting": "Waiting",
    "set_aside": "Set aside",
    "missing": "Missing",
    "only_in_exact": "Only in Exact",
}
FINDINGS: frozenset[Category] = frozenset({"different", "not_compared", "waiting", "missing"})
"""What somebody has to look at before the month is closed."""


@dataclass(frozen=True)
class Line:
    """One order. `airbase` and `exact` are its amounts on either side, None where it has none.

    `why` says in words why it is not equal, `codes` likewise; `until`: when it is tried again
    (ISO, UTC); `differences` are fields as `Difference.as_dict` gives them.
    """

    category: Category
    title: str
    order: str = ""
    division: Division | None = None
    day: date | None = None
    vendor: str = ""
    airbase: Money | None = None
    exact: Money | None = None
    exact_number: str = ""
    why: str = ""
    to_do: str = ""
    codes: Sequence[str] = ()
    until: str = ""
    differences: Sequence[Mapping[str, str]] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form."""
        return {
            "category": self.category,
            "division": self.division,
            "order": self.order or None,
            "title": self.title,
            "day": self.day.isoformat() if self.day else None,
            "vendor": self.vendor,
            "airbase_currency": self.airbase.currency if self.airbase else None,
            "airbase_amount": f"{self.airbase.amount:f}" if self.airbase else None,
            "exact_number": self.exact_number or None,
            "exact_currency": self.exact.currency if self.exact else None,
            "exact_amount": f"{self.exact.amount:f}" if self.exact else None,
            "codes": list(self.codes),
            "why": self.why,
            "until": self.until or None,
            "to_do": self.to_do,
            "differences": [dict(each) for each in self.differences],
        }


@dataclass
class Sum:
    """Orders and amounts of one category in one currency."""

    orders: int = 0
    airbase: Decimal = Decimal(0)
    exact: Decimal = Decimal(0)

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form."""
        return {"orders": self.orders, "airbase": f"{self.airbase:f}", "exact": f"{self.exact:f}"}


@dataclass
class Totals:
    """The sums of one division in one currency, by category; `is_all`: of all divisions together.

    An order counts under the currency that Airbase gives it; without one, under Exact's.
    """

    division: Division | None
    currency: str
    is_all: bool = False
    by_category: dict[Category, Sum] = field(default_factory=lambda: defaultdict(Sum))

    @property
    def airbase(self) -> Sum:
        """Return all of Airbase's approved orders."""
        return self._sum(each for each in CATEGORIES if each != "only_in_exact")

    @property
    def exact(self) -> Sum:
        """Return all orders that are in Exact."""
        return self._sum(each for each in CATEGORIES)

    def _sum(self, categories: Iterable[Category]) -> Sum:
        found = [self.by_category[each] for each in categories if each in self.by_category]
        return Sum(
            sum(each.orders for each in found),
            sum((each.airbase for each in found), Decimal(0)),
            sum((each.exact for each in found), Decimal(0)),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form."""
        every = ((name, self.by_category.get(name) or Sum()) for name in CATEGORIES)
        return {
            "is_all": self.is_all,
            "division": self.division,
            "currency": self.currency,
            "categories": {name: found.as_dict() for name, found in every},
            "airbase": {"orders": self.airbase.orders, "amount": f"{self.airbase.airbase:f}"},
            "exact": {"amount": f"{self.exact.exact:f}"},
        }


def add_up(lines: Iterable[Line]) -> list[Totals]:
    """Return the totals of every division and currency, then of all divisions by currency."""
    found: dict[tuple[bool, Division | None, str], Totals] = {}

    def note(is_all: bool, line: Line, currency: str) -> Sum:
        key = (is_all, None if is_all else line.division, currency)
        return found.setdefault(key, Totals(key[1], currency, is_all)).by_category[line.category]

    for line in lines:
        known = line.airbase or line.exact
        for is_all in (False, True):
            note(is_all, line, known.currency if known else "").orders += 1
            if line.airbase:
                note(is_all, line, line.airbase.currency).airbase += line.airbase.amount
            if line.exact:
                note(is_all, line, line.exact.currency).exact += line.exact.amount
    return [found[key] for key in sorted(found, key=lambda k: (k[0], k[1] or 0, k[2]))]
