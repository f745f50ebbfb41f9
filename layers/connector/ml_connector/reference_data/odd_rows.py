"""Rows of Exact that cannot be read: one exception each on the division's record, until readable.

They are found page by page while streams and listings are read, and stored before the cursor moves
on, so that none is forgotten.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from ml_connector import clock
from ml_connector.domain.ids import Guid
from ml_connector.domain.records import DivisionFacts, OddRow
from ml_connector.exact.rows import ReadRow
from ml_connector.reference_data.division_record import DivisionReadings

_MOST_LISTED = 20
"""Rows of one endpoint that are exceptions by themselves; of further ones there is only a count."""

AnyRow = ReadRow[Any]


class OddRows:
    """The rows of one division that were set aside, as they are found and resolved."""

    def __init__(self, readings: DivisionReadings) -> None:
        """Keep them on the division's record."""
        self._readings = readings

    def of(self, path: str) -> list[OddRow]:
        """Return the rows of an endpoint that are set aside."""
        return [each for each in self._readings.facts.odd_rows if each.path == path]

    def streamed(self, path: str, rows: Sequence[AnyRow], after: int) -> None:
        """Take note of a page of a stream, read from the row version `after` on."""
        highest = max((each.version or 0 for each in rows), default=0)
        found = [_odd_row(path, each, after, highest) for each in rows if each.odd]
        known = {each.identity for each in self.of(path)}
        resolved = known & {
            identity for each in rows if known and not each.odd for identity in each.identities
        }
        if found or resolved:
            self._change(path, lambda each: each.identity in resolved, found)

    def deleted(self, keys: Iterable[Guid]) -> None:
        """Resolve the rows of records that Exact no longer has."""
        gone = set(keys)
        paths = {each.path for each in self._readings.facts.odd_rows if _key(each) in gone}
        for path in sorted(paths):
            self._change(path, lambda each: _key(each) in gone, [])

    def listed(self, path: str, rows: Sequence[AnyRow]) -> None:
        """Take note of a listing, which was read in full."""
        found = [_odd_row(path, each, 0, 0) for each in rows if each.odd]
        if found or self.of(path):
            self._change(path, lambda _: True, found, is_whole=True)

    def read_again(self, path: str, rows: Sequence[AnyRow], *, to_end: bool) -> None:
        """Take note that the rows set aside were read again: those that are gone are resolved."""
        highest = max((each.version or 0 for each in rows), default=0)
        lowest = min((each.after for each in self.of(path)), default=0)
        found = [_odd_row(path, each, lowest, highest) for each in rows if each.odd]
        at = {**self._readings.facts.rechecked, path: clock.now()}

        def is_covered(each: OddRow) -> bool:
            return to_end or each.upto <= highest

        self._change(path, is_covered, found, is_whole=to_end, rechecked=at)

    def _change(
        self,
        path: str,
        is_over: Callable[[OddRow], bool],
        found: Sequence[OddRow],
        *,
        is_whole: bool = False,
        **more: Any,
    ) -> None:
        """Replace the rows of the path that are over by those found."""

        def change(facts: DivisionFacts) -> DivisionFacts:
            return replace(_changed(facts, path, is_over, found, is_whole=is_whole), **more)

        self._readings.change(change)


def _changed(
    facts: DivisionFacts,
    path: str,
    is_over: Callable[[OddRow], bool],
    found: Sequence[OddRow],
    *,
    is_whole: bool,
) -> DivisionFacts:
    others = [each for each in facts.odd_rows if each.path != path]
    rows = {e.identity: e for e in facts.odd_rows if e.path == path and not is_over(e)}
    rows |= {each.identity: each for each in found}
    listed = list(rows.values())[:_MOST_LISTED]
    more = len(rows) - len(listed)
    left = dict(facts.odd_rows_left)
    left[path] = more if is_whole or not rows else max(more, left.get(path, 0))
    counted = {where: count for where, count in left.items() if count}
    return replace(facts, odd_rows=(*others, *listed), odd_rows_left=counted)


def _odd_row(path: str, row: AnyRow, after: int, highest: int) -> OddRow:
    odd = row.odd
    if odd is None:
        raise ValueError("the row can be read")
    version = row.version
    after, upto = (version - 1, version) if version else (after, max(highest, after))
    return OddRow(path, odd.identity, odd.name, odd.wrong, after, upto)


def _key(row: OddRow) -> str:
    return row.identity.partition(" ")[0]
