"""The Airbase simulator is as strict as Airbase is known to be."""

import json
import random
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

import httpx
import pytest

from local.airbase_simulator import AirbaseSimulator, serve
from local.airbase_simulator.control import with_control_routes
from local.airbase_simulator.simulator import KINDS
from local.airbase_simulator.webhooks import Webhook
from local.simulator import HandlerTransport, SimulatedFault
from ml_connector.airbase.purchase_orders import read_order
from ml_connector.clock import MovableClock
from ml_connector.domain.ids import AppId, ConnectionId, OrderId
from ml_connector.infrastructure.inbox import KEPT_FOR
from ml_connector.messages.kinds import ProcessOrder
from ml_connector.settings.airbase_profile import AirbaseProfile
from ml_connector.webhooks.airbase import accept, parse_settings
from ml_connector.webhooks.verification import WebhookCall

NOON = 1_795_435_200.0
VENDORS = "/v1/accounting/vendors/"
ORDERS = "/v1/purchase_orders/"


class Tenant:
    """A tenant, a client with its key, and the receiver of its webhooks."""

    def __init__(self) -> None:
        self.clock = MovableClock(NOON)
        self.airbase = AirbaseSimulator(self.clock, random.Random(1))
        self.client = self.client_with(f"Token {self.airbase.api_key}")
        self.arrived: list[dict[str, Any]] = []
        self.statuses: list[int] = []
        self.airbase.outbox.url = "https://receiver.test"
        self.airbase.outbox.deliver = self._deliver

    def client_with(self, authorization: str | None) -> httpx.Client:
        headers = {} if authorization is None else {"authorization": authorization}
        transport = HandlerTransport(with_control_routes(self.airbase))
        return httpx.Client(
            transport=transport, base_url="https://airbase.test", headers=headers, timeout=5
        )

    def order(self, number: str = "PO-1", **more: Any) -> dict[str, Any]:
        vendor = self.airbase.add_vendor("Papier", "7")
        line = self.airbase.line("4406", "12.50", tags=[self.airbase.tag("Department", "OPS")])
        lines = [line, self.airbase.line("4407", "0.10")]
        self.airbase.add_subsidiary("sub-nl", "Example NL")
        return self.airbase.add_order(number, "sub-nl", vendor, lines, **more)

    def _deliver(self, _url: str, _headers: Mapping[str, str], body: bytes) -> int:
        self.arrived.append(json.loads(body))
        return self.statuses.pop(0) if self.statuses else 202


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    made = Tenant()
    with made.client:
        yield made


# ---------------------------------------------------------------- the API


def test_the_default_profile_reads_an_order(tenant: Tenant) -> None:
    order = tenant.order(notes="Paper for the year")
    tenant.airbase.approve(order)
    raw = tenant.client.get(f"{ORDERS}{order['id']}/").json()
    read = read_order(raw, AirbaseProfile(), date(2026, 11, 23))
    assert read.id == order["id"]
    assert str(read.total) == "EUR 12.60"
    assert [line.gl_account.code for line in read.lines] == ["4406", "4407"]
    assert raw["approved_date"] == "2026-11-23T12:00:00"


@pytest.mark.parametrize(
    "authorization", [None, "Token wrong", "Bearer {key}", "{key}", "token {key}"]
)
def test_only_the_tenant_s_token_is_accepted(tenant: Tenant, authorization: str | None) -> None:
    given = authorization and authorization.format(key=tenant.airbase.api_key)
    answer = tenant.client_with(given).get(VENDORS)
    assert answer.status_code == 401
    assert set(answer.json()) == {"detail"}
    assert answer.headers["www-authenticate"] == "Token"


def test_without_the_trailing_slash_a_call_is_redirected(tenant: Tenant) -> None:
    answer = tenant.client.get(VENDORS[:-1], params={"page": 2})
    assert answer.status_code == 301
    assert answer.headers["location"] == f"{VENDORS}?page=2"


def test_lists_are_paged_and_empty_past_the_end(tenant: Tenant) -> None:
    for number in range(5):
        tenant.airbase.add_vendor(f"Vendor {number}")
    pages = [
        tenant.client.get(VENDORS, params={"page": page, "page_size": 2}).json()
        for page in range(1, 5)
    ]
    assert [len(page["data"]) for page in pages] == [2, 2, 1, 0]
    assert [page["pagination"]["next"] is None for page in pages] == [False, False, True, True]
    assert [page["pagination"]["previous"] is None for page in pages] == [True] + [False] * 3
    following = tenant.client.get(pages[0]["pagination"]["next"]).json()
    assert following["data"] == pages[1]["data"]


