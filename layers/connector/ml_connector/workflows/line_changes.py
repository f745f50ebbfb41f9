"""Change the lines of a purchase order in the way that Exact takes.

Exact's reference contradicts itself: lines can be written one by one, or only with their order,
or not at all. Both ways are there; which one Exact took is remembered per connection.
"""

from collections.abc import Callable, Sequence

from ml_connector.connection import Connection
from ml_connector.exact.orders import LINES_PATH, ORDERS_PATH
from ml_connector.faults import Review
from ml_connector.ids import Division
from ml_connector.purchase_orders.amendment import Edits, whole_lines
from ml_connector.purchase_orders.comparison import LINES, Body
from ml_connector.purchase_orders.exact_order import ExactOrder
from ml_connector.workflows.doors import Doors

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
        ways: dict[str, Callable[[], None]] = {
            _ONE_BY_ONE: lambda: self._one_by_one(change, found),
            _NESTED: lambda: self._nested(whole_lines(target, held, found), found),
        }
        known = self._mappings.learned(self._connection, kind)
        refusals: list[Review] = []
        for way in sorted(ways, key=lambda one: one != (known or _ONE_BY_ONE)):
            try:
                ways[way]()
            except Review as review:
                refusals.append(review)
            else:
                if way != known:
                    self._mappings.learn(self._connection, kind, way)
                return
        raise Review([problem for review in refusals for problem in review.problems])

    def _one_by_one(self, change: Edits, found: ExactOrder) -> None:
        """Change and add before anything is removed: an order keeps at least one line."""
        for line, fields in change.changed:
            name = f"{self._title}, line {line.number}"
            self._gateway.update(self._division, LINES_PATH, line.id, fields, record=name)
        for fields in change.added:
            body = {**fields, "PurchaseOrderID": found.id}
            self._gateway.create(self._division, LINES_PATH, body, record=self._title)
        for line in change.removed:
            name = f"{self._title}, line {line.number}"
            self._gateway.remove(self._division, LINES_PATH, line.id, record=name)

    def _nested(self, lines: Sequence[Body], found: ExactOrder) -> None:
        body = {LINES: lines}
        self._gateway.update(self._division, ORDERS_PATH, found.id, body, record=self._title)


def _kind(change: Edits) -> str:
    """Name what kind of change it is: Exact may take some and refuse others."""
    parts = {"changed": change.changed, "added": change.added, "removed": change.removed}
    return "lines " + " and ".join(name for name, lines in parts.items() if lines)
