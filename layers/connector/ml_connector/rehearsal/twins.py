"""Pair approved orders with those that people typed in Exact: number, supplier, amount, date."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from ml_connector.domain.ids import Division, Guid
from ml_connector.domain.money import Money, round_to_cents
from ml_connector.domain.orders.diff import LINES
from ml_connector.domain.orders.edits import Difference, differences, edits
from ml_connector.domain.orders.exact_order import ExactOrder
from ml_connector.domain.orders.reference_data import Item, Supplier
from ml_connector.domain.records import Body
from ml_connector.infrastructure.reference_store import ReferenceStore, plain_name
from ml_connector.rehearsal.rehearsed_orders import RehearsedOrder, Twin

NEAR = timedelta(days=31)
_SHORTEST_NUMBER = 3
"""A shorter number is found in other texts by chance."""
_NUMBER, _SUPPLIER, _AMOUNT, _DATE = "number", "supplier", "amount", "date"
_OURS = ("Notes",)  # filled in by the connector; nobody types it


class _Pair(NamedTuple):
    """Two orders that may be one; `rank` sorts the best first."""

    rank: tuple[int, int, str, str]
    order: RehearsedOrder
    found: ExactOrder
    division: Division
    matched_by: tuple[str, ...]


@dataclass(frozen=True)
class TypedOrder:
    """An order that nobody but a person in Exact has made, as far as is known."""

    division: Division
    order: ExactOrder


@dataclass
class TwinSearch:
    """Pairs each order with at most one in Exact, the most alike first."""

    gross: bool
    """Airbase's amounts include VAT."""
    names: "Names"
    _by_division: dict[Division, list[ExactOrder]] = field(default_factory=dict)

    def add(self, typed: TypedOrder) -> None:
        """Add an order that was typed in Exact."""
        self._by_division.setdefault(typed.division, []).append(typed.order)

    def pair(self, orders: Sequence[RehearsedOrder]) -> Iterator[tuple[RehearsedOrder, Twin]]:
        """Yield the orders that were typed in, with their twins."""
        pairs = sorted((pair for each in orders for pair in self._pairs_of(each)), key=_rank)
        alike: Counter[tuple[str, int, int]] = Counter()
        alike.update((pair.order.id, *pair.rank[:2]) for pair in pairs)
        alike.update((pair.found.id, *pair.rank[:2]) for pair in pairs)
        taken: set[str] = set()
        for pair in pairs:
            if pair.order.id not in taken and pair.found.id not in taken:
                taken |= {pair.order.id, pair.found.id}
                strength = pair.rank[:2]
                both = (alike[pair.order.id, *strength], alike[pair.found.id, *strength])
                yield pair.order, self._twin(pair, is_sure=both == (1, 1))

    def _pairs_of(self, order: RehearsedOrder) -> Iterator[_Pair]:
        divisions = [order.division] if order.division else list(self._by_division)
        for division in divisions:
            for found in self._by_division.get(division, ()):
                matched_by = self._matched_by(order, found, division)
                days = _days_between(order, found)
                if found.id not in order.not_twins and _is_enough(matched_by, days):
                    strength = -len(set(matched_by) - {_DATE})
                    rank = (strength, days, order.id, found.id)
                    yield _Pair(rank, order, found, division, matched_by)

    def _matched_by(
        self, order: RehearsedOrder, found: ExactOrder, division: Division
    ) -> tuple[str, ...]:
        same = {
            _NUMBER: _has_number(order, found),
            _SUPPLIER: self._is_supplier(order, found, division),
            _AMOUNT: order.total is not None and self._total(found) == order.total,
            _DATE: order.day is not None and order.day == found.order_date,
        }
        return tuple(what for what, is_same in same.items() if is_same)

    def _is_supplier(self, order: RehearsedOrder, found: ExactOrder, division: Division) -> bool:
        if order.supplier:
            return order.supplier == found.supplier
        name = plain_name(order.vendor)
        return bool(name) and name == plain_name(self.names.supplier_name(division, found.supplier))

    def _total(self, found: ExactOrder) -> Money | None:
        amount = found.amount if self.gross else found.amount_without_vat
        if amount is None:
            return None
        return Money(round_to_cents(amount, found.currency), found.currency)

    def _twin(self, pair: _Pair, *, is_sure: bool) -> Twin:
        found, division = pair.found, pair.division
        shown = [self.names.shown(division, each) for each in _differences(pair.order.body, found)]
        if pair.order.total and _AMOUNT not in pair.matched_by:
            shown.append(
                Difference("", "total", str(pair.order.total), str(self._total(found) or ""))
            )
        return Twin(
            id=found.id,
            number=found.number,
            division=division,
            day=found.order_date,
            matched_by=pair.matched_by,
            is_sure=is_sure,
            differences=tuple(each.as_dict() for each in shown),
        )


