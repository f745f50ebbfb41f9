"""Methods that change a site's data, as its users do in Exact itself.

Every `add_*` returns the new row's key. Extra keyword arguments are fields by Exact's own
names. The same checks apply as to calls (raises `refusals.BusinessError`).
"""

from collections.abc import Iterable
from typing import Any

from local.exact_simulator.entities import ENTITIES
from local.exact_simulator.fields import FIELDS
from local.exact_simulator.order_lines import LINE
from local.exact_simulator.purchase_orders import ORDER, lines_of, reprice, touch
from local.exact_simulator.refusals import BusinessError
from local.exact_simulator.resources import build
from local.exact_simulator.world import Division, Row, World

_COMPLETE = 30


class Builders:
    """The methods of `ExactSimulator` that change and return data."""

    def __init__(self, world: World) -> None:
        self.world = world

    def add_division(
        self,
        code: int,
        country: str = "NL",
        currency: str = "EUR",
        *,
        description: str = "",
        currencies: Iterable[str] = (),
        requires_supplier_items: bool = False,
        is_virtual: bool = False,
    ) -> Division:
        """Add a division with one unit, one warehouse and one item group; a virtual one is empty.

        The first one is the user's current division.
        """
        allowed = {currency, *currencies}
        name = description or f"Division {code}"
        division = Division(code, country, currency, name, allowed, requires_supplier_items)
        division.next_order_number = 1 + code % 1000 * 100_000
        self.world.divisions[code] = division
        self.world.current_division = self.world.current_division or code
        division.is_virtual = is_virtual
        if is_virtual:
            return division
        self.add(code, "logistics/Units", Code="pc", Description="Piece", Active=True)
        self.add(code, "inventory/Warehouses", Code="1", Description="Main warehouse", Main=1)
        self.add(code, "logistics/ItemGroups", Code="1", Description="General", IsDefault=1)
        return division

    def add(self, division: int, endpoint: str, **fields: Any) -> str:
        """Add a row to any endpoint; read-only fields may be given too."""
        target, entity = self.world.divisions[division], ENTITIES[endpoint]
        _check_names(endpoint, fields)
        row = build(self.world, target, entity, fields)
        self.world.save(target, entity, row, "Create")
        return str(row[entity.key])

    def add_supplier(
        self,
        division: int,
        name: str,
        *,
        code: str | None = None,
        blocked: bool = False,
        **fields: Any,
    ) -> str:
        """Add an account that is a supplier; without a code it gets the next number."""
        given = {
            "Name": name,
            "Code": code,
            "Blocked": blocked,
            "IsSupplier": True,
            **fields,
        }
        return self.add(division, "crm/Accounts", **given)

    def add_gl_account(
        self,
        division: int,
        code: str,
        description: str,
        *,
        blocked: bool = False,
        use_cost_centre: int = 0,
        use_cost_unit: int = 0,
        **fields: Any,
    ) -> str:
        """Add a GL account; `use_*`: 0 optional, 1 mandatory, 2 no."""
        uses = {"UseCostcenter": use_cost_centre, "UseCostunit": use_cost_unit}
        given = {
            "Code": code,
            "Description": description,
            "IsBlocked": blocked,
            **uses,
            **fields,
        }
        return self.add(division, "financial/GLAccounts", **given)

    def add_item(
        self,
        division: int,
        code: str,
        description: str,
        gl_costs: str | None = None,
        **fields: Any,
    ) -> str:
        """Add a non-stock purchase item that books on the GL account with key `gl_costs`."""
        given = {"Code": code, "Description": description, "GLCosts": gl_costs}
        return self.add(division, "logistics/Items", **{**given, "IsPurchaseItem": True, **fields})

    def add_supplier_item(
        self, division: int, supplier: str, item: str, price: float = 0.0, **fields: Any
    ) -> str:
        """Link an item to a supplier, at a price per purchase unit."""
        unit = next(iter(self.world.divisions[division].table("logistics/Units").values()))
        given = {"Supplier": supplier, "Item": item, "PurchasePrice": price}
        units = {"ItemUnit": unit["ID"], "PurchaseUnit": unit["Code"]}
        return self.add(division, "logistics/SupplierItem", **{**given, **units, **fields})

    def commit_late(self, division: int, endpoint: str, key: str, version: int) -> None:
        """Give a row an earlier row version, as a long transaction does that commits late."""
        self.world.divisions[division].stamps[endpoint][key] = version

    def add_vat_code(
        self,
        division: int,
        code: str,
        percentage: float,
        *,
        kind: str = "E",
        blocked: bool = False,
        **fields: Any,
    ) -> str:
        """Add a VAT code: `percentage` a fraction, `kind` E exclusive, I inclusive, N none."""
        given = {
            "Code": code,
            "Percentage": percentage,
            "Type": kind,
            "IsBlocked": blocked,
        }
        return self.add(division, "vat/VATCodes", **{"Description": code, **given, **fields})

    def add_cost_centre(
        self, division: int, code: str, description: str = "", *, active: bool = True
    ) -> str:
        """Add a cost centre."""
        given = {"Code": code, "Description": description or code, "Active": active}
        return self.add(division, "hrm/Costcenters", **given)

    def add_cost_unit(self, division: int, code: str, description: str = "") -> str:
        """Add a cost unit."""
        return self.add(division, "hrm/Costunits", Code=code, Description=description or code)

    def add_project(self, division: int, code: str, description: str = "") -> str:
        """Add a project."""
        return self.add(division, "project/Projects", Code=code, Description=description or code)

    def add_payment_condition(
        self, division: int, code: str, description: str = "", days: int = 30
    ) -> str:
        """Add a payment condition."""
        given = {"Code": code, "Description": description or code, "PaymentDays": days}
        return self.add(division, "cashflow/PaymentConditions", **given)

    def add_warehouse(self, division: int, code: str, description: str = "") -> str:
        """Add another warehouse."""
        given = {"Code": code, "Description": description or code}
        return self.add(division, "inventory/Warehouses", **given)

    def change(self, division: int, endpoint: str, key: str, **fields: Any) -> None:
        """Change fields of a row as a user of Exact might, without the rules of the API.

        Amounts of a line and its order follow from its quantity, price and VAT.
        """
        target, entity = self.world.divisions[division], ENTITIES[endpoint]
        _check_names(endpoint, fields)
        row = {**target.table(endpoint)[key], **fields}
        if entity is LINE:
            reprice(target, row, fields)
        self.world.save(target, entity, row, "Update")
        if entity is ORDER:
            for line in lines_of(target, key):
                self.world.store(target, LINE, line, is_modified=False)
        if entity is LINE:
            touch(self.world, target, row["PurchaseOrderID"])

    def remove(self, division: int, endpoint: str, key: str) -> None:
        """Delete a row as a user of Exact might, and an order's lines with it."""
        target = self.world.divisions[division]
        if endpoint == ORDER.path:
            for line in lines_of(target, key):
                self.world.drop(target, LINE, line["ID"], notify=False)
        self.world.drop(target, ENTITIES[endpoint], key)

    def receive(self, division: int, order_id: str) -> None:
        """Receive all goods of an order."""
        target = self.world.divisions[division]
        for line in lines_of(target, order_id):
            line["ReceivedQuantity"] = line["Quantity"]
        self.change(
            division,
            ORDER.path,
            order_id,
            ReceiptStatus=_COMPLETE,
            OrderStatus=_COMPLETE,
        )

    def purchase_orders(self, division: int) -> list[Row]:
        """Return copies of a division's orders, oldest first.

        Each is its header in wire form, with its `lines` by line number.
        """
        target = self.world.divisions[division]
        return [
            {**order, "lines": [dict(line) for line in lines_of(target, key)]}
            for key, order in target.table(ORDER.path).items()
        ]

    def row(self, division: int, endpoint: str, key: str) -> Row:
        """Return a copy of one row in wire form (raises KeyError)."""
        return dict(self.world.divisions[division].table(endpoint)[key])


def _check_names(endpoint: str, fields: Row) -> None:
    if unknown := set(fields) - set(FIELDS[endpoint]):
        raise BusinessError(*(("invalid", name) for name in sorted(unknown)))
