"""Rows of Exact that cannot be read: one exception each on the division's record, until readable.

They are found page by page while streams and listings are read, and stored before the cursor moves
on, so that none is forgotten.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from ml_connector import clock
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Problem
from ml_connector.domain.ids import Division, Guid
from ml_connector.domain.records import DivisionFacts, OddRow, ReadingState
from ml_connector.exact.rows import ReadRow
from ml_connector.infrastructure.ledger import Conflict, DivisionRecord, Ledger

_MOST_LISTED = 20
"""Rows of one endpoint that are exceptions by themselves; of further ones there is only a count."""
_ATTEMPTS = 3
_BY_ROWS = {"EXACT_ROW_UNREADABLE", "EXACT_ROWS_UNREADABLE"}

AnyRow = ReadRow[Any]


class OddRows:
    """The rows of one division that were set aside, as they are found and resolved."""

    def __init__(self, ledger: Ledger, division: Division) -> None:
        """Keep them on the division's record in `ledger`."""
        self._ledger = ledger
        self._division = division
        self._known: DivisionFacts | None = None

    @property
    def facts(self) -> DivisionFacts:
        """Return the division's facts as last read."""
        if self._known is None:
            self._known = self._ledger.division(self._division).facts
        return self._known

    def of(self, path: str) -> list[OddRow]:
        """Return the rows of an endpoint that are set aside."""
        return [each for each in self.facts.odd_rows if each.path == path]

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
        paths = {each.path for each in self.facts.odd_rows if _key(each) in gone}
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
        at = {**self.facts.rechecked, path: clock.now()}

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
        for _ in range(_ATTEMPTS):
            record = self._ledger.division(self._division)
            after = self._changed(record.facts, path, is_over, found, is_whole=is_whole)
            after = replace(after, **more)
            if after == record.facts:
                self._known = after
                return
            try:
                self._known = self._write(record, after)
            except Conflict:  # a person has dismissed or assigned something
                continue
            return
        raise Conflict(f"division {self._division}")

    def _write(self, record: DivisionRecord, facts: DivisionFacts) -> DivisionFacts:
        if facts.problems == record.facts.problems:
            return self._ledger.save_unaudited(replace(record, facts=facts)).facts
        state = ReadingState.REVIEW if facts.problems else ReadingState.READ
        return self._ledger.write(record.now(state, facts), "read").facts

    def _changed(
        self,
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
        count = more if is_whole or not rows else max(more, left.get(path, 0))
        if count:
            left[path] = count
        else:
            left.pop(path, None)
        after = replace(
            facts,
            title=facts.title or f"Data of division {self._division}",
            odd_rows=(*others, *listed),
            odd_rows_left=left,
        )
        kept = [each for each in facts.problems if each.code not in _BY_ROWS]
        return replace(after, problems=(*kept, *self._problems(after)))

    def _problems(self, facts: DivisionFacts) -> list[Problem]:
        return [
            *(self._problem(each) for each in facts.odd_rows),
            *(self._rest(path, count) for path, count in facts.odd_rows_left.items()),
        ]

    def _problem(self, each: OddRow) -> Problem:
        record = f"{each.path} {each.name} in division {self._division}"
        return problem(
            "EXACT_ROW_UNREADABLE", record, "row", name=each.name, identity=each.identity,
            path=each.path, division=self._division, wrong=each.wrong,
        )  # fmt: skip

    def _rest(self, path: str, count: int) -> Problem:
        record = f"{path} in division {self._division}"
        return problem(
            "EXACT_ROWS_UNREADABLE", record, "count", count=count, path=path,
            division=self._division, connection=self._ledger.id,
        )  # fmt: skip


def _odd_row(path: str, row: AnyRow, after: int, highest: int) -> OddRow:
    odd = row.odd
    if odd is None:
        raise ValueError("the row can be read")
    version = row.version
    after, upto = (version - 1, version) if version else (after, max(highest, after))
    return OddRow(path, odd.identity, odd.name, odd.wrong, after, upto)


def _key(row: OddRow) -> str:
    return row.identity.partition(" ")[0]
