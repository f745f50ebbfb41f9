"""Which of Exact's data mapping needs, and how its rows become entities.

`sync/*` streams are read in increments (`Timestamp` is a row version, not a time); what has no
stream is read in full once a day. Sources: the sync and entity pages of Exact's REST reference.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from msgspec import Struct

from ml_connector.domain.ids import Guid
from ml_connector.domain.orders.reference_data import Code, CodeKind, GLAccount, Item, Supplier
from ml_connector.exact import scopes
from ml_connector.exact.purchase_orders import STREAM_PATH
from ml_connector.exact.rows import RowReader

Entity = Supplier | GLAccount | Item | Code


class Stream(Struct, frozen=True):
    """A `sync/*` endpoint: its path, fields, the kind of entity and how to read a row."""

    path: str
    select: str
    kind: str
    read: Callable[[RowReader], Entity]


class Listing(Struct, frozen=True):
    """An endpoint without a stream, read in full."""

    path: str
    select: str
    kind: CodeKind
    read: Callable[[RowReader], Code]


def read_supplier(row: RowReader) -> Supplier:
    """Return the supplier that a row of `crm/Accounts` or its stream describes."""
    return Supplier(
        id=row.key("ID"),
        code=row.text("Code"),
        name=row.text("Name"),
        is_supplier=row.flag("IsSupplier"),
        is_blocked=row.flag("Blocked"),
        start=row.day("StartDate"),
        end=row.day("EndDate"),
        vat_code=row.text("PurchaseVATCode"),
        payment_condition=row.text("PaymentConditionPurchase"),
        currency=row.text("PurchaseCurrency"),
        email=row.text("Email"),
        vat_number=row.text("VATNumber"),
        chamber_of_commerce=row.text("ChamberOfCommerce"),
        country=row.text("Country"),
        city=row.text("City"),
    )


def _gl_account(row: RowReader) -> GLAccount:
    return GLAccount(
        id=row.key("ID"),
        code=row.code("Code"),
        description=row.long_text("Description").strip(),
        is_blocked=row.flag("IsBlocked"),
        use_cost_centre=row.whole("UseCostcenter"),
        use_cost_unit=row.whole("UseCostunit"),
        vat_code=row.text("VATCode"),
    )


def read_item(row: RowReader) -> Item:
    """Return the item that a row of `logistics/Items` or its stream describes."""
    return Item(
        id=row.key("ID"),
        code=row.text("Code"),
        description=row.long_text("Description").strip(),
        is_purchase=row.flag("IsPurchaseItem"),
        is_stock=row.flag("IsStockItem"),
        gl_costs=row.optional_key("GLCosts"),
        start=row.day("StartDate"),
        end=row.day("EndDate"),
        unit=row.text("Unit"),
    )


def _code(row: RowReader) -> Code:
    return Code(
        code=row.code("Code"),
        description=row.long_text("Description").strip(),
        id=row.optional_key("ID"),
        is_blocked=not row.flag("Active", absent=True),
        end=row.day("EndDate"),
    )


def _vat_code(row: RowReader) -> Code:
    return Code(
        code=row.code("Code"),
        description=row.long_text("Description").strip(),
        is_blocked=row.flag("IsBlocked"),
        percentage_is_included=row.text("Type") == "I",
        is_for_purchase=row.text("VATTransactionType") != "S",
    )


class Deletion(NamedTuple):
    """A record that Exact no longer has: its key, and `EntityType`."""

    key: Guid
    type: int


def read_deletion(row: RowReader) -> Deletion:
    """Return what a row of `sync/Deleted` says."""
    return Deletion(row.key("EntityKey"), row.required_whole("EntityType"))


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
DELETED_FIELDS = "Timestamp,EntityKey,EntityType"
DIVISIONS_PATH = "system/Divisions"
MOVE_FIELDS = "Code,DivisionMoveDate"
HRM_DIVISIONS_PATH = "hrm/Divisions"
"""Read where the other list is refused, or shows nothing; it does not say whether one was moved."""
HRM_DIVISION_FIELDS = "Code"
DELETED_KINDS = {2: "supplier", 7: "gl_account", 9: "item"}
"""EntityType of `sync/Deleted` to our kind of entity."""
ENTITIES: Mapping[str, type[Supplier | GLAccount | Item]] = {
    "supplier": Supplier,
    "gl_account": GLAccount,
    "item": Item,
}
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

SCOPES: Mapping[str, str] = {
    ACCOUNTS_PATH: scopes.ACCOUNTS,
    "sync/Financial/GLAccounts": scopes.GL_ACCOUNTS,
    "sync/Logistics/Items": scopes.ITEMS,
    SUPPLIER_ITEMS_PATH: scopes.ITEMS,
    STREAM_PATH: scopes.ORDERS,
    DELETED_PATH: scopes.ADMINISTRATION,
    DIVISIONS_PATH: scopes.ADMINISTRATION,
    HRM_DIVISIONS_PATH: scopes.ADMINISTRATION,
    "vat/VATCodes": scopes.ACCOUNTING,
    "hrm/Costcenters": scopes.COST_CENTRES,
    "hrm/Costunits": scopes.COST_CENTRES,
    "cashflow/PaymentConditions": scopes.CASHFLOW,
    "project/Projects": scopes.PROJECTS,
}
"""The app scope that Exact's REST reference names for reading an endpoint, by path."""
