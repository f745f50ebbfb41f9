"""Change the lines of a purchase order in the way that Exact accepts.

Exact's reference contradicts itself: lines can be written one by one, or only with their order,
or not at all. Both ways are tried, and the one that worked is remembered per connection. The
order is read again after a write; what was not applied is tried the other way.
"""

from collections.abc import Iterator

from ml_connector.domain.faults import Review
from ml_connector.domain.ids import Division
from ml_connector.domain.orders.diff import LINES, Body
from ml_connector.domain.orders.edits import Edits, edits, full_lines
from ml_connector.domain.orders.exact_order import ExactOrder
from ml_connector.exact.purchase_orders import LINES_PATH, ORDERS_PATH
from ml_connector.purchase_orders.exact_lookup import read_current
from ml_connector.purchase_orders.exact_requests import ExactWrite
from ml_connector.services import Services

_ONE_BY_ONE, _NESTED = "one by one", "with the order"
_KIND_OF = {"PUT": "changed", "POST": "added", "DELETE": "removed"}


class LineChanges:
    """Applies edits to the lines of one order; `has_written` once Exact accepted a write."""

    def __init__(self, services: Services, division: Division, title: str) -> None:
        """Write in `division`; `title` is what people call the order."""
        self._services = services
        self._connection = services.connection
        self._division = division
        self._exact_client = services.exact(division)
        self._title = title
        self._refused: set[str] = set()  # kinds of change that Exact refused line by line
        self.has_written = False

    def apply(
        self, change: Edits, target: Body, last_written: Body, found: ExactOrder
    ) -> ExactOrder | None:
        """Make the changes; return the order as it is afterwards, None when it is gone.

        Raises `Review` with Exact's answers to both ways when a change remains to be made.
        """
        refusals: list[Review] = []
        tried: set[tuple[frozenset[str], str]] = set()
        now: ExactOrder | None = found
        while now and (way := self._next_way(kinds := _kinds(change), tried)):
            tried.add((kinds, way))
            try:
                self._write(way, change, target, last_written, now)
            except Review as review:
                refusals.append(review)
            if self.has_written:
                now = read_current(self._services, self._division, found.id)
                change = edits(target, target, now) if now else change
                self._learn(way, kinds - _kinds(change))
        if refusals and change.changes_lines:
            raise Review([problem for review in refusals for problem in review.problems])
        return now

    def _next_way(
        self, kinds: frozenset[str], tried: set[tuple[frozenset[str], str]]
    ) -> str | None:
        """Return the way to try next: the one that worked last, unless just tried or refused."""
        is_nested = any(self._known(kind) == _NESTED for kind in kinds)
        for way in (_NESTED, _ONE_BY_ONE) if is_nested else (_ONE_BY_ONE, _NESTED):
            is_refused = way == _ONE_BY_ONE and kinds & self._refused
            if kinds and (kinds, way) not in tried and not is_refused:
                return way
        return None

    def _known(self, kind: str) -> str:
        learned = self._services.notes.behaviour(f"lines {kind}")
        return learned or _ONE_BY_ONE

    def _learn(self, way: str, done: frozenset[str]) -> None:
        """Remember the way that worked; nested only for what was refused line by line."""
        for kind in done if way == _ONE_BY_ONE else done & self._refused:
            if self._known(kind) != way:
                self._services.notes.note_behaviour(f"lines {kind}", way)

    def ways(
        self, change: Edits, target: Body, last_written: Body, found: ExactOrder
    ) -> list[tuple[str, list[ExactWrite]]]:
        """Return both ways by name with what each writes, the one to try first at the front."""
        first = self._next_way(_kinds(change), set())
        ways = [
            (w, self._writes(w, change, target, last_written, found))
            for w in (_ONE_BY_ONE, _NESTED)
        ]
        return sorted(ways, key=lambda way: way[0] != first)

    def _write(
        self, way: str, change: Edits, target: Body, last_written: Body, found: ExactOrder
    ) -> None:
        for write in self._writes(way, change, target, last_written, found):
            try:
                write.send(self._exact_client, self._division)
            except Review:
                if way == _ONE_BY_ONE:
                    self._refused.add(_KIND_OF[write.method])
                raise
            self.has_written = True

    def _writes(
        self, way: str, change: Edits, target: Body, last_written: Body, found: ExactOrder
    ) -> list[ExactWrite]:
        if way == _ONE_BY_ONE:
            return list(self._one_by_one(change, found))
        nested = {LINES: full_lines(target, last_written, found)}
        return [ExactWrite("PUT", ORDERS_PATH, nested, found.id, self._title)]

    def _one_by_one(self, change: Edits, found: ExactOrder) -> Iterator[ExactWrite]:
        """Change and add before removing: an order must keep at least one line."""
        for line, fields in change.changed:
            name = f"{self._title}, line {line.number}"
            yield ExactWrite("PUT", LINES_PATH, fields, line.id, name)
        for fields in change.added:
            body = {**fields, "PurchaseOrderID": found.id}
            yield ExactWrite("POST", LINES_PATH, body, record=self._title)
        for line in change.removed:
            name = f"{self._title}, line {line.number}"
            yield ExactWrite("DELETE", LINES_PATH, None, line.id, name)


def _kinds(change: Edits) -> frozenset[str]:
    """Return the kinds of change: Exact may accept some and refuse others."""
    parts = {"changed": change.changed, "added": change.added, "removed": change.removed}
    return frozenset(name for name, lines in parts.items() if lines)