class Names:
    """What suppliers and items are called in Exact, each read once."""

    def __init__(self, store_of: Callable[[Division], ReferenceStore]) -> None:
        """Read from the reference data of the divisions."""
        self._store_of = store_of
        self._known: dict[tuple[str, Division, str], str] = {}

    def supplier_name(self, division: Division, id: Guid) -> str:
        """Return the supplier's name, or its id."""
        return self._once("supplier", division, id, Supplier)

    def item_name(self, division: Division, id: Guid) -> str:
        """Return the item's code, or its id."""
        return self._once("item", division, id, Item)

    def shown(self, division: Division, difference: Difference) -> Difference:
        """Return the difference with names in place of ids."""
        if difference.field not in {"Supplier", "Item"}:
            return difference
        name = self.supplier_name if difference.field == "Supplier" else self.item_name
        before, after = difference.expected, difference.found
        return Difference(
            difference.where,
            difference.field,
            name(division, Guid(before)) if before else "",
            name(division, Guid(after)) if after else "",
        )

    def _once(
        self, kind: str, division: Division, id: Guid, shape: type[Supplier] | type[Item]
    ) -> str:
        key = (kind, division, id)
        if key not in self._known:
            found = self._store_of(division).get(kind, id, shape)
            if isinstance(found, Supplier):
                self._known[key] = found.name
            else:
                self._known[key] = found.code if found else id
        return self._known[key]


def _rank(pair: _Pair) -> tuple[int, int, str, str]:
    return pair.rank


def _is_enough(matched_by: Iterable[str], days: int) -> bool:
    """Return whether two orders may be one: two of number, supplier and amount are the same.

    Without the number, they are not more than a month apart.
    """
    same = set(matched_by) - {_DATE}
    return len(same) > 1 and (_NUMBER in same or days <= NEAR.days)


def _days_between(order: RehearsedOrder, found: ExactOrder) -> int:
    if order.day is None or found.order_date is None:
        return NEAR.days
    return abs((order.day - found.order_date).days)


def _has_number(order: RehearsedOrder, found: ExactOrder) -> bool:
    """Return whether the order's number stands in the reference or description, as a word."""
    for name in filter(None, (order.number, order.id)):
        if found.your_ref.strip().casefold() == name.strip().casefold():
            return True
        word = rf"(?<![\w-]){re.escape(name.strip())}(?![\w-])"
        texts = (found.your_ref, found.description)
        if len(name) >= _SHORTEST_NUMBER and any(re.search(word, t, re.IGNORECASE) for t in texts):
            return True
    return False


def _differences(body: Body | None, found: ExactOrder) -> list[Difference]:
    """Return what was typed otherwise than it would have been posted, line by line."""
    if body is None:
        return []
    lines: Sequence[Mapping[str, object]] = body[LINES]
    expected = {
        **body,
        LINES: [{n: v for n, v in line.items() if n not in _OURS} for line in lines],
    }
    return differences(edits(expected, {LINES: []}, found), found)