@pytest.mark.parametrize("page", ["0", "-1", "x", ""])
def test_an_invalid_page_is_404(tenant: Tenant, page: str) -> None:
    assert tenant.client.get(VENDORS, params={"page": page}).status_code == 404


def test_unlinked_vendors_are_found_by_an_empty_reference(tenant: Tenant) -> None:
    tenant.airbase.add_vendor("Linked", "7")
    unlinked = tenant.airbase.add_vendor("Unlinked")
    found = tenant.client.get(VENDORS, params={"erp_reference_id": ""}).json()["data"]
    assert [row["airbase_id"] for row in found] == [unlinked["airbase_id"]]
    by_code = tenant.client.get(VENDORS, params={"erp_reference_id": "7"}).json()["data"]
    assert [row["name"] for row in by_code] == ["Linked"]


def test_a_vendor_is_renamed_but_not_linked_by_patch(tenant: Tenant) -> None:
    vendor = tenant.airbase.add_vendor("Papir")
    path = f"{VENDORS}{vendor['airbase_id']}/"
    assert tenant.client.patch(path, json={"name": "Papier"}).json()["name"] == "Papier"
    assert tenant.client.patch(path, json={"name": " "}).status_code == 400
    assert tenant.client.patch(path, json={"erp_reference_id": "7"}).status_code == 400
    assert tenant.client.patch(path, content=b"{").json()["detail"].startswith("JSON parse error")
    assert tenant.airbase.vendors[vendor["airbase_id"]]["erp_reference_id"] == ""


def test_bulk_upsert_links_all_vendors_or_none(tenant: Tenant) -> None:
    vendor = tenant.airbase.add_vendor("Papier")
    link = {"airbase_id": vendor["airbase_id"], "erp_reference_id": "7"}
    path = f"{VENDORS}bulk_upsert/"
    refused = tenant.client.post(path, json=[link, {"airbase_id": "nobody"}, 7])
    assert refused.status_code == 400
    assert [error["index"] for error in refused.json()["validation_errors"]] == [1, 2]
    assert vendor["erp_reference_id"] == ""
    assert tenant.client.post(path, json=[link]).status_code == 200
    assert vendor["erp_reference_id"] == "7"
    tenant.client.post(path, json=[{"erp_reference_id": "7", "name": "Papier BV"}, {"name": "New"}])
    assert [v["name"] for v in tenant.airbase.vendors.values()] == ["Papier BV", "New"]


def test_a_vendor_can_be_added(tenant: Tenant) -> None:
    assert tenant.client.post(VENDORS, json={"name": "New"}).status_code == 201
    assert tenant.client.post(VENDORS, json={}).json() == {"name": ["This field is required."]}


def test_ledger_entries_are_those_ready_unless_asked_otherwise(tenant: Tenant) -> None:
    entry = tenant.airbase.add_ledger_entry(tenant.airbase.add_vendor("Papier"), "10.00")
    path = "/v1/accounting/ledger_entries/"
    assert len(tenant.client.get(path).json()["data"]) == 1
    tenant.client.patch(f"{path}{entry['id']}/", json={"status": "sync_complete"})
    assert tenant.client.get(path).json()["data"] == []
    assert len(tenant.client.get(path, params={"status": "sync_complete"}).json()["data"]) == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"{ORDERS}nobody/", 404),
        ("GET", "/v1/elsewhere/", 404),
        ("GET", "/", 404),
        ("DELETE", VENDORS, 405),
        ("POST", ORDERS, 405),
        ("GET", f"{VENDORS}bulk_upsert/", 405),
        ("GET", "/v1/accounting/subsidiaries/", 200),
        ("GET", "/v1/accounting/accounts/", 200),
    ],
)
def test_unknown_paths_and_methods_have_a_detail(
    tenant: Tenant, method: str, path: str, status: int
) -> None:
    answer = tenant.client.request(method, path)
    assert answer.status_code == status
    assert ("detail" in answer.json()) == (status != 200)
    assert ("allow" in answer.headers) == (status == 405)
    assert answer.headers["x-request-id"]


