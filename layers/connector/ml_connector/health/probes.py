"""The Exact endpoints that the connector needs in a division, each with a minimal query.

`scope` is the app scope that Exact's REST reference names for the endpoint. Reading proves the
scope and the user's right to read; only writing proves the right to write.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ml_connector.exact import odata, subscriptions
from ml_connector.exact.purchase_orders import LINES_PATH, ORDERS_PATH, STREAM_PATH
from ml_connector.exact.reference_data import (
    DELETED_PATH,
    DIVISIONS_PATH,
    LISTINGS,
    PROJECTS,
    STREAMS,
    SUPPLIER_ITEMS_PATH,
    Listing,
)
from ml_connector.purchase_orders.prerequisites import ITEMS, UNITS
from ml_connector.settings.connection import Connection, ExactDivision

ACCOUNTS = "crm/Accounts"

_ADMINISTRATION, _ITEMS, _ORDERS = (
    "Organization administration",
    "Logistics items",
    "Purchase orders",
)
_SCOPES = {
    "sync/CRM/Accounts": "Crm accounts",
    "sync/Financial/GLAccounts": "Financial generalledgers",
    "sync/Logistics/Items": _ITEMS,
    "vat/VATCodes": "Financial accounting",
    "hrm/Costcenters": "Financial costcenters",
    "hrm/Costunits": "Financial costcenters",
    "cashflow/PaymentConditions": "Financial cashflow",
    "project/Projects": "Projects",
}
_NO_ID = odata.guid_literal("00000000-0000-0000-0000-000000000000")
# A row version that no division reaches: an empty answer that Exact finds without a search.
_NEVER = {"$filter": f"Timestamp gt {odata.int64_literal(2**62)}", "$select": "Timestamp"}


@dataclass(frozen=True)
class Probe:
    """One query to Exact in a division."""

    check: str
    path: str
    scope: str
    query: Mapping[str, str]


def probes_of(connection: Connection, division: ExactDivision) -> list[Probe]:
    """Return the queries for a division: 14, up to 18 with every option in use."""
    return [
        _order(),
        _supplier(),
        _read(LINES_PATH, _ORDERS, {"$filter": f"PurchaseOrderID eq {_NO_ID}"}, "ID"),
        Probe(f"read:{STREAM_PATH}", STREAM_PATH, _ORDERS, _NEVER),
        *(Probe(f"read:{s.path}", s.path, _SCOPES.get(s.path, ""), _NEVER) for s in STREAMS),
        Probe(f"read:{DELETED_PATH}", DELETED_PATH, _ADMINISTRATION, _NEVER),
        *(_listing(listing) for listing in LISTINGS),
        _read(DIVISIONS_PATH, _ADMINISTRATION, {"$filter": f"Code eq {division.division}"}, "Code"),
        *_optional(connection, division),
        Probe("webhooks", subscriptions.PATH, _ADMINISTRATION, subscriptions.FIELDS),
    ]


def _optional(connection: Connection, division: ExactDivision) -> list[Probe]:
    found = []
    if division.create_items:
        found.append(_read(ITEMS, _ITEMS, {"$filter": "IsPurchaseItem eq true"}, "ID"))
    if division.link_supplier_items:
        found.append(Probe(f"read:{SUPPLIER_ITEMS_PATH}", SUPPLIER_ITEMS_PATH, _ITEMS, _NEVER))
        found.append(_read(UNITS, _ITEMS, {}, "ID"))
    if "project" in connection.tag_kinds:
        found.append(_listing(PROJECTS))
    return found


def _order() -> Probe:
    query = {"$select": "PurchaseOrderID,OrderNumber", "$top": "1"}
    return Probe("purchase_order", ORDERS_PATH, _ORDERS, query)


def _supplier() -> Probe:
    query = {"$filter": "IsSupplier eq true", "$select": "ID,Code,Name", "$top": "1"}
    return Probe("supplier", ACCOUNTS, _SCOPES["sync/CRM/Accounts"], query)


def _listing(listing: Listing) -> Probe:
    return _read(listing.path, _SCOPES.get(listing.path, ""), {}, "Code")


def _read(path: str, scope: str, query: Mapping[str, str], field: str) -> Probe:
    return Probe(f"read:{path}", path, scope, {**query, "$select": field, "$top": "1"})
