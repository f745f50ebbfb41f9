"""Which of Exact's data mapping needs, and how its rows become entities.

`sync/*` streams are read in increments (`Timestamp` is a row version, not a time); what has no
stream is read in full once a day. Sources: the sync and entity pages of Exact's REST reference.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ml_connector.domain.orders.reference_data import Code, CodeKind, GLAccount, Item, Supplier
from ml_connector.exact.odata import guid, parse_date, trimmed

Row = Mapping[str, Any]
Entity = Supplier | GLAccount | Item | Code


@dataclass(frozen=True)
class Stream:
    """A `sync/*` endpoint: its path, fields, the kind of entity and how to read a row."""

    path: str
    select: str
    kind: str
    read: Callable[[Row], Entity]


@dataclass(frozen=True)
class Listing:
    """An endpoint without a stream, read in full."""

    path: str
    select: str
    kind: CodeKind
    read: Callable[[Row], Code]


def read_supplier(row: Row) -> Supplier:
    """Return the supplier that a row of `crm/Accounts` or its stream describes."""
    return Supplier(
        id=guid(row["ID"]),
        code=trimmed(row.get("Code")),
        name=trimmed(row.get("Name")),
        is_supplier=bool(row.get("IsSupplier")),
        is_blocked=bool(row.get("Blocked")),
        start=parse_date(row.get("StartDate")),
        end=parse_date(row.get("EndDate")),
        vat_code=trimmed(row.get("PurchaseVATCode")),
        payment_condition=trimmed(row.get("PaymentConditionPurchase")),
        currency=trimmed(row.get("PurchaseCurrency")),
        email=trimmed(row.get("Email")),
        vat_number=trimmed(row.get("VATNumber")),
        chamber_of_commerce=trimmed(row.get("ChamberOfCommerce")),
        country=trimmed(row.get("Country")),
        city=trimmed(row.get("City")),
    )


def _gl_account(row: Row) -> GLAccount:
    return GLAccount(
        id=guid(row["ID"]),
        code=trimmed(row.get("Code")),
        description=trimmed(row.get("Description")),
        is_blocked=bool(row.get("IsBlocked")),
        use_cost_centre=int(row.get("UseCostcenter") or 0),
        use_cost_unit=int(row.get("UseCostunit") or 0),
        vat_code=trimmed(row.get("VATCode")),
    )


def read_item(row: Row) -> Item:
    """Return the item that a row of `logistics/Items` or its stream describes."""
    return Item(
        id=guid(row["ID"]),
        code=trimmed(row.get("Code")),
        description=trimmed(row.get("Description")),
        is_purchase=bool(row.get("IsPurchaseItem")),
        is_stock=bool(row.get("IsStockItem")),
        gl_costs=guid(row["GLCosts"]) if row.get("GLCosts") else None,
        start=parse_date(row.get("StartDate")),
        end=parse_date(row.get("EndDate")),
        unit=trimmed(row.get("Unit")),
    )


def _code(row: Row) -> Code:
    return Code(
        code=trimmed(row.get("Code")),
        description=trimmed(row.get("Description")),
        id=guid(row["ID"]) if row.get("ID") else None,
        is_blocked=row.get("Active") is False,
        end=parse_date(row.get("EndDate")),
    )


def _vat_code(row: Row) -> Code:
    return Code(
        code=trimmed(row.get("Code")),
        description=trimmed(row.get("Description")),
        is_blocked=bool(row.get("IsBlocked")),
        percentage_is_included=trimmed(row.get("Type")) == "I",
        is_for_purchase=trimmed(row.get("VATTransactionType")) != "S",
    )


ACCOUNTS_PATH = "sync/CRM/Accounts"
STREAMS = (
    Stream(
        ACCOUNTS_PATH,
        "Timestamp,ID,Code,Name,IsSupplier,Blocked,StartDate,EndDate,PurchaseVATCode,"
        "PaymentConditionPurchase,PurchaseCurrency,Email,VATNumber,ChamberOfCommerce,Country,City",
        "supplier",
        read_supplier,
    ),
    Stream(
        "sync/Financial/GLAccounts",
        "Timestamp,ID,Code,Description,IsBlocked,UseCostcenter,UseCostunit,VATCode",
        "gl_account",
        _gl_account,
    ),
    Stream(
        "sync/Logistics/Items",
        "Timestamp,ID,Code,Description,IsPurchaseItem,IsStockItem,GLCosts,StartDate,EndDate,Unit",
        "item",
        read_item,
    ),
)

SUPPLIER_ITEMS_PATH = "sync/Logistics/SupplierItem"
DELETED_PATH = "sync/Deleted"
DIVISIONS_PATH = "system/Divisions"
DELETED_KINDS = {2: "supplier", 7: "gl_account", 9: "item"}
"""EntityType of `sync/Deleted` to our kind of entity."""
DELETED_ORDER = 22
"""EntityType of a purchase order."""

LISTINGS = (
    Listing(
        "vat/VATCodes",
        "Code,Description,IsBlocked,Type,VATTransactionType",
        "vat_code",
        _vat_code,
    ),
    Listing("hrm/Costcenters", "ID,Code,Description,Active,EndDate", "cost_centre", _code),
    Listing("hrm/Costunits", "ID,Code,Description,EndDate", "cost_unit", _code),
    Listing("cashflow/PaymentConditions", "ID,Code,Description", "payment_condition", _code),
)
PROJECTS = Listing("project/Projects", "ID,Code,Description,EndDate", "project", _code)
"""Read only for connections that map a tag to projects: it needs a separate licence."""
