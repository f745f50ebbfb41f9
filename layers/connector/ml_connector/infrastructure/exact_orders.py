"""One division's purchase orders as Exact last reported them, in the reference table.

Look-up rows (by supplier and month, by marker) only point at an order; the order itself says
whether it still matches.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

from ml_connector import clock
from ml_connector.domain.ids import Division, Guid
from ml_connector.domain.orders.exact_order import ExactLine, ExactOrder
from ml_connector.domain.orders.marker import order_tokens_in
from ml_connector.infrastructure.compression import (
    Packed,
    PartsGoneError,
    pack,
    part_key,
    part_row,
    unpack,
)
from ml_connector.infrastructure.dynamodb import Item, Table
from ml_connector.infrastructure.site_keys import SiteKeys

_A_MONTH = timedelta(days=31)
_DECIMALS = ("amount", "amount_without_vat", "quantity", "unit_price", "received", "invoiced")
_DAYS = ("order_date", "receipt_date")
_PART = "part-of-order#"
_UNUSED_AFTER = 3_600  # seconds; no worker lives longer than 300
_ATTEMPTS = 3


class ExactOrders:
    """Stores a division's purchase orders, so that Exact need not be called."""

    def __init__(self, table: Table, keys: SiteKeys, division: Division) -> None:
        """Store the orders of a division of the site in `table`."""
        self._table = table
        self._keys = keys
        self._division = division

    @property
    def _pk(self) -> str:
        return self._keys.partition(self._table, self._division)

    def keep(self, orders: Iterable[ExactOrder]) -> None:
        """Add or overwrite orders, with their look-up rows."""
        rows: dict[str, Item] = {}
        for order in orders:
            packed = pack(_body(order))
            self._keep_parts(order.id, packed)
            rows |= {str(row["sk"]): row for row in self._rows(order, packed)}
        self._table.put_all(rows.values())

    def get(self, id: Guid) -> ExactOrder | None:
        """Return the order; None when Exact no longer has it, or never reported it."""
        for _ in range(_ATTEMPTS):
            item = self._table.get(self._pk, f"order#{id}")
            with suppress(PartsGoneError):  # it was replaced between the two readings
                return self._load(item) if item else None
        raise RuntimeError(f"order {id} changes faster than it can be read")

    def get_all(self, ids: Iterable[Guid]) -> dict[Guid, ExactOrder]:
        """Return those of the orders that are stored, as `get` does; a hundred with one read."""
        found: dict[Guid, ExactOrder] = {}
        for item in self._table.get_many(self._pk, (f"order#{id}" for id in ids)):
            id = Guid(str(item["sk"]).removeprefix("order#"))
            try:
                found[id] = self._load(item)
            except PartsGoneError:
                if order := self.get(id):
                    found[id] = order
        return found

    def mark_deleted(self, id: Guid) -> None:
        """Remove an order that Exact no longer has, and store that it is deleted."""
        self._table.put({"pk": self._pk, "sk": f"order-gone#{id}"})
        self._table.delete(self._pk, f"order#{id}")

    def is_deleted(self, id: Guid) -> bool:
        """Return whether Exact has reported the order as deleted."""
        return self._table.get(self._pk, f"order-gone#{id}") is not None

    def all(self) -> Iterator[ExactOrder]:
        """Yield every stored order."""
        for item in self._table.query(self._pk, "order#"):
            try:
                yield self._load(item)
            except PartsGoneError:
                if order := self.get(Guid(str(item["sk"]).removeprefix("order#"))):
                    yield order

    def near(self, supplier: Guid, day: date) -> Iterator[ExactOrder]:
        """Yield the supplier's orders of the month of `day`, the one before and the one after."""
        prefix = f"order-of#{supplier}#"
        first, last = (f"{prefix}{day + _A_MONTH * step:%Y-%m}#" for step in (-1, 1))
        rows = self._table.between(self._pk, first, f"{last}~")  # ids sort before it
        yield from (order for order in self._pointed_at(rows) if order.supplier == supplier)

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
        return self._pointed_at(self._table.query(self._pk, prefix))

    def _pointed_at(self, rows: Iterable[Item]) -> Iterator[ExactOrder]:
        ids = dict.fromkeys(Guid(str(row["points_at"])) for row in rows)
        found = self.get_all(ids)
        yield from (found[id] for id in ids if id in found)

    def _keep_parts(self, id: Guid, packed: Packed) -> None:
        """Store the rows of an order that does not fit into one item, before the item itself.

        Their keys name their content: an order and its rows always belong together. What was left
        by an earlier content is removed once no writer can still be using it.
        """
        if not packed.parts:
            return
        prefix, now = f"{_PART}{id}#", clock.epoch()
        key = prefix + _digest(packed)
        rows = [part_row(self._pk, key, index, text) for index, text in enumerate(packed.parts)]
        self._table.put_all({**row, "at": int(now)} for row in rows)
        old = [
            str(row["sk"])
            for row in self._table.query(self._pk, prefix)
            if not str(row["sk"]).startswith(key) and int(row["at"]) < now - _UNUSED_AFTER
        ]
        self._table.delete_all(self._pk, old)

    def _load(self, item: Item) -> ExactOrder:
        key = f"{_PART}{str(item['sk']).removeprefix('order#')}#{item.get('digest', '')}"
        text = unpack(
            str(item["body"]), lambda part: self._table.get(self._pk, part_key(key, part))
        )
        return _read(text)

    def _rows(self, order: ExactOrder, packed: Packed) -> Iterator[Item]:
        item: Item = {"pk": self._pk, "sk": f"order#{order.id}", "body": packed.value}
        yield {**item, "digest": _digest(packed)} if packed.parts else item
        month = f"{order.order_date:%Y-%m}" if order.order_date else ""
        for pointer in (
            f"order-of#{order.supplier}#{month}",
            *(f"order-marked#{token}" for token in order_tokens_in(order.remarks)),
        ):
            yield {"pk": self._pk, "sk": f"{pointer}#{order.id}", "points_at": order.id}


def _body(order: ExactOrder) -> str:
    fields = asdict(order)
    if not order.unreadable:  # older versions do not know it
        del fields["unreadable"]
    return json.dumps(fields, default=str, ensure_ascii=False, separators=(",", ":"))


def _digest(packed: Packed) -> str:
    return sha256("".join(packed.parts).encode()).hexdigest()[:32]


def _read(text: str) -> ExactOrder:
    body = json.loads(text)
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
