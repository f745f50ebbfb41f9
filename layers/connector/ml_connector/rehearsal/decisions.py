"""Decide each approved order of a period, as posting would decide it now."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from msgspec import structs

from ml_connector import clock
from ml_connector.domain.ids import Guid
from ml_connector.domain.money import to_wire
from ml_connector.domain.orders.digest import digest
from ml_connector.domain.orders.mapping import pick_division, serving_division
from ml_connector.domain.orders.order import Order
from ml_connector.domain.records import Body, OrderFacts
from ml_connector.infrastructure.ledger import OrderRecord, new_order
from ml_connector.month_end.approved_orders import ApprovedOrder, order_day
from ml_connector.purchase_orders.prerequisites import (
    map_with_stored_data,
    supplier_with_stored_data,
)
from ml_connector.purchase_orders.preview import Preview, preview
from ml_connector.purchase_orders.stored_reader import VendorsOnce, reader_of
from ml_connector.rehearsal.rehearsed_orders import POSSIBLE_DUPLICATE, Need, RehearsedOrder
from ml_connector.services import Services


class OrderDecisions:
    """Decides orders one by one; `airbase_reads` counts the calls for them."""

    def __init__(self, services: Services) -> None:
        """Decide orders of this connection."""
        self._services = services
        self._vendors = VendorsOnce(services)
        self._orders_read = 0

    @property
    def airbase_reads(self) -> int:
        """Return how many orders and vendors were read in Airbase one by one."""
        return self._orders_read + self._vendors.reads

    def decide(self, listed: ApprovedOrder, record: OrderRecord | None) -> RehearsedOrder:
        """Return what would become of the order; `record` is that of the ledger, if it has one."""
        services = self._services
        known = record or new_order(services.id, listed.id)
        self._orders_read += 1
        shown = preview(services, known, reader_of=reader_of(services, self._vendors, listed.row))
        day = order_day(listed, record, services.connection)
        found = _rehearsed(listed, known, shown, day)
        order = shown.order
        if order is None:
            return found
        supplier, body = self._supplier(order, known.facts), self._body(order, shown)
        return structs.replace(found, supplier=supplier, body=body)

    def _supplier(self, order: Order, facts: OrderFacts) -> Guid | None:
        """Return the supplier that the order's vendor is linked to, usable or not."""
        division = serving_division(order.subsidiary, self._services.connection)
        if division is None:
            return None
        supplier = supplier_with_stored_data(self._services, order, division, facts)
        return supplier.id if supplier else None

    def _body(self, order: Order, shown: Preview) -> Body:
        """Return what would be posted, as far as it is known."""
        if shown.action == "post":
            return dict(shown.requests[-1].body or {})
        codes = {each.code for each in shown.problems}
        if codes == {POSSIBLE_DUPLICATE}:
            division = pick_division(order, self._services.connection)
            facts = shown.record.facts
            return dict(map_with_stored_data(self._services, order, division, facts).body)
        return _unmapped(order)


def listed_digest(listed: ApprovedOrder) -> str:
    """Return the digest of an order's row in Airbase's listing."""
    total = str(listed.total)
    return digest([listed.number, listed.state, str(listed.day), total, str(listed.subsidiary)])


def _rehearsed(
    listed: ApprovedOrder, record: OrderRecord, shown: Preview, day: date | None
) -> RehearsedOrder:
    total = shown.order.total if shown.order else listed.total
    problems = shown.problems
    return RehearsedOrder(
        id=listed.id,
        title=shown.title or listed.title,
        number=shown.order.number if shown.order else listed.number,
        action=shown.action,
        becomes=shown.becomes or record.state,
        listed=listed_digest(listed),
        decided_at=clock.now(),
        day=day,
        vendor=shown.vendor or listed.vendor,
        division=shown.division,
        currency=total.currency if total else "",
        amount=total.amount if total else None,
        needs=tuple(Need(p.code, p.record, p.cause, p.remedy) for p in problems),
        creates=tuple(_created(each) for each in shown.prerequisites),
        delays=tuple(each.code for each in shown.notes),
        waits_for=f"{shown.waiting.code}: {shown.waiting.cause}" if shown.waiting else "",
        is_linked=record.facts.exact is not None,
        exact_number=shown.exact_number,
        not_twins=record.facts.not_duplicates,
    )


def _created(planned: Mapping[str, Any]) -> str:
    body = planned["body"]
    if planned["what"] == "item":
        return f"item {body['Code']}"
    return f"supplier {body['Supplier']} of item {body['Item']}"


def _unmapped(order: Order) -> Body:
    """Return what can be said in Exact's words of an order that could not be mapped."""
    return {
        "OrderDate": order.order_date.isoformat(),
        "Currency": order.total.currency,
        "YourRef": order.number,
        "PurchaseOrderLines": [
            {
                "QuantityInPurchaseUnits": to_wire(line.quantity),
                "UnitPrice": to_wire(line.unit_price),
                "Description": line.description,
            }
            for line in order.lines
        ],
    }
