"""The Exact endpoints that the connector needs in a division, each with a small query.

Each asks for the very fields that the connector reads, so that a ping is red where a reading is.

`scope` is the app scope that Exact's REST reference names for the endpoint. Reading proves the
scope and the user's right to read; only writing proves the right to write.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ml_connector.domain.ids import code_of
from ml_connector.exact import odata, subscriptions
from ml_connector.exact.purchase_orders import (
    HEADER_FIELDS,
    LINE_FIELDS,
    LINES_PATH,
    ORDERS_PATH,
    STREAM_FIELDS,
    STREAM_PATH,
)
from ml_connector.exact.reference_data import (
    DELETED_FIELDS,
    DELETED_PATH,
    DIVISIONS_PATH,
    HRM_DIVISION_FIELDS,
    HRM_DIVISIONS_PATH,
    LISTINGS,
    MOVE_FIELDS,
    PROJECTS,
    SCOPES,
    STREAMS,
    SUPPLIER_ITEMS_PATH,
    Listing,
)
from ml_connector.purchase_orders.prerequisites import (
    ITEM_FIELDS,
    ITEMS,
    SUPPLIER_ITEM_FIELDS,
    UNIT_FIELDS,
    UNITS,
)
from ml_connector.settings.connection import Dimension, ExactDivision

ACCOUNTS = "crm/Accounts"

_ADMINISTRATION, _ITEMS, _ORDERS = (
    "Organization administration",
    "Logistics items",
    "Purchase orders",
)
_NO_ID = odata.guid_literal("00000000-0000-0000-0000-000000000000")
# A row version that no division reaches: an empty answer that Exact finds without a search.
_NEVER = f"Timestamp gt {odata.int64_literal(2**62)}"


@dataclass(frozen=True)
class Probe:
    """One query to Exact in a division."""

    check: str
    path: str
    scope: str
    query: Mapping[str, str]
    instead: "Probe | None" = None
    """What is asked, too, where this one is refused or shows nothing."""


def probes_of(tag_kinds: frozenset[Dimension], division: ExactDivision) -> list[Probe]:
    """Return the queries for a division: 14, up to 18 with every option in use.

    `tag_kinds`: the dimensions that the connection's tags are mapped to.
    One more is made where only the other list of divisions can be read.
    """
    return [
        _order(),
        _supplier(),
        _read(LINES_PATH, _ORDERS, {"$filter": f"PurchaseOrderID eq {_NO_ID}"}, LINE_FIELDS),
        _stream(STREAM_PATH, STREAM_FIELDS),
        *(_stream(each.path, each.select) for each in STREAMS),
        _stream(DELETED_PATH, DELETED_FIELDS),
        *(_listing(listing) for listing in LISTINGS),
        _listed(division),
        *_optional(tag_kinds, division),
        Probe("webhooks", subscriptions.PATH, _ADMINISTRATION, subscriptions.FIELDS),
    ]


def _optional(tag_kinds: frozenset[Dimension], division: ExactDivision) -> list[Probe]:
    found = []
    if division.create_items:
        found.append(_read(ITEMS, _ITEMS, {"$filter": "IsPurchaseItem eq true"}, ITEM_FIELDS))
    if division.link_supplier_items:
        found.append(_stream(SUPPLIER_ITEMS_PATH, SUPPLIER_ITEM_FIELDS))
        found.append(_read(UNITS, _ITEMS, {}, UNIT_FIELDS))
    if "project" in tag_kinds:
        found.append(_listing(PROJECTS))
    return found


def _order() -> Probe:
    query = {"$select": HEADER_FIELDS, "$top": "1"}
    return Probe("purchase_order", ORDERS_PATH, _ORDERS, query)


def _supplier() -> Probe:
    query = {"$filter": "IsSupplier eq true", "$select": "ID,Code,Name", "$top": "1"}
    return Probe("supplier", ACCOUNTS, SCOPES["sync/CRM/Accounts"], query)


def _listed(division: ExactDivision) -> Probe:
    wanted = {"$filter": f"Code eq {code_of(division.division)}"}
    other = _read(HRM_DIVISIONS_PATH, _ADMINISTRATION, wanted, HRM_DIVISION_FIELDS)
    return replace(_read(DIVISIONS_PATH, _ADMINISTRATION, wanted, MOVE_FIELDS), instead=other)


def _listing(listing: Listing) -> Probe:
    return _read(listing.path, SCOPES.get(listing.path, ""), {}, listing.select)


def _stream(path: str, select: str) -> Probe:
    query = {"$filter": _NEVER, "$select": select}
    return Probe(f"read:{path}", path, SCOPES.get(path, ""), query)


def _read(path: str, scope: str, query: Mapping[str, str], select: str) -> Probe:
    return Probe(f"read:{path}", path, scope, {**query, "$select": select, "$top": "1"})
