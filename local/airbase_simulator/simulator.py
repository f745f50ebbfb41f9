"""The state of one Airbase tenant and its answers."""

import json
import random
import re
import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.airbase_simulator.webhooks import Outbox
from local.simulation import Fault, HandlerTransport, NoAnswer, Request, Response
from ml_connector import clock as connector_clock

Row = dict[str, Any]

_LIMIT = 500
_WINDOW = 60.0  # the real one's length is not published
_PAGE_SIZE = 100
_LISTS = {
    "/v1/purchase_orders/": "orders",
    "/v1/accounting/vendors/": "vendors",
    "/v1/accounting/accounts/": "accounts",
    "/v1/accounting/subsidiaries/": "subsidiaries",
    "/v1/accounting/ledger_entries/": "ledger_entries",
}
_DETAIL = re.compile(r"(/v1/.+/)([^/]+)/")
_PATCHABLE = {"vendors": {"name", "email", "is_active"}, "ledger_entries": {"status"}}


@dataclass(frozen=True)
class Call:
    """One answered call, for the journal."""

    method: str
    path: str
    status: int
    at: float


class AirbaseSimulator:
    """One tenant: subsidiaries, vendors, purchase orders, and webhooks about them.

    `faults` hit the next calls: `timeout`, `slow` (`seconds`), `rate_limited` (with Retry-After
    when `seconds`), `unauthorized`, `server_error`, `garbage`.
    """

    def __init__(
        self,
        clock: Callable[[], float] = connector_clock.epoch,
        rng: random.Random | None = None,
    ) -> None:
        """Start an empty tenant with a key and a webhook secret of its own."""
        self.clock = clock
        self.rng = rng or random.Random()  # noqa: S311  a play, no secret of anybody
        self.api_key = self._id()
        self.outbox = Outbox(clock, self.rng, secret=self._id())
        self.orders: dict[str, Row] = {}
        self.vendors: dict[str, Row] = {}
        self.accounts: dict[str, Row] = {}
        self.subsidiaries: dict[str, Row] = {}
        self.ledger_entries: dict[str, Row] = {}
        self.faults: deque[Fault] = deque()
        self.calls: list[Call] = []
        self.limit = _LIMIT
        self._lock = threading.RLock()
        self._window = (0.0, 0)

    # ------------------------------------------------------------ the tenant

    def add_subsidiary(self, id: str, name: str) -> Row:
        """Add a subsidiary."""
        row = {"airbase_id": id, "erp_reference_id": "", "name": name}
        self.subsidiaries[id] = row
        return row

    def add_vendor(self, name: str, code: str = "", id: str = "", **more: Any) -> Row:
        """Add a vendor; `code` is its ERP reference, empty while it is not linked."""
        id = id or self._id()
        row = {"id": id, "airbase_id": id, "erp_reference_id": code, "name": name}
        self.vendors[id] = row | {"is_active": True, "email": "", **more}
        return self.vendors[id]

    def add_order(  # noqa: PLR0913  an order's own facts
        self,
        number: str,
        subsidiary: str,
        vendor: Row,
        lines: list[Row],
        *,
        currency: str = "EUR",
        outcome: str = "purchase_order",
        total: str | None = None,
        **more: Any,
    ) -> Row:
        """Add a pending order; `lines` as `line()` makes them, their sum is the total."""
        id = self._id()
        amounts = sum(round(float(line["amount"]) * 100) for line in lines)
        named = {"airbase_id", "erp_reference_id", "name"}
        self.orders[id] = {
            "id": id,
            "number": number,
            "status": "pending",
            "outcome": outcome,
            "revision": 1,
            "approved_date": None,
            "subsidiary": self.subsidiaries.get(subsidiary),
            "vendor": {key: vendor[key] for key in named},
            "currency": {"iso_code": currency},
            "total_amount": total or f"{amounts / 100:.2f}",
            "notes": "",
            "transaction_tags": [],
            "expense_list": [
                {"line_number": n} | line for n, line in enumerate(lines, start=1)
            ],
            **more,
        }
        return self.orders[id]

    @staticmethod
    def line(gl_account: str, amount: str, description: str = "", **more: Any) -> Row:
        """Return a category split on the GL account with this number."""
        account = {
            "airbase_id": "",
            "erp_reference_id": "",
            "account_number": gl_account,
        }
        named = account | {"name": f"Category {gl_account}"}
        return {
            "account": named,
            "amount": amount,
            "description": description,
            "tags": [],
            **more,
        }

    @staticmethod
    def tag(label: str, code: str, name: str = "") -> Row:
        """Return a tag value."""
        return {"type_label": label, "erp_reference_id": code, "name": name or code}

    def approve(self, order: Row) -> None:
        """Approve the order and announce it."""
        order |= {"status": "approved", "approved_date": self._now()}
        self.announce(order, "purchase_request.approved")

    def amend(self, order: Row, **changes: Any) -> None:
        """Change an order, which approves its next revision, and announce it."""
        order |= {**changes, "revision": order["revision"] + 1}
        self.announce(order, "purchase_request.approved")

    def cancel(self, order: Row) -> None:
        """Cancel the order and announce it."""
        order["status"] = "cancelled"
        self.announce(order, "purchase_request.cancelled")

    def announce(self, order: Row, type_: str) -> None:
        """Send a webhook about the order."""
        data = {"id": order["id"], "status": order["status"]}
        self.outbox.announce(self._id(), type_, self._now(), data)

    # ------------------------------------------------------------ its answers

    def transport(self) -> HandlerTransport:
        """Return a transport that reaches this tenant without a socket."""
        return HandlerTransport(self.handle)

    def handle(self, request: Request) -> Response:
        """Answer one call."""
        with self._lock:
            response = self._limited(request)
            self.calls.append(
                Call(request.method, request.path, response.status, self.clock())
            )
            more = {"X-Request-Id": self._id(), "X-Ratelimit-Limit": str(self.limit)}
            more["X-Ratelimit-Remaining"] = str(max(self.limit - self._window[1], 0))
            return Response(
                response.status,
                {**response.headers, **more},
                response.body,
                response.delay,
            )

    def _limited(self, request: Request) -> Response:
        started, used = self._window
        if self.clock() - started >= _WINDOW:
            started, used = self.clock(), 0
        self._window = (started, used + 1)
        if self.faults:
            return self._broken(self.faults.popleft(), request)
        if used >= self.limit:
            return _refusal(429, "Request was throttled.")
        return self._answer(request)

    def _broken(self, fault: Fault, request: Request) -> Response:
        if fault.kind == "timeout":
            raise NoAnswer
        if fault.kind == "slow":
            good = self._answer(request)
            return Response(good.status, good.headers, good.body, fault.seconds)
        if fault.kind == "rate_limited":
            wait = {"Retry-After": str(int(fault.seconds))} if fault.seconds else {}
            return _refusal(429, "Request was throttled.", wait)
        if fault.kind == "unauthorized":
            return _refusal(401, "Invalid token.")
        if fault.kind == "server_error":
            return Response(502, {}, b"<html>Bad Gateway</html>")
        if fault.kind == "garbage":
            return Response(200, {}, b'{"id":')
        raise ValueError(f"unknown fault {fault.kind!r}")

    def _answer(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Token {self.api_key}":
            return _refusal(401, "Invalid token.")
        if not request.path.endswith("/"):
            return Response(301, {"Location": request.path + "/"})
        if request.path in _LISTS:
            return self._list(request, _LISTS[request.path])
        found = _DETAIL.fullmatch(request.path)
        if found and found[1] in _LISTS:
            return self._one(request, _LISTS[found[1]], found[2])
        if request.path == "/v1/accounting/vendors/bulk_upsert/":
            return self._bulk_upsert(request)
        return _refusal(404, "Not found.")

    def _list(self, request: Request, table: str) -> Response:
        if request.method == "POST" and table == "vendors":
            sent = request.json()
            row = self.add_vendor(sent["name"], sent.get("erp_reference_id", ""))
            return Response.of_json(201, row)
        if request.method != "GET":
            return _refusal(405, f'Method "{request.method}" not allowed.')
        rows = list(getattr(self, table).values())
        if (wanted := request.query.get("erp_reference_id")) is not None:
            rows = [row for row in rows if row["erp_reference_id"] == wanted]
        page, size = (
            int(request.query.get(k, d)) for k, d in (("page", 1), ("page_size", 100))
        )
        size = min(size, _PAGE_SIZE)
        shown = rows[(page - 1) * size : page * size]
        following = (
            f"?page={page + 1}&page_size={size}" if page * size < len(rows) else None
        )
        pagination = {
            "next": following,
            "previous": None,
            "page": page,
            "page_size": size,
        }
        return Response.of_json(200, {"data": shown, "pagination": pagination})

    def _one(self, request: Request, table: str, id: str) -> Response:
        if id == "bulk_upsert" and table == "vendors":
            return self._bulk_upsert(request)
        row = getattr(self, table).get(id)
        if row is None:
            return _refusal(404, "Not found.")
        if request.method == "PATCH" and table in _PATCHABLE:
            row.update(
                {k: v for k, v in request.json().items() if k in _PATCHABLE[table]}
            )
        elif request.method != "GET":
            return _refusal(405, f'Method "{request.method}" not allowed.')
        return Response.of_json(200, row)

    def _bulk_upsert(self, request: Request) -> Response:
        sent = request.json()
        errors = [
            {"index": n, "airbase_id": ["Unknown."]}
            for n, row in enumerate(sent)
            if row.get("airbase_id") not in self.vendors
        ]
        if errors:
            return Response.of_json(400, {"validation_errors": errors})
        for row in sent:
            self.vendors[row["airbase_id"]].update(row)
        return Response.of_json(200, [self.vendors[row["airbase_id"]] for row in sent])

    def _id(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def _now(self) -> str:
        moment = datetime.fromtimestamp(self.clock(), tz=UTC).replace(tzinfo=None)
        return moment.isoformat(timespec="seconds")


def _refusal(
    status: int, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    body = json.dumps({"detail": detail}).encode()
    return Response(
        status, {"Content-Type": "application/json", **(headers or {})}, body
    )
