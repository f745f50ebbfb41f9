"""The answers of each path of the API, in the style of Django REST framework."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from local.airbase_simulator.tenant import Row, Tenant
from local.simulator import Request, Response

_DEFAULT_SIZE = 100
_LARGEST_SIZE = 250
_MOST_UPSERTED = 100
_UPSERT = "/v1/accounting/vendors/bulk_upsert/"
_LISTS = {
    "/v1/purchase_orders/": "orders",
    "/v1/accounting/vendors/": "vendors",
    "/v1/accounting/accounts/": "accounts",
    "/v1/accounting/subsidiaries/": "subsidiaries",
    "/v1/accounting/ledger_entries/": "ledger_entries",
}
_DETAIL = re.compile(r"(/v1/.+/)([^/]+)/")
# Not the ERP reference: known clients link vendors only through `bulk_upsert`.
_PATCHABLE = {
    "vendors": {"name", "email", "is_active", "subsidiary_reference_ids"},
    "ledger_entries": {"status", "error_message", "erp_reference_id", "erp_url"},
}


class AirbaseRefusal(Exception):
    """Raised to refuse a call with `response`."""

    def __init__(self, status: int, content: Any, headers: Mapping[str, str] | None = None) -> None:
        """Refuse with a status, JSON content and further headers."""
        super().__init__(status)
        self.response = Response.of_json(status, content, headers)


def refusal(status: int, detail: str, headers: Mapping[str, str] | None = None) -> AirbaseRefusal:
    """Return a refusal with its reason in `detail`."""
    return AirbaseRefusal(status, {"detail": detail}, headers)


def answer(tenant: Tenant, request: Request) -> Response:
    """Answer an authenticated call; raises `AirbaseRefusal`."""
    if request.path == _UPSERT:
        _allow(request, "POST, OPTIONS")
        return _bulk_upsert(tenant, _sent(request))
    if request.path in _LISTS:
        return _collection(tenant, request, _LISTS[request.path])
    found = _DETAIL.fullmatch(request.path)
    if found is None or found[1] not in _LISTS:
        raise refusal(404, "Not found.")
    return _one(tenant, request, _LISTS[found[1]], found[2])


def _collection(tenant: Tenant, request: Request, table: str) -> Response:
    if table != "vendors":
        _allow(request, "GET, HEAD, OPTIONS")
        return _list(tenant, request, table)
    _allow(request, "GET, POST, HEAD, OPTIONS")
    if request.method == "POST":
        return Response.of_json(201, _add_vendor(tenant, _object(_sent(request))))
    return _list(tenant, request, table)


def _list(tenant: Tenant, request: Request, table: str) -> Response:
    rows = _filtered(list(getattr(tenant, table).values()), request.query, table)
    page, size = _paging(request.query)
    last = page * size
    pagination = {
        "next": _link(request, page + 1, size) if last < len(rows) else None,
        "previous": _link(request, page - 1, size) if page > 1 else None,
        "page": page,
        "page_size": size,
    }
    shown = rows[last - size : last]
    return Response.of_json(200, {"data": shown, "pagination": pagination})


def _filtered(rows: list[Row], query: Mapping[str, str], table: str) -> list[Row]:
    if "erp_reference_id" in query:
        rows = [row for row in rows if row.get("erp_reference_id") == query["erp_reference_id"]]
    if table == "ledger_entries":
        rows = [row for row in rows if row["status"] == query.get("status", "sync_ready")]
    if table == "orders" and "status" in query:
        rows = [row for row in rows if row["status"] == query["status"]]
    return rows


def _paging(query: Mapping[str, str]) -> tuple[int, int]:
    page, size = query.get("page", "1"), query.get("page_size", "")
    if not page.isdecimal() or int(page) < 1:
        raise refusal(404, "Invalid page.")
    wanted = int(size) if size.isdecimal() else 0
    return int(page), min(wanted or _DEFAULT_SIZE, _LARGEST_SIZE)


def _link(request: Request, page: int, size: int) -> str:
    query = urlencode({**request.query, "page": page, "page_size": size})
    return f"http://{request.headers.get('host', '')}{request.path}?{query}"


def _one(tenant: Tenant, request: Request, table: str, id: str) -> Response:
    patchable = _PATCHABLE.get(table)
    _allow(request, "GET, PATCH, HEAD, OPTIONS" if patchable else "GET, HEAD, OPTIONS")
    row = getattr(tenant, table).get(id)
    if row is None:
        raise refusal(404, "Not found.")
    if request.method == "PATCH" and patchable:
        _patch(row, _object(_sent(request)), patchable)
    return Response.of_json(200, row)


def _patch(row: Row, sent: Row, patchable: set[str]) -> None:
    if refused := {
        name: ["This field can't be updated."] for name in sent if name not in patchable
    }:
        raise AirbaseRefusal(400, refused)
    if "name" in sent:
        _check_name(sent)
    row.update(sent)


def _add_vendor(tenant: Tenant, sent: Row) -> Row:
    _check_name(sent)
    known = ("name", "erp_reference_id", "email", "subsidiary_reference_ids")
    given = {name: sent[name] for name in known if name in sent}
    return tenant.add_vendor(given.pop("name"), given.pop("erp_reference_id", ""), **given)


def _check_name(sent: Row) -> None:
    if not isinstance(sent.get("name"), str):
        raise AirbaseRefusal(400, {"name": ["This field is required."]})
    if not sent["name"].strip():
        raise AirbaseRefusal(400, {"name": ["This field may not be blank."]})


def _bulk_upsert(tenant: Tenant, sent: Any) -> Response:
    """Update by Airbase id, else by ERP reference, else add; all rows or none."""
    rows = sent.get("data") if isinstance(sent, dict) else sent
    if not isinstance(rows, list) or len(rows) > _MOST_UPSERTED:
        raise refusal(400, f"Expected a list of at most {_MOST_UPSERTED} items.")
    if errors := _upsert_errors(tenant, rows):
        raise AirbaseRefusal(400, {"validation_errors": errors})
    return Response.of_json(200, [_upsert(tenant, row) for row in rows])


def _upsert_errors(tenant: Tenant, rows: Sequence[Any]) -> list[Row]:
    return [
        {"index": index, **error}
        for index, row in enumerate(rows)
        if (error := _upsert_error(tenant, row))
    ]


def _upsert_error(tenant: Tenant, row: Any) -> Row | None:
    if not isinstance(row, dict):
        return {"non_field_errors": ["Expected an object."]}
    if row.get("airbase_id"):
        return None if row["airbase_id"] in tenant.vendors else {"airbase_id": ["Unknown."]}
    if _by_reference(tenant, row) is None and not row.get("name"):
        return {"name": ["This field is required."]}
    return None


def _upsert(tenant: Tenant, row: Row) -> Row:
    vendor = tenant.vendors.get(row.get("airbase_id", "")) or _by_reference(tenant, row)
    if vendor is None:
        return _add_vendor(tenant, row)
    vendor.update({name: value for name, value in row.items() if name in vendor})
    return vendor


def _by_reference(tenant: Tenant, row: Row) -> Row | None:
    code = row.get("erp_reference_id")
    return next(
        (v for v in tenant.vendors.values() if code and v["erp_reference_id"] == code), None
    )


def _allow(request: Request, methods: str) -> None:
    if request.method not in methods.split(", "):
        raise refusal(405, f'Method "{request.method}" not allowed.', {"Allow": methods})


def _sent(request: Request) -> Any:
    try:
        return json.loads(request.body)
    except ValueError as error:
        raise refusal(400, f"JSON parse error - {error}") from None


def _object(sent: Any) -> Row:
    if not isinstance(sent, dict):
        raise AirbaseRefusal(400, {"non_field_errors": ["Invalid data. Expected a dictionary."]})
    return sent
