"""Change the lines of a purchase order in the way that Exact takes.

Exact's reference contradicts itself: lines can be written one by one, or only with their order,
or not at all. Both ways are there; which one Exact took is remembered per connection. Nor is an
answer believed: the order is read again, and what is left is tried the other way.
"""

from collections.abc import Iterator

from ml_connector.connection import Connection
from ml_connector.exact.orders import LINES_PATH, ORDERS_PATH
from ml_connector.faults import Review
from ml_connector.ids import Division
from ml_connector.purchase_orders.amendment import Edits, edits, whole_lines
from ml_connector.purchase_orders.comparison import LINES, Body
from ml_connector.purchase_orders.exact_order import ExactOrder
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.orders.live import read_live
from ml_connector.workflows.orders.writes import Write

_ONE_BY_ONE, _NESTED = "one by one", "with the order"
_KIND_OF = {"PUT": "changed", "POST": "added", "DELETE": "removed"}


class LineChanges:
    """Applies edits to the lines of one order; `has_written` once Exact has taken a write."""

    def __init__(
        self, doors: Doors, connection: Connection, division: Division, title: str
    ) -> None:
        """Write in `division`; `title` is what people call the order."""
        self._doors = doors
        self._connection = connection
        self._division = division
        self._gateway = doors.exact(connection)
        self._title = title
        self._refused: set[str] = set()  # what Exact has not taken line by line
        self.has_written = False

    def apply(
        self, change: Edits, target: Body, held: Body, found: ExactOrder
    ) -> ExactOrder | None:
        """Make the changes; return the order as it then is, None when it is gone.

        Raises `Review` with what Exact said to either way when something is left to change.
        """
        refusals: list[Review] = []
        tried: set[tuple[frozenset[str], str]] = set()
        now: ExactOrder | None = found
        while now and (way := self._next_way(kinds := _kinds(change), tried)):
            tried.add((kinds, way))
            try:
                self._write(way, change, target, held, now)
            except Review as review:
                refusals.append(review)
            if self.has_written:
                now = read_live(self._doors, self._connection, self._division, found.id)
                change = edits(target, target, now) if now else change
                self._learn(way, kinds - _kinds(change))
        if refusals and change.changes_lines:
            raise Review([problem for review in refusals for problem in review.problems])
        return now

    def _next_way(
        self, kinds: frozenset[str], tried: set[tuple[frozenset[str], str]]
    ) -> str | None:
        """Return what to try now: what worked last, unless it was just tried or refused."""
        is_nested = any(self._known(kind) == _NESTED for kind in kinds)
        for way in (_NESTED, _ONE_BY_ONE) if is_nested else (_ONE_BY_ONE, _NESTED):
            is_refused = way == _ONE_BY_ONE and kinds & self._refused
            if kinds and (kinds, way) not in tried and not is_refused:
                return way
        return None

    def _known(self, kind: str) -> str:
        learned = self._doors.mappings.learned(self._connection.id, f"lines {kind}")
        return learned or _ONE_BY_ONE

    def _learn(self, way: str, done: frozenset[str]) -> None:
        """Remember the way of what was done; with the order only what was refused alone."""
        for kind in done if way == _ONE_BY_ONE else done & self._refused:
            if self._known(kind) != way:
                self._doors.mappings.learn(self._connection.id, f"lines {kind}", way)

    def ways(
        self, change: Edits, target: Body, held: Body, found: ExactOrder
    ) -> list[tuple[str, list[Write]]]:
        """Return both ways by name with what each writes, first the one to be tried first."""
        first = self._next_way(_kinds(change), set())
        ways = [(w, self._writes(w, change, target, held, found)) for w in (_ONE_BY_ONE, _NESTED)]
        return sorted(ways, key=lambda way: way[0] != first)

    def _write(self, way: str, change: Edits, target: Body, held: Body, found: ExactOrder) -> None:
        for write in self._writes(way, change, target, held, found):
            try:
                write.send(self._gateway, self._division)
            except Review:
                if way == _ONE_BY_ONE:
                    self._refused.add(_KIND_OF[write.method])
                raise
            self.has_written = True

    def _writes(
        self, way: str, change: Edits, target: Body, held: Body, found: ExactOrder
    ) -> list[Write]:
        if way == _ONE_BY_ONE:
            return list(self._one_by_one(change, found))
        nested = {LINES: whole_lines(target, held, found)}
        return [Write("PUT", ORDERS_PATH, nested, found.id, self._title)]

    def _one_by_one(self, change: Edits, found: ExactOrder) -> Iterator[Write]:
        """Change and add before anything is removed: an order keeps at least one line."""
        for line, fields in change.changed:
            name = f"{self._title}, line {line.number}"
            yield Write("PUT", LINES_PATH, fields, line.id, name)
        for fields in change.added:
            body = {**fields, "PurchaseOrderID": found.id}
            yield Write("POST", LINES_PATH, body, record=self._title)
        for line in change.removed:
            name = f"{self._title}, line {line.number}"
            yield Write("DELETE", LINES_PATH, None, line.id, name)


def _kinds(change: Edits) -> frozenset[str]:
    """Name the kinds of change: Exact may take some and refuse others."""
    parts = {"changed": change.changed, "added": change.added, "removed": change.removed}
    return frozenset(name for name, lines in parts.items() if lines)