def test_the_rate_limit_is_counted_down_and_reset(tenant: Tenant) -> None:
    tenant.airbase.limit = 2
    answers = [tenant.client.get(VENDORS) for _ in range(3)]
    assert [a.headers["x-ratelimit-remaining"] for a in answers] == ["1", "0", "0"]
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert "retry-after" not in answers[2].headers
    tenant.airbase.retry_after = True
    assert tenant.client.get(VENDORS).headers["retry-after"] == "60"
    tenant.clock.move(60)
    assert tenant.client.get(VENDORS).status_code == 200


# ---------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("kind", "status"),
    [("rate_limited", 429), ("unauthorized", 401), ("server_error", 502), ("unavailable", 503),
     ("server_error_after_commit", 500), ("garbage", 200)],
)  # fmt: skip
def test_a_fault_affects_one_call(tenant: Tenant, kind: str, status: int) -> None:
    tenant.airbase.faults.append(SimulatedFault(kind))
    assert tenant.client.get(VENDORS).status_code == status
    assert tenant.client.get(VENDORS).status_code == 200
    assert [call.fault for call in tenant.airbase.calls] == [kind, None]


@pytest.mark.parametrize(
    ("fault", "renamed"),
    [
        (SimulatedFault("timeout"), False),
        (SimulatedFault("timeout_after_commit"), True),
        (SimulatedFault("slow", 6), True),
    ],
)
def test_an_answer_is_lost_before_or_after_the_commit(
    tenant: Tenant, fault: SimulatedFault, renamed: bool
) -> None:
    vendor = tenant.airbase.add_vendor("Papir")
    tenant.airbase.faults.append(fault)
    with pytest.raises(httpx.ReadTimeout):
        tenant.client.patch(f"{VENDORS}{vendor['id']}/", json={"name": "Papier"})
    assert (vendor["name"] == "Papier") == renamed


def test_an_answer_within_the_timeout_is_not_late(tenant: Tenant) -> None:
    tenant.airbase.faults.append(SimulatedFault("slow", 4))
    assert tenant.client.get(VENDORS).status_code == 200


def test_a_hook_may_inject_faults_and_change_data(tenant: Tenant) -> None:
    order = tenant.order()
    tenant.airbase.on_call = lambda _: order.update(status="cancelled")
    assert tenant.client.get(f"{ORDERS}{order['id']}/").json()["status"] == "cancelled"
    tenant.airbase.on_call = lambda _: SimulatedFault("unavailable")
    assert tenant.client.get(ORDERS).status_code == 503


def test_garbage_is_not_json(tenant: Tenant) -> None:
    tenant.airbase.faults.append(SimulatedFault("garbage"))
    with pytest.raises(ValueError, match=r"(?i)decode|expecting"):
        tenant.client.get(VENDORS).json()


def test_an_unknown_fault_is_refused(tenant: Tenant) -> None:
    tenant.airbase.faults.append(SimulatedFault("earthquake"))
    with pytest.raises(ValueError, match="earthquake"):
        tenant.client.get(VENDORS)


# ---------------------------------------------------------------- webhooks


def _sent(tenant: Tenant) -> Webhook:
    tenant.airbase.approve(tenant.order())
    return tenant.airbase.outbox.sent[-1][0]


@pytest.mark.parametrize(
    ("verification", "secret"),
    [
        ({"scheme": "hmac"}, "a-sample-secret"),
        ({"scheme": "standard_webhooks"}, "a-sample-secret"),
        ({"scheme": "standard_webhooks"}, "whsec_YS1zYW1wbGUtc2VjcmV0"),
        ({"scheme": "shared_header", "header": "X-Airbase-Secret"}, "a-sample-secret"),
    ],
)
def test_the_connector_accepts_a_webhook(
    tenant: Tenant, verification: dict[str, str], secret: str
) -> None:
    tenant.airbase.outbox.scheme, tenant.airbase.outbox.secret = verification["scheme"], secret
    webhook = _sent(tenant)
    settings = parse_settings({"verification": verification, "secrets": [secret]})
    headers = {name.lower(): value for name, value in webhook.headers.items()}
    now = datetime.fromisoformat("2026-11-23T12:00:00+00:00")
    event = accept(
        WebhookCall(AppId(ConnectionId("firm")), headers, {}, webhook.body), settings, now, KEPT_FOR
    )
    (order,) = tenant.airbase.orders
    assert event.message == ProcessOrder(ConnectionId("firm"), OrderId(order))


def test_the_envelope_has_its_five_members(tenant: Tenant) -> None:
    _sent(tenant)
    (envelope,) = tenant.arrived
    assert set(envelope) == {"id", "object", "type", "created_date", "data"}
    assert envelope["type"] == "purchase_request.approved"


