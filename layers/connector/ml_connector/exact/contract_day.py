"""What the connector may call of an Exact contract in a UTC day: no call without a reservation.

Exact's fair use counts the calls to all divisions by all apps of a contract; `current/Me` is not
counted. Each process takes calls in blocks, so that most calls cost no write. Readings stop first:
the last fifth of our share is for orders.
"""

from datetime import datetime, timedelta

from msgspec import Struct

from ml_connector import clock
from ml_connector.domain.exception_codes import delay
from ml_connector.domain.faults import Later
from ml_connector.domain.ids import ConnectionId, SiteId
from ml_connector.exact.call_purpose import is_for_orders
from ml_connector.exact.rate_limit_headers import next_day
from ml_connector.infrastructure.dynamodb import Table
from ml_connector.settings.connection import Contract

BLOCK = 10
"""Calls that a process takes at once. What it has left when it ends is lost for the day."""
_FOR_ORDERS = 5  # one part in so many of the share


class _Taken(Struct):
    """What this process has taken today: unused calls, by what they were taken for."""

    day: str = ""
    for_orders: int = 0
    for_reading: int = 0
    orders_are_refused: bool = False
    readings_are_refused: bool = False


class ContractDay:
    """The calls of a contract's day, as all workers of all connections of the contract share it."""

    def __init__(
        self, table: Table, connection: ConnectionId, site: SiteId, contract: Contract
    ) -> None:
        """Count for the contract's name; one without a name is that of the connection's site."""
        self._table = table
        self._pk = f"contract#{contract.name}" if contract.name else f"{connection}#contract#{site}"
        self._contract = contract
        self._taken = _Taken()

    @property
    def share(self) -> int:
        """Return how many calls a day the connector may make."""
        return self._contract.our_calls

    @property
    def for_reading(self) -> int:
        """Return after how many calls readings stop: the rest is for orders."""
        return self.share - self.share // _FOR_ORDERS

    @property
    def title(self) -> str:
        """Return what people call the contract."""
        return f"contract {self._contract.name}" if self._contract.name else "the contract"

    def used(self) -> int:
        """Return how many calls of today were taken, those in unused blocks included. One read."""
        item = self._table.get(self._pk, _key(clock.now()))
        return int(item["used"]) if item else 0

    def reserve(self) -> None:
        """Take a call before it is made.

        Raises:
            Later: our share of today is used up, or what readings may use of it; until tomorrow.
        """
        self.require()
        taken = self._today()
        if is_for_orders() and taken.for_orders:
            taken.for_orders -= 1
        else:
            taken.for_reading -= 1

    def give_back(self) -> None:
        """Give back a call that was reserved and not made: this process makes another."""
        taken = self._today()
        if is_for_orders():
            taken.for_orders += 1
        else:
            taken.for_reading += 1

    def require(self) -> None:
        """Make sure that the next call can be reserved.

        Raises:
            Later: as `reserve`.
        """
        taken, is_order = self._today(), is_for_orders()
        if taken.for_reading or (is_order and taken.for_orders):
            return
        if is_order and not taken.orders_are_refused:
            taken.for_orders = self._block(self.share)
            taken.orders_are_refused = not taken.for_orders
        elif not is_order and not taken.readings_are_refused:
            taken.for_reading = self._block(self.for_reading)
            taken.readings_are_refused = not taken.for_reading
        if not (taken.for_reading or (is_order and taken.for_orders)):
            raise self._spent()

    def spent(self) -> Later | None:
        """Return why no call for an order can be made today; takes nothing, reads at most once."""
        taken = self._today()
        if taken.for_orders or taken.for_reading:
            return None
        is_spent = taken.orders_are_refused or self.used() >= self.share
        return self._delay("EXACT_CONTRACT_DAY") if is_spent else None

    def _block(self, ceiling: int) -> int:
        """Take a block, or one call where no block is left; return how many were taken."""
        now = clock.now()
        expires = int((next_day(now) + timedelta(days=1)).timestamp())
        sizes = (BLOCK, 1)
        taken = (n for n in sizes if self._table.add(self._pk, _key(now), n, ceiling, expires))
        return next(taken, 0)

    def _today(self) -> _Taken:
        if self._taken.day != (day := _key(clock.now())):
            self._taken = _Taken(day)
        return self._taken

    def _spent(self) -> Later:
        if is_for_orders() or self._today().orders_are_refused:
            return self._delay("EXACT_CONTRACT_DAY")
        return self._delay("EXACT_CONTRACT_READING")

    def _delay(self, code: str) -> Later:
        until = next_day(clock.now())
        return delay(code, until, "share", contract=self.title, share=self.share)


def _key(at: datetime) -> str:
    return f"day#{at:%Y-%m-%d}"
