"""Purchase order lines: their checks, price and VAT."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from local.exact_simulator import checks
from local.exact_simulator.checks import Problem
from local.exact_simulator.entities import ENTITIES
from local.exact_simulator.world import Division, Row, World

LINE = ENTITIES["purchaseorder/PurchaseOrderLines"]
_CENT = Decimal("0.01")
_WIDE = Context(prec=80)
_MANDATORY_DIMENSION = 1
_PRICING = frozenset({
    "Quantity", "QuantityInPurchaseUnits", "UnitPrice", "NetPrice", "Discount", "VATCode",
    "VATPercentage",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class OrderContext:
    """The order that a line belongs to, and its supplier."""

    world: World
    division: Division
    supplier: Row
    order: Row


def complete_line(context: OrderContext, sent: Mapping[str, Any]) -> tuple[Row, list[Problem]]:
    """Return the completed line and its problems."""
    line: Row = {**LINE.defaults, **sent}
    problems = checks.missing(LINE, line, but="PurchaseOrderID") + checks.too_long(LINE, line)
    problems += checks.link(context.division, LINE, line)
    item = context.division.find("logistics/Items", "ID", line.get("Item"))
    if item is None or problems:
        return line, problems
    offer = _offer(context, item)
    _fill(context, line, item, offer)
    problems += _item_problems(context, item, offer)
    problems += _ledger_problems(context.division, item, line)
    problems += _cost_center_problems(context, line)
    problems += _vat(context.division, line)
    problems += _price(context.division, line, offer)
    return line, problems


def recalculate(division: Division, line: Row, changed: Iterable[str]) -> None:
    """Set what follows from the changed fields of a line, as Exact does when a user changes it."""
    names = set(changed)
    if "Quantity" in names - {"QuantityInPurchaseUnits"}:
        line["QuantityInPurchaseUnits"] = line["Quantity"]
    elif "QuantityInPurchaseUnits" in names:
        line["Quantity"] = line["QuantityInPurchaseUnits"]
    if "VATCode" in names:
        _vat(division, line)
    if names & {"UnitPrice", "Discount"} and "NetPrice" not in names:
        line["NetPrice"] = None
    if names & _PRICING:
        _price(division, line, None)


def _offer(context: OrderContext, item: Row) -> Row | None:
    offers = context.division.table("logistics/SupplierItem").values()
    wanted = (context.supplier["ID"], item["ID"])
    return next((o for o in offers if (o["Supplier"], o["Item"]) == wanted), None)


def _fill(context: OrderContext, line: Row, item: Row, offer: Row | None) -> None:
    factor = (offer or {}).get("PurchaseUnitFactor") or 1.0
    line["Quantity"] = line["QuantityInPurchaseUnits"] * factor
    line["Unit"], line["UnitDescription"] = (
        item.get("Unit"),
        item.get("UnitDescription"),
    )
    line["SupplierItemCode"] = (offer or {}).get("SupplierItemCode")
    line["Description"] = line.get("Description") or item["Description"]
    line["ReceiptDate"] = line.get("ReceiptDate") or context.order["ReceiptDate"]
    if line.get("VATCode") is None and line.get("VATPercentage") is None:
        default = (offer or {}).get("PurchaseVATCode") or context.supplier.get("PurchaseVATCode")
        line["VATCode"] = default


def _item_problems(context: OrderContext, item: Row, offer: Row | None) -> list[Problem]:
    if not item.get("IsPurchaseItem"):
        return [("mandatory", "Purchase")]
    if context.division.requires_supplier_items and offer is None:
        return [("not_linked", "")]
    return checks.out_of_date(context.world, item, "Item")


def _ledger_problems(division: Division, item: Row, line: Row) -> list[Problem]:
    group = division.find("logistics/ItemGroups", "ID", item.get("ItemGroup")) or {}
    key = item.get("GLCosts") or group.get("GLCosts")
    account = division.find("financial/GLAccounts", "ID", key)
    if account is None:
        return []
    if account.get("IsBlocked"):
        return [("blocked", "G/L account")]
    problems: list[Problem] = []
    if account.get("UseCostcenter") == _MANDATORY_DIMENSION and not line.get("CostCenter"):
        problems.append(("mandatory", "Cost center"))
    if account.get("UseCostunit") == _MANDATORY_DIMENSION and not line.get("CostUnit"):
        problems.append(("mandatory", "Cost unit"))
    return problems


def _cost_center_problems(context: OrderContext, line: Row) -> list[Problem]:
    if not line.get("CostCenter"):
        return []
    center = context.division.find("hrm/Costcenters", "Code", line["CostCenter"])
    if center is None or center.get("Active") is False:
        return [("inactive", "Cost center")]
    return checks.out_of_date(context.world, center, "Cost center")


def _vat(division: Division, line: Row) -> list[Problem]:
    if not line.get("VATCode"):
        line["VATPercentage"] = line.get("VATPercentage") or 0.0
        return []
    code = division.find("vat/VATCodes", "Code", line["VATCode"])
    if code is None:
        return [("invalid_reference", "VAT code")]
    line["VATCode"], line["VATDescription"] = code["Code"], code["Description"]
    line["VATPercentage"] = code.get("Percentage") or 0.0
    if code.get("IsBlocked"):
        return [("blocked", "VAT code")]
    return [("invalid", "VAT code")] if code.get("VATTransactionType") == "S" else []


def _price(division: Division, line: Row, offer: Row | None) -> list[Problem]:
    """Set prices; NetPrice takes precedence over UnitPrice and Discount."""
    if line.get("UnitPrice") is None and line.get("NetPrice") is None:
        if offer is None and division.requires_price:
            return [("not_found", "Purchase price")]
        line["UnitPrice"] = (offer or {}).get("PurchasePrice") or 0.0
    discount = _decimal(line.get("Discount"))
    if line.get("NetPrice") is None:
        line["NetPrice"] = float(_decimal(line["UnitPrice"]) * (1 - discount))
    if line.get("UnitPrice") is None:
        line["UnitPrice"] = line["NetPrice"]
    line["Discount"] = line.get("Discount") or 0.0
    _amounts(division, line)
    return []


def _amounts(division: Division, line: Row) -> None:
    code = division.find("vat/VATCodes", "Code", line.get("VATCode") or "") or {}
    rate = _decimal(line["VATPercentage"])
    gross = _cents(_decimal(line["QuantityInPurchaseUnits"]) * _decimal(line["NetPrice"]))
    vat = Decimal(0)
    if code.get("Type") == "I":
        vat = _cents(gross - gross / (1 + rate))
    elif code.get("Type") != "N" and not code.get("Charged"):
        vat = _cents(gross * rate)
        gross += vat
    line["AmountFC"], line["VATAmount"] = float(gross), float(vat)


def total(lines: list[Row], name: str) -> Decimal:
    """Return the sum of an amount over lines, to the cent."""
    return sum((_decimal(line[name]) for line in lines), Decimal(0))


def converted(amount: float, order: Row) -> float:
    """Return an amount of the order's currency in the division's own."""
    return float(_cents(_decimal(amount) * _decimal(order.get("ExchangeRate") or 1)))


def _decimal(value: Any) -> Decimal:
    return Decimal(str(value or 0))


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, rounding=ROUND_HALF_UP, context=_WIDE)
