"""Make in Exact what an order needs and the division lets us make: carrier items and links.

Several orders may need the same at once, so each is made under a lease and looked for first;
an interrupted attempt is found by its code, or through the stream of supplier items.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from ml_connector import clock
from ml_connector.codes import problem
from ml_connector.connection import Connection, ExactDivision
from ml_connector.exact.odata import guid, int64_literal, text_literal
from ml_connector.exact.reference import SUPPLIER_ITEMS_PATH, read_item
from ml_connector.faults import Later, Review
from ml_connector.purchase_orders.books import GLAccount, Item
from ml_connector.purchase_orders.carriers import CarrierNeeded, LinkNeeded, Need
from ml_connector.workflows.doors import Doors

ITEMS, UNITS = "logistics/Items", "logistics/Units"
_LEASE = timedelta(seconds=90)
_BUSY = timedelta(seconds=5)
_ITEM_FIELDS = "ID,Code,Description,IsPurchaseItem,IsStockItem,GLCosts,StartDate,EndDate,Unit"


class Provision:
    """Makes what one order needs, in one division."""

    def __init__(self, doors: Doors, connection: Connection, division: ExactDivision) -> None:
        """Work in `division` of `connection`."""
        self._connection = connection
        self._division = division
        self._code = division.division
        self._gateway = doors.exact(connection)
        self._data = doors.data(connection.id, division.division)
        self._leases = doors.leases(connection.id)

    def provide(self, needs: Sequence[Need]) -> None:
        """Make everything that is needed, or raise the fault that prevents it."""
        for need in needs:
            name = f"{self._code}#{need.name}"
            with self._leases.holding(name, _LEASE) as held:
                if held is None:
                    until = clock.now() + _BUSY
                    raise Later("PROVISION_BUSY", until, f"another order is making {need.name}.")
                if isinstance(need, CarrierNeeded):
                    self._provide_carrier(need.gl_account)
                else:
                    self._provide_link(need)

    def _provide_carrier(self, account: GLAccount) -> None:
        code = carrier_code(account)
        query = {"$filter": f"Code eq {text_literal(code)}", "$select": _ITEM_FIELDS}
        found = [read_item(row) for row in self._gateway.rows(self._code, ITEMS, query)]
        item = found[0] if found else self._create_carrier(code, account)
        if item.gl_costs != account.id:
            detail = f"Item {item.code} does not book to GL account {account.code}."
            raise Review([problem("CARRIER_TAKEN", code, detail)])
        self._data.store("item", [item])

    def _create_carrier(self, code: str, account: GLAccount) -> Item:
        body = carrier_body(self._division, account)
        made = self._gateway.create(self._code, ITEMS, body)
        return Item(
            id=guid(made["ID"]),
            code=code,
            description=body["Description"],
            gl_costs=account.id,
        )

    def _provide_link(self, need: LinkNeeded) -> None:
        self._read_links()
        if self._data.is_linked(need.item.id, need.supplier.id):
            return
        unit = self._unit(need.item)
        body = {
            "Item": need.item.id,
            "Supplier": need.supplier.id,
            "ItemUnit": unit["ID"],
            "PurchaseUnit": unit["Code"].strip(),
            "PurchasePrice": need.price,
        }
        self._gateway.create(self._code, "logistics/SupplierItem", body)
        self._data.store_supplier_items([(need.item.id, need.supplier.id)])

    def _read_links(self) -> None:
        """Read the stream of links from where it was left: they can not be filtered."""
        reading = self._data.reading(SUPPLIER_ITEMS_PATH)
        query = {
            "$filter": f"Timestamp gt {int64_literal(reading.cursor)}",
            "$select": "Timestamp,Item,Supplier",
        }
        rows = list(self._gateway.rows(self._code, SUPPLIER_ITEMS_PATH, query))
        self._data.store_supplier_items((guid(r["Item"]), guid(r["Supplier"])) for r in rows)
        highest = max((int(r["Timestamp"]) for r in rows), default=1)
        self._data.save_reading(SUPPLIER_ITEMS_PATH, reading.reached(highest))

    def _unit(self, item: Item) -> Mapping[str, Any]:
        code = item.unit or self._division.item_unit
        query = {"$select": "ID,Code"}
        units = list(self._gateway.rows(self._code, UNITS, query))
        for unit in units:
            if str(unit["Code"]).strip() == code:
                return unit
        detail = f"Unit {code!r} is not in division {self._code}."
        raise Review([problem("UNIT_UNKNOWN", item.code, detail)])


def carrier_code(account: GLAccount) -> str:
    """Return the code of the item that is made for a GL account."""
    return f"AB-{account.code}"


def carrier_body(division: ExactDivision, account: GLAccount) -> dict[str, Any]:
    """Return the item that is made for a GL account that no item of the division carries."""
    body: dict[str, Any] = {
        "Code": carrier_code(account),
        "Description": (account.description or account.code)[:60],
        "IsPurchaseItem": True,
        "IsStockItem": False,
        "IsSalesItem": False,
        "GLCosts": account.id,
    }
    if division.item_unit:
        body["Unit"] = division.item_unit
    return body
