"""The sync endpoints: everything that changed after a row version; and the bulk ones."""

from collections.abc import Mapping
from typing import Any

from local.exact_simulator.answers import single
from local.exact_simulator.context import CallContext
from local.exact_simulator.fields import FIELDS, wire_date
from local.exact_simulator.listing import page
from local.exact_simulator.odata_query import Filter, read_filter, read_literals
from local.exact_simulator.refusals import bad_request, bad_syntax, select_required
from local.exact_simulator.world import Row
from local.simulator import Response

SOURCES: Mapping[str, str] = {
    "sync/CRM/Accounts": "crm/Accounts",
    "sync/Financial/GLAccounts": "financial/GLAccounts",
    "sync/Logistics/Items": "logistics/Items",
    "sync/Logistics/SupplierItem": "logistics/SupplierItem",
}
ORDERS, DELETED = "sync/PurchaseOrder/PurchaseOrders", "sync/Deleted"
TIMESTAMP = "read/sync/Sync/SyncTimestamp"
ENDPOINTS = frozenset({*SOURCES, ORDERS, DELETED})
BULK: Mapping[str, str] = {
    "bulk/CRM/Accounts": "crm/Accounts",
    "bulk/Financial/GLAccounts": "financial/GLAccounts",
    "bulk/Logistics/Items": "logistics/Items",
}
"""Endpoints that show the rows of another, in larger pages."""

_ORDER, _LINE = "purchaseorder/PurchaseOrders", "purchaseorder/PurchaseOrderLines"
_SHARED = [
    "PurchaseOrderID",
    "OrderNumber",
    "OrderDate",
    "OrderStatus",
    "ReceiptStatus",
    "InvoiceStatus",
    "ApprovalStatus",
    "Currency",
    "Supplier",
    "SupplierCode",
    "SupplierName",
    "Warehouse",
    "WarehouseCode",
    "WarehouseDescription",
    "DropShipment",
    "Source",
]


def read_changes(context: CallContext, endpoint: str) -> Response:
    """Answer a sync endpoint, oldest change first."""
    parameters = context.request.query
    if endpoint == ORDERS and parameters.get("$select", "").strip() == "*":
        raise bad_syntax()
    shape = context.shape(endpoint, "Timestamp")
    rows = _rows(context, endpoint, _wanted(endpoint, parameters.get("$filter")))
    return page(context, shape, list(rows), context.policy.sync_page_size)


def read_bulk(context: CallContext, endpoint: str) -> Response:
    """Answer a bulk endpoint: `$select` is mandatory."""
    if "$select" not in context.request.query:
        raise select_required()
    text, known = context.request.query.get("$filter"), FIELDS[endpoint]
    source = context.division.table(BULK[endpoint]).values()
    rows: list[Mapping[str, Any]] = [
        {name: value for name, value in row.items() if name in known}
        for row in source
        if not text or read_filter(endpoint, text).matches(row)
    ]
    return page(context, context.shape(endpoint), rows, context.policy.sync_page_size)


def read_timestamp(context: CallContext) -> Response:
    """Answer the row version at which a sync from a local time starts."""
    parameters = context.request.query
    text = parameters.get("modified", "")
    if not text.startswith("datetime'") or not parameters.get("endPoint", "").strip("'"):
        raise bad_syntax()
    moment = int(read_literals(text)[0])
    shape = context.shape(TIMESTAMP, "TimeStampAsBigInt")
    row = {
        "TimeStampAsBigInt": context.division.version_before(moment),
        "EndPoint": parameters["endPoint"].strip("'"),
        "Modified": wire_date(moment),
    }
    return single(shape.write(row), as_json=context.as_json)


def _wanted(endpoint: str, text: str | None) -> Filter | None:
    if not text:
        return None
    wanted = read_filter(endpoint, text)
    if wanted.fields != {"Timestamp"}:
        raise bad_request("This $filter parameter is not supported for this resource.")
    return wanted


def _rows(context: CallContext, endpoint: str, wanted: Filter | None) -> list[Row]:
    if endpoint == DELETED:
        rows = context.world.deletions(context.division)
        return [row for row in rows if wanted is None or wanted.matches(row)]
    if endpoint == ORDERS:
        return _order_rows(context, wanted)
    return _stamped(context, SOURCES[endpoint], endpoint, wanted)


def _stamped(context: CallContext, source: str, endpoint: str, wanted: Filter | None) -> list[Row]:
    table = context.division.table(source)
    stamps = context.division.stamps.get(source, {})
    known = FIELDS[endpoint]
    return [
        {**{n: v for n, v in table[key].items() if n in known}, "Timestamp": stamp}
        for key, stamp in stamps.items()
        if wanted is None or wanted.matches({"Timestamp": stamp})
    ]


def _order_rows(context: CallContext, wanted: Filter | None) -> list[Row]:
    headers = _stamped(context, _ORDER, ORDERS, wanted)
    for header in headers:
        header["LineNumber"], header["ID"] = 0, header["PurchaseOrderID"]
    lines = _stamped(context, _LINE, ORDERS, wanted)
    shown = headers if context.policy.sync_headers else []
    return shown + [_line(context, line) for line in lines]


def _line(context: CallContext, line: Row) -> Row:
    order = context.division.table(_ORDER)[line["PurchaseOrderID"]]
    centers = _dimension(context, line, "CostCenter", "hrm/Costcenters")
    units = _dimension(context, line, "CostUnit", "hrm/Costunits")
    return {**{name: order.get(name) for name in _SHARED}, **line, **centers, **units}


def _dimension(context: CallContext, line: Row, name: str, endpoint: str) -> dict[str, Any]:
    """Return a cost centre or unit as sync writes it: the Guid and the code."""
    code = line.get(name)
    row = context.division.find(endpoint, "Code", code) if code else None
    return {name: row["ID"] if row else None, f"{name}Code": code}
