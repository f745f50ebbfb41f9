"""Who has mapped a value last: for whoever is about to map it otherwise.

The audit trail says it too, but the workers cannot read it. A row is for a value and what it stands
for, so that a change that was not saved says nothing about the one that was. Of a change of many
values only one row is kept.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from ml_connector import clock
from ml_connector.domain.ids import ConnectionId, Division
from ml_connector.infrastructure.dynamodb import Item, Table

_MOST = 25
_MANY = "many"


class MappedValue(NamedTuple):
    """An Airbase value of one kind, and the Exact code that it stands for in a division."""

    division: Division | None
    kind: str
    airbase: str
    exact: str


class Decided(NamedTuple):
    """Who has decided, and when."""

    by: str
    at: datetime


class DecidingRow(NamedTuple):
    """Who has mapped a value, in the row of this name."""

    name: str
    by: str
    at: str


class DecidedValues:
    """Who has mapped the values of one connection."""

    def __init__(self, ledger: Table, id: ConnectionId) -> None:
        """Keep rows of the connection `id` in the ledger's table."""
        self._table = ledger
        self._pk = f"{id}#decided"

    def note(self, values: Sequence[MappedValue], by: str) -> None:
        """Keep that these values are mapped now; before they are, as with the audit trail."""
        names = [_name(each) for each in values] if len(values) <= _MOST else [_MANY]
        for name in names:
            self._put(DecidingRow(name, by, clock.now().isoformat()))

    def last(self, value: MappedValue) -> Decided | None:
        """Return who has mapped it so; if nobody is known, who has mapped many values last."""
        row = self._table.get(self._pk, _name(value)) or self._table.get(self._pk, _MANY)
        return Decided(str(row["by"]), datetime.fromisoformat(str(row["at"]))) if row else None

    def deciders(self) -> list[DecidingRow]:
        """Return who has mapped values, whether they are mapped so today or not."""
        rows = self._table.query(self._pk)
        return [DecidingRow(str(row["sk"]), str(row["by"]), str(row["at"])) for row in rows]

    def rename(self, decider: DecidingRow, by: str) -> None:
        """Call who has mapped a value otherwise, as of the same moment."""
        self._put(decider._replace(by=by))

    def _put(self, decider: DecidingRow) -> None:
        row: Item = {"pk": self._pk, "sk": decider.name, "by": decider.by, "at": decider.at}
        self._table.put(row)


def _name(value: MappedValue) -> str:
    text = "\0".join(map(str, value))
    return sha256(text.encode()).hexdigest()[:32]
