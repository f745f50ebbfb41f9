"""One division's purchase orders as Exact last reported them, in the reference table.

Look-up rows (by supplier and month, by marker) only point at an order; the order itself says
whether it still matches.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from ml_connector.domain.ids import Division, Guid
from ml_connector.domain.orders.exact_order import ExactLine, ExactOrder
from ml_connector.domain.orders.marker import order_tokens_in
from ml_connector.infrastructure.compression import compress, decompress
from ml_connector.infrastructure.dynamodb import Item, Table
from ml_connector.infrastructure.site_keys import SiteKeys

_A_MONTH = timedelta(days=31)
_DECIMALS = ("amount", "amount_without_vat", "quantity", "unit_price", "received", "invoiced")
_DAYS = ("order_date", "receipt_date")


class ExactOrders:
    """Stores a division's purchase orders, so that Exact need not be called."""

    def __init__(self, table: Table, keys: SiteKeys, division: Division) -> None:
        """Store the orders of a division of the site in `table`."""
        self._table = table
        self._keys = keys
        self._division = division
        self._newest = keys.new_partition(division)
        self._found = ""

    @property
    def _pk(self) -> str:
        if self._found != self._newest:  # data are moved there once, and stay
            self._found = self._keys.partition(self._table, self._division)
        return self._found

    def keep(self, orders: Iterable[ExactOrder]) -> None:
        """Add or overwrite orders, with their look-up rows."""
        rows = {str(row["sk"]): row for order in orders for row in self._rows(order)}
        self._table.put_all(rows.values())

    def get(self, id: Guid) -> ExactOrder | None:
        """Return the order; None when Exact no longer has it, or never reported it."""
        item = self._table.get(self._pk, f"order#{id}")
        return _load(item) if item else None

    def mark_deleted(self, id: Guid) -> None:
        """Remove an order that Exact no longer has, and store that it is deleted."""
        self._table.put({"pk": self._pk, "sk": f"order-gone#{id}"})
        self._table.delete(self._pk, f"order#{id}")

    def is_deleted(self, id: Guid) -> bool:
        """Return whether Exact has reported the order as deleted."""
        return self._table.get(self._pk, f"order-gone#{id}") is not None

    def all(self) -> Iterator[ExactOrder]:
        """Yield every stored order."""
        return (_load(item) for item in self._table.query(self._pk, "order#"))

    def near(self, supplier: Guid, day: date) -> Iterator[ExactOrder]:
        """Yield the supplier's orders of the month of `day`, the one before and the one after."""
        for month in sorted({f"{day + _A_MONTH * step:%Y-%m}" for step in (-1, 0, 1)}):
            prefix = f"order-of#{supplier}#{month}#"
            yield from (o for o in self._targets(prefix) if o.supplier == supplier)

    def with_order_token(self, token: str) -> list[ExactOrder]:
        """Return the orders whose remarks carry this order token, without deleted ones.

        A late page may bring an order back after its deletion.
        """
        return [
            order
            for order in self._targets(f"order-marked#{token}#")
            if token in order_tokens_in(order.remarks) and not self.is_deleted(order.id)
        ]

    def _targets(self, prefix: str) -> Iterator[ExactOrder]:
        for row in list(self._table.query(self._pk, prefix)):
            if order := self.get(Guid(str(row["points_at"]))):
                yield order

    def _rows(self, order: ExactOrder) -> Iterator[Item]:
        fields = asdict(order)
        if not order.unreadable:  # older versions do not know it
            del fields["unreadable"]
        body = json.dumps(fields, default=str, ensure_ascii=False, separators=(",", ":"))
        yield {"pk": self._pk, "sk": f"order#{order.id}", "body": compress(body)}
        month = f"{order.order_date:%Y-%m}" if order.order_date else ""
        for pointer in (
            f"order-of#{order.supplier}#{month}",
            *(f"order-marked#{token}" for token in order_tokens_in(order.remarks)),
        ):
            yield {"pk": self._pk, "sk": f"{pointer}#{order.id}", "points_at": order.id}


def _load(item: Item) -> ExactOrder:
    body = json.loads(decompress(str(item["body"])))
    lines = tuple(ExactLine(**_typed(line)) for line in body.pop("lines"))
    return ExactOrder(**_typed(body), lines=lines)


def _typed(fields: dict[str, Any]) -> dict[str, Any]:
    for name in _DECIMALS:
        if fields.get(name) is not None:
            fields[name] = Decimal(fields[name])
    for name in _DAYS:
        if fields.get(name):
            fields[name] = date.fromisoformat(fields[name])
    return fields
