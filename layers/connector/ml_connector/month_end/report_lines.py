"""The lines of a month's report, one for each order, and their totals."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal, get_args

from ml_connector.domain.ids import Division
from ml_connector.domain.money import Money

Category = Literal[
    "equal", "different", "possible_duplicate", "not_compared", "waiting", "set_aside",
    "served_elsewhere", "missing", "only_in_exact",
]  # fmt: skip
CATEGORIES: tuple[Category, ...] = get_args(Category)
CATEGORY_TITLES: Mapping[Category, str] = {
    "equal": "Posted and equal",
    "different": "Posted and different",
    "possible_duplicate": "Possible duplicates",
    "not_compared": "Posted since Exact was read",
    "waiting": "Waiting",
    "set_aside": "Set aside",
    "served_elsewhere": "Served elsewhere",
    "missing": "Missing",
    "only_in_exact": "Only in Exact",
}
FINDINGS: frozenset[Category] = frozenset(
    {"different", "possible_duplicate", "not_compared", "waiting", "missing"}
)
"""The categories to check before the month is closed."""


@dataclass(frozen=True)
class ReportLine:
    """One order. `airbase` and `exact` are its amounts on either side, or None.

    `why` and `codes` give the reason why it is not equal; `until`: when it is tried again (ISO,
    UTC); `differences` are as in `Difference.as_dict`.
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
class CategorySum:
    """Orders and amounts of one category in one currency."""

    orders: int = 0
    airbase: Decimal = Decimal(0)
    exact: Decimal = Decimal(0)

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form."""
        return {"orders": self.orders, "airbase": f"{self.airbase:f}", "exact": f"{self.exact:f}"}


@dataclass
class Totals:
    """The sums of one division in one currency, by category; `is_all`: of all divisions.

    An order is counted under its currency in Airbase; without one, under that in Exact.
    """

    division: Division | None
    currency: str
    is_all: bool = False
    by_category: dict[Category, CategorySum] = field(
        default_factory=lambda: defaultdict(CategorySum)
    )

    @property
    def airbase(self) -> CategorySum:
        """Return the sum of Airbase's approved orders."""
        return self._sum(each for each in CATEGORIES if each != "only_in_exact")

    @property
    def exact(self) -> CategorySum:
        """Return the sum of all orders in Exact."""
        return self._sum(each for each in CATEGORIES)

    def _sum(self, categories: Iterable[Category]) -> CategorySum:
        found = [self.by_category[each] for each in categories if each in self.by_category]
        return CategorySum(
            sum(each.orders for each in found),
            sum((each.airbase for each in found), Decimal(0)),
            sum((each.exact for each in found), Decimal(0)),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form."""
        every = ((name, self.by_category.get(name) or CategorySum()) for name in CATEGORIES)
        return {
            "is_all": self.is_all,
            "division": self.division,
            "currency": self.currency,
            "categories": {name: found.as_dict() for name, found in every},
            "airbase": {"orders": self.airbase.orders, "amount": f"{self.airbase.airbase:f}"},
            "exact": {"amount": f"{self.exact.exact:f}"},
        }


def totals_of(lines: Iterable[ReportLine]) -> list[Totals]:
    """Return the totals of every division and currency, then of all divisions by currency."""
    found: dict[tuple[bool, Division | None, str], Totals] = {}

    def sum_of(is_all: bool, line: ReportLine, currency: str) -> CategorySum:
        key = (is_all, None if is_all else line.division, currency)
        return found.setdefault(key, Totals(key[1], currency, is_all)).by_category[line.category]

    for line in lines:
        amount = line.airbase or line.exact
        for is_all in (False, True):
            sum_of(is_all, line, amount.currency if amount else "").orders += 1
            if line.airbase:
                sum_of(is_all, line, line.airbase.currency).airbase += line.airbase.amount
            if line.exact:
                sum_of(is_all, line, line.exact.currency).exact += line.exact.amount
    return [found[key] for key in sorted(found, key=lambda k: (k[0], k[1] or "", k[2]))]
