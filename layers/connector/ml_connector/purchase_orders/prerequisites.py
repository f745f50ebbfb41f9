"""Create in Exact what an order needs, where the division allows it: carrier items and links.

Several orders may need the same at once, so each is created under a lease and looked up first;
an interrupted attempt is found by its code, or through the stream of supplier items.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from ml_connector import clock
from ml_connector.domain.exception_codes import delay, problem
from ml_connector.domain.faults import Problem, Review
from ml_connector.domain.orders.carrier_items import (
    MissingCarrierItem,
    MissingSupplierItem,
    Prerequisite,
)
from ml_connector.domain.orders.decided import decided
from ml_connector.domain.orders.mapping import MappedOrder, map_order
from ml_connector.domain.orders.order import Order
from ml_connector.domain.orders.reference_data import Code, GLAccount, Item, Supplier
from ml_connector.domain.orders.supplier import linked_supplier
from ml_connector.domain.orders.validation import MappingContext, Problems
from ml_connector.domain.records import OrderFacts
from ml_connector.domain.texts import cut
from ml_connector.exact.errors import not_about
from ml_connector.exact.odata import int64_literal, text_literal
from ml_connector.exact.reference_data import SUPPLIER_ITEMS_PATH, read_item
from ml_connector.exact.rows import Row, RowReader, read_required, read_rows
from ml_connector.reference_data.division_record import DivisionReadings
from ml_connector.reference_data.odd_rows import OddRows
from ml_connector.services import Services
from ml_connector.settings.connection import ExactDivision

ITEMS, UNITS = "logistics/Items", "logistics/Units"
_LEASE = timedelta(seconds=90)
_BUSY = timedelta(seconds=5)
SUPPLIER_ITEM_FIELDS, UNIT_FIELDS = "Timestamp,Item,Supplier", "ID,Code"
ITEM_FIELDS = "ID,Code,Description,IsPurchaseItem,IsStockItem,GLCosts,StartDate,EndDate,Unit"


class Prerequisites:
    """Creates what one order needs, in one division."""

    def __init__(self, services: Services, division: ExactDivision) -> None:
        """Work in this division."""
        self._division = division
        self._code = division.division
        self._exact_client = services.exact(self._code)
        self._data = services.reference_store(division.division)
        self._leases = services.leases
        self._ledger = services.ledger

    def create_all(self, missing: Sequence[Prerequisite]) -> None:
        """Create everything that is missing, or raise the fault that prevents it."""
        for each in missing:
            name = f"{self._code}#{each.name}"
            with self._leases.holding(name, _LEASE) as lease:
                if lease is None:
                    until = clock.now() + _BUSY
                    raise delay("PROVISION_BUSY", until, "name", name=each.name)
                if isinstance(each, MissingCarrierItem):
                    self._ensure_carrier_item(each.gl_account)
                else:
                    self._ensure_supplier_item(each)

    def _ensure_carrier_item(self, account: GLAccount) -> None:
        code = carrier_code(account)
        query = {"$filter": f"Code eq {text_literal(code)}", "$select": ITEM_FIELDS}
        rows = self._exact_client.rows(self._code, ITEMS, query)
        found = [read_required(row, read_item, ITEMS, self._code) for row in rows]
        if any(item.code != code for item in found):
            raise not_about(code)
        item = found[0] if found else self._create_carrier_item(code, account)
        if item.gl_costs != account.id:
            raise Review([_taken(code, item, account)])
        self._data.store("item", [item])

    def _create_carrier_item(self, code: str, account: GLAccount) -> Item:
        body = carrier_body(self._division, account)

        def is_ours(row: Row) -> bool:
            reader = RowReader(row)
            return reader.text("Code") == code and bool(reader.key("ID"))

        created = self._exact_client.create(self._code, ITEMS, body, record=code, is_ours=is_ours)
        return Item(
            id=RowReader(created).key("ID"),
            code=code,
            description=body["Description"],
            gl_costs=account.id,
        )

    def _ensure_supplier_item(self, missing: MissingSupplierItem) -> None:
        self._read_links()
        if self._data.is_linked(missing.item.id, missing.supplier.id):
            return
        unit = self._unit(missing.item)
        body = {
            "Item": missing.item.id,
            "Supplier": missing.supplier.id,
            "ItemUnit": unit.id,
            "PurchaseUnit": unit.code,
            "PurchasePrice": missing.price,
        }
        self._exact_client.create(self._code, "logistics/SupplierItem", body)
        self._data.store_supplier_items([(missing.item.id, missing.supplier.id)])

    def _read_links(self) -> None:
        """Read the stream of supplier items from its cursor: Exact cannot filter them."""
        cursor = self._data.cursor(SUPPLIER_ITEMS_PATH)
        query = {
            "$filter": f"Timestamp gt {int64_literal(cursor.start)}",
            "$select": SUPPLIER_ITEM_FIELDS,
        }
        rows = self._exact_client.rows(self._code, SUPPLIER_ITEMS_PATH, query)
        found = read_rows(rows, lambda row: (row.key("Item"), row.key("Supplier")))
        odd_rows = OddRows(DivisionReadings(self._ledger, self._code))
        odd_rows.streamed(SUPPLIER_ITEMS_PATH, found, cursor.timestamp)
        self._data.store_supplier_items(each.value for each in found if all(each.value))
        highest = max((each.version or 1 for each in found), default=1)
        self._data.save_cursor(SUPPLIER_ITEMS_PATH, cursor.reached(highest))

    def _unit(self, item: Item) -> Code:
        code = item.unit or self._division.item_unit
        query = {"$select": UNIT_FIELDS}
        for row in self._exact_client.rows(self._code, UNITS, query):
            if RowReader(row).text("Code") == code:
                return read_required(row, _unit, UNITS, self._code)
        found = problem("UNIT_UNKNOWN", item.code, "unit", unit=repr(code), division=self._code)
        raise Review([found])


def _unit(row: RowReader) -> Code:
    return Code(row.code("Code"), id=row.key("ID"))


def _taken(code: str, item: Item, account: GLAccount) -> Problem:
    return problem("CARRIER_TAKEN", code, "account", item=item.code, account=account.code)


def carrier_code(account: GLAccount) -> str:
    """Return the code of the item that is created for a GL account."""
    return f"AB-{account.code}"


def carrier_body(division: ExactDivision, account: GLAccount) -> dict[str, Any]:
    """Return the item to create for a GL account that has no carrier item in the division."""
    body: dict[str, Any] = {
        "Code": carrier_code(account),
        "Description": cut(account.description or account.code, 60),
        "IsPurchaseItem": True,
        "IsStockItem": False,
        "IsSalesItem": False,
        "GLCosts": account.id,
    }
    if division.item_unit:
        body["Unit"] = division.item_unit
    return body


def supplier_with_stored_data(
    services: Services, order: Order, division: ExactDivision, facts: OrderFacts
) -> Supplier | None:
    """Return the supplier that the order's vendor is linked to there, whatever else is missing."""
    data, problems = services.division_data(division.division), Problems(order.title)
    context = MappingContext(
        order, services.connection, division, data, problems, decided(facts, order)
    )
    return linked_supplier(context)


def map_with_stored_data(
    services: Services, order: Order, division: ExactDivision, facts: OrderFacts
) -> MappedOrder:
    """Return what to send and what is missing first; Exact is not called, nothing is written."""
    data = services.division_data(division.division)
    return map_order(order, services.connection, division, data, decided(facts, order))
