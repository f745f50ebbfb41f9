"""How far a rehearsal has come, and what it found: rows in the coordination table, which expire."""

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from ml_connector import clock
from ml_connector.domain.ids import ConnectionId, OrderId
from ml_connector.infrastructure.compression import pack, part_key, part_row, unpack
from ml_connector.infrastructure.dynamodb import Item, Table

KEPT = timedelta(days=90)
_RUN, _ORDER = "run", "order#"
_PERIODS = "periods"


class StoredRun(NamedTuple):
    """A run of a rehearsal: its number, and what is known of it as JSON."""

    number: int
    text: str


class Rehearsals:
    """The rehearsals of one connection, one for each period."""

    def __init__(self, table: Table, connection: ConnectionId) -> None:
        """Keep those of the connection in the coordination table."""
        self._table = table
        self._pk = f"{connection}#rehearsal"

    def periods(self) -> list[str]:
        """Return the periods of which something is kept."""
        return [str(row["sk"]) for row in self._table.query(f"{self._pk}#{_PERIODS}")]

    def run(self, period: str) -> StoredRun | None:
        """Return the period's last run; None when there was none, or it has expired."""
        item = self._table.get(self._key(period), _RUN)
        return StoredRun(int(item["number"]), self._text(item)) if item else None

    def save_run(self, period: str, run: StoredRun) -> None:
        """Store a run; the orders of an earlier one count no longer."""
        self._put(self._key(period), _RUN, run)
        self._table.put({"pk": f"{self._pk}#{_PERIODS}", "sk": period, "expires_at": _expiry()})

    def orders(self, period: str, number: int) -> Iterator[tuple[OrderId, str]]:
        """Yield what this run found of each order, as JSON."""
        for item in list(self._table.query(self._key(period), _ORDER)):
            if int(item["number"]) == number:
                yield OrderId(str(item["sk"]).removeprefix(_ORDER)), self._text(item)

    def save_order(self, period: str, number: int, order: OrderId, text: str) -> None:
        """Store what the run found of an order."""
        self._put(self._key(period), f"{_ORDER}{order}", StoredRun(number, text))

    def remove_all(self) -> None:
        """Remove what is kept of every period."""
        for pk in (
            *(f"{self._key(period)}{end}" for period in self.periods() for end in ("#parts", "")),
            self._key(_PERIODS),
        ):
            for row in list(self._table.query(pk)):
                self._table.delete(pk, str(row["sk"]))

    def _key(self, period: str) -> str:
        return f"{self._pk}#{period}"

    def _put(self, pk: str, sk: str, run: StoredRun) -> None:
        """Store a row; of a long one its parts first, under a key of their own."""
        packed, expires_at = pack(run.text), _expiry()
        for index, text in enumerate(packed.parts):
            row = part_row(f"{pk}#parts", f"{sk}#{run.number}", index, text)
            self._table.put({**row, "expires_at": expires_at})
        item: Item = {"pk": pk, "sk": sk, "number": run.number, "body": packed.value}
        self._table.put(item | {"expires_at": expires_at})

    def _text(self, item: Item) -> str:
        pk, key = f"{item['pk']}#parts", f"{item['sk']}#{item['number']}"
        return unpack(str(item["body"]), lambda part: self._table.get(pk, part_key(key, part)))


def _expiry() -> int:
    return int((clock.now() + KEPT).timestamp())