def test_an_amendment_is_a_new_revision_and_a_cancellation_is_announced(tenant: Tenant) -> None:
    order = tenant.order()
    tenant.airbase.approve(order)
    tenant.airbase.amend(order, notes="more")
    tenant.airbase.cancel(order)
    assert order["revision"] == 2
    assert [e["data"]["status"] for e in tenant.arrived] == ["approved", "approved", "cancelled"]
    assert len({e["id"] for e in tenant.arrived}) == 3


def test_webhooks_are_dropped_duplicated_held_and_reordered(tenant: Tenant) -> None:
    outbox = tenant.airbase.outbox
    outbox.drop = 1
    tenant.airbase.approve(tenant.order("PO-1"))
    assert tenant.arrived == []
    outbox.duplicate = 1
    tenant.airbase.approve(tenant.order("PO-2"))
    assert tenant.arrived[0] == tenant.arrived[1]
    outbox.hold = outbox.reorder = True
    orders = [tenant.order(f"PO-{number}") for number in range(3, 13)]
    for order in orders:
        tenant.airbase.approve(order)
    assert len(tenant.arrived) == 2
    outbox.pump()
    late = [envelope["data"]["id"] for envelope in tenant.arrived[2:]]
    assert sorted(late) == sorted(order["id"] for order in orders)
    assert late != [order["id"] for order in orders]


def test_a_delayed_webhook_arrives_when_it_is_due(tenant: Tenant) -> None:
    tenant.airbase.outbox.delay = 60
    tenant.airbase.approve(tenant.order())
    tenant.airbase.outbox.pump()
    assert tenant.arrived == []
    tenant.clock.move(60)
    tenant.airbase.outbox.pump()
    assert len(tenant.arrived) == 1


def test_a_webhook_that_is_not_accepted_is_repeated(tenant: Tenant) -> None:
    tenant.statuses = [500, 0]
    tenant.airbase.approve(tenant.order())
    assert [status for _, status in tenant.airbase.outbox.sent] == [500, 0, 202]


# ---------------------------------------------------------------- over HTTP


def test_control_routes_over_a_socket(tenant: Tenant) -> None:
    key = {"authorization": f"Token {tenant.airbase.api_key}"}
    with serve(tenant.airbase) as base, httpx.Client(base_url=base, headers=key) as client:

        def control(route: str, **sent: Any) -> Any:
            return client.post(f"/_control/{route}", json=sent).raise_for_status().json()

        control("subsidiaries", id="sub-nl", name="Example NL")
        vendor = control("vendors", name="Papier")["airbase_id"]
        lines = [{"gl_account": "4406", "amount": "5.00"}]
        order = control("orders", number="PO-9", subsidiary="sub-nl", vendor=vendor, lines=lines)[
            "id"
        ]
        control("approve", order=order)
        control("amend", order=order, notes="more")
        control("cancel", order=order)
        control("webhooks", hold=True)
        control("pump")
        assert client.get(f"{ORDERS}{order}/").json()["status"] == "cancelled"
        assert client.get("/_control/state").json()["sent_webhooks"] == [202, 202, 202]
        assert client.get("/_control/calls").json()[-1]["path"] == f"{ORDERS}{order}/"
        control("faults", kind="timeout")
        with pytest.raises(httpx.HTTPError):
            client.get(VENDORS)
        assert client.get(VENDORS).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [("approve", {"order": "nobody"}, 400), ("orders", {}, 400), ("webhooks", {"x": 1}, 400),
     ("elsewhere", {}, 404)],
)  # fmt: skip
def test_control_routes_explain_errors(
    tenant: Tenant, path: str, body: dict[str, Any], status: int
) -> None:
    answer = tenant.client.post(f"/_control/{path}", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_control_routes_list_themselves(tenant: Tenant, method: str) -> None:
    answer = tenant.client.request(method, "/_control/")
    assert answer.status_code == 200
    assert 'POST /_control/approve {"order": "ID"}: approve an order' in answer.json()


def test_the_same_seed_gives_the_same_tenant() -> None:
    first, second = Tenant(), Tenant()
    assert first.order() == second.order()
    assert first.airbase.api_key == second.airbase.api_key


def test_every_fault_is_described() -> None:
    assert AirbaseSimulator.__doc__ is not None
    assert all(f"`{kind}`" in AirbaseSimulator.__doc__ for kind in KINDS)
