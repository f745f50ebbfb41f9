"""Change the lines of a purchase order in the way that Exact takes.

Exact's reference contradicts itself: lines can be written one by one, or only with their order,
or not at all. Both ways are there; which one Exact took is remembered per connection.
"""

from collections.abc import Iterator

from ml_connector.connection import Connection
from ml_connector.exact.orders import LINES_PATH, ORDERS_PATH
from ml_connector.faults import Review
from ml_connector.ids import Division
from ml_connector.purchase_orders.amendment import Edits, whole_lines
from ml_connector.purchase_orders.comparison import LINES, Body
from ml_connector.purchase_orders.exact_order import ExactOrder
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.writes import Write

_ONE_BY_ONE, _NESTED = "one by one", "with the order"


class LineChanges:
    """Applies edits to the lines of one order."""

    def __init__(
        self, doors: Doors, connection: Connection, division: Division, title: str
    ) -> None:
        """Write in `division`; `title` is what people call the order."""
        self._mappings = doors.mappings
        self._connection = connection.id
        self._division = division
        self._gateway = doors.exact(connection)
        self._title = title

    def apply(self, change: Edits, target: Body, held: Body, found: ExactOrder) -> None:
        """Make the changes; the way that worked last for such changes is taken first.

        Raises `Review` with what Exact said to either way when it took neither.
        """
        kind = _kind(change)
        known = self._mappings.learned(self._connection, kind)
        refusals: list[Review] = []
        for way, writes in self.ways(change, target, held, found):
            try:
                for write in writes:
                    write.send(self._gateway, self._division)
            except Review as review:
                refusals.append(review)
            else:
                if way != known:
                    self._mappings.learn(self._connection, kind, way)
                return
        raise Review([problem for review in refusals for problem in review.problems])

    def ways(
        self, change: Edits, target: Body, held: Body, found: ExactOrder
    ) -> list[tuple[str, list[Write]]]:
        """Return both ways by name with what each writes, first the one to be tried first."""
        nested = {LINES: whole_lines(target, held, found)}
        ways = [
            (_ONE_BY_ONE, list(self._one_by_one(change, found))),
            (_NESTED, [Write("PUT", ORDERS_PATH, nested, found.id, self._title)]),
        ]
        first = self._mappings.learned(self._connection, _kind(change)) or _ONE_BY_ONE
        return sorted(ways, key=lambda way: way[0] != first)

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


def _kind(change: Edits) -> str:
    """Name what kind of change it is: Exact may take some and refuse others."""
    parts = {"changed": change.changed, "added": change.added, "removed": change.removed}
    return "lines " + " and ".join(name for name, lines in parts.items() if lines)
