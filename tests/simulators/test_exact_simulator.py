"""The Exact simulator is as strict as Exact Online is known to be."""

import hashlib
import hmac
import json
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from local.exact_simulator import ExactFault, ExactSimulator, Request, notifying, serve
from ml_connector.clock import MovableClock

SUMMER_NOON = 1782390490.0  # 2026-06-25T12:28:10Z, two hours later on the wall in Amsterdam
DIVISION = 101
ORDERS = f"/api/v1/{DIVISION}/purchaseorder/PurchaseOrders"
LINES = f"/api/v1/{DIVISION}/purchaseorder/PurchaseOrderLines"
ACCOUNTS = f"/api/v1/{DIVISION}/crm/Accounts"
ITEMS = f"/api/v1/{DIVISION}/logistics/Items"
GL_ACCOUNTS = f"/api/v1/{DIVISION}/financial/GLAccounts"
SUBSCRIPTIONS = f"/api/v1/{DIVISION}/webhooks/WebhookSubscriptions"
SYNC_ORDERS = f"/api/v1/{DIVISION}/sync/PurchaseOrder/PurchaseOrders"
NOBODY = "00000000-0000-4000-a000-000000000000"


@dataclass
class Site:
    """One simulator with sample data, and a client with a token."""

    simulator: ExactSimulator
    clock: MovableClock
    client: httpx.Client
    tokens: dict[str, Any]
    supplier: str
    account: str
    item: str

    def order(self, *lines: dict[str, Any], **header: Any) -> dict[str, Any]:
        """Return the body of an order, by default with one ordinary line."""
        plain = {"Item": self.item, "QuantityInPurchaseUnits": 2, "UnitPrice": 10.05}
        wanted = [{**plain, **line} for line in lines or ({},)]
        return {"Supplier": self.supplier, "PurchaseOrderLines": wanted, **header}

    def post(self, *lines: dict[str, Any], **header: Any) -> httpx.Response:
        """Post an order."""
        return self.client.post(ORDERS, json=self.order(*lines, **header))

    def refresh(self, token: str) -> httpx.Response:
        """Request a new pair."""
        return self.request_token(grant_type="refresh_token", refresh_token=token)

    def request_token(self, **form: str) -> httpx.Response:
        """Call the token endpoint as the simulator's app."""
        app = {
            "client_id": self.simulator.client_id,
            "client_secret": self.simulator.client_secret,
        }
        return self.client.post("/api/oauth2/token", data={**app, **form})

    def use_tokens(self, tokens: dict[str, Any]) -> None:
        """Use another pair from now on."""
        self.tokens = tokens
        self.client.headers["Authorization"] = f"Bearer {tokens['access_token']}"


@pytest.fixture
def site() -> Site:
    """Build a site with a fixed clock and the same keys in every run."""
    clock = MovableClock(SUMMER_NOON)
    simulator = ExactSimulator(clock, random.Random(7), deliver=lambda _url, _body: 200)
    simulator.add_division(DIVISION)
    supplier = simulator.add_supplier(DIVISION, "Northern Paper", code="11")
    account = simulator.add_gl_account(DIVISION, "4406", "Office costs")
    item = simulator.add_item(DIVISION, "GL4406", "Office costs", account)
    simulator.add_vat_code(DIVISION, "2", 0.21)
    client = httpx.Client(
        transport=simulator.transport(),
        base_url="https://start.exactonline.nl",
        headers={"Accept": "application/json"},
    )
    made = Site(simulator, clock, client, {}, supplier, account, item)
    made.use_tokens(simulator.issue_tokens())
    return made


def message(response: httpx.Response) -> str:
    """Return the message of an error answer."""
    return str(response.json()["error"]["message"]["value"]).strip()


# Tokens


def test_a_refresh_rotates_both_tokens_and_invalidates_the_old_refresh_token(site: Site) -> None:
    site.clock.move(571)
    answer = site.refresh(site.tokens["refresh_token"])
    assert answer.json()["expires_in"] == "600"
    assert answer.json()["refresh_token"] != site.tokens["refresh_token"]
    again = site.refresh(site.tokens["refresh_token"])
    assert (again.status_code, again.json()["error_description"]) == (
        401,
        "Old refresh token used.",
    )


def test_a_refresh_before_570_seconds_is_refused_and_changes_nothing(site: Site) -> None:
    site.clock.move(569)
    answer = site.refresh(site.tokens["refresh_token"])
    assert answer.status_code == 400
    assert answer.json()["error_description"] == "Rate limit exceeded: access_token not expired"
    assert answer.headers["Reason"].startswith("TooEarlyToRefreshTokens")
    site.clock.move(1)
    assert site.refresh(site.tokens["refresh_token"]).status_code == 200


def test_a_refresh_token_expires_after_thirty_days(site: Site) -> None:
    site.clock.move(30 * 86_400)
    answer = site.refresh(site.tokens["refresh_token"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert "expired at" in answer.json()["error_description"]


def test_a_new_consent_invalidates_the_older_chain(site: Site) -> None:
    old = site.tokens["refresh_token"]
    site.simulator.issue_tokens()
    assert site.refresh(old).json()["error"] == "invalid_grant"


def test_an_access_token_expires_after_600_seconds(site: Site) -> None:
    site.clock.move(599)
    assert site.client.get("/api/v1/current/Me").status_code == 200
    site.clock.move(1)
    assert site.client.get("/api/v1/current/Me").status_code == 401


def test_revoked_consent_stops_calls_and_refreshes(site: Site) -> None:
    site.clock.move(571)
    site.simulator.revoke_consent()
    assert site.client.get("/api/v1/current/Me").status_code == 401
    assert site.refresh(site.tokens["refresh_token"]).status_code == 400
    site.use_tokens(site.simulator.issue_tokens())
    assert site.client.get("/api/v1/current/Me").status_code == 200


def test_an_authorisation_code_works_once(site: Site) -> None:
    back = "https://example.test/back"
    asked = {"client_id": site.simulator.client_id, "redirect_uri": back, "state": "s"}
    sent = site.client.get("/api/oauth2/auth", params={**asked, "response_type": "code"})
    answer = parse_qs(urlsplit(sent.headers["Location"]).query)
    assert answer["state"] == ["s"]
    form = {"grant_type": "authorization_code", "code": answer["code"][0], "redirect_uri": back}
    assert site.request_token(**form).status_code == 200
    assert site.request_token(**form).json()["error"] == "invalid_grant"


def test_the_token_endpoint_takes_two_hundred_calls_a_day(site: Site) -> None:
    for _ in range(200):
        site.clock.move(571)
        site.use_tokens(site.refresh(site.tokens["refresh_token"]).json())
        site.clock.move(-571)  # the same day, as if the tokens were older
        site.simulator.oauth.expire()
    assert site.refresh(site.tokens["refresh_token"]).status_code == 429


# Limits


def test_answers_in_a_division_have_the_headers_of_both_limits(site: Site) -> None:
    headers = site.client.get(GL_ACCOUNTS).headers
    assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == ("5000", "4999")
    assert headers["X-RateLimit-Reset"] == "1782432000000"
    assert headers["X-RateLimit-Minutely-Remaining"] == "59"
    assert headers["X-RateLimit-Minutely-Reset"] == "1782390540000"


def test_the_minute_limit_answers_with_only_its_own_headers(site: Site) -> None:
    site.simulator.limits.spend(DIVISION, site.clock(), 60)
    refused = site.client.get(GL_ACCOUNTS)
    assert refused.status_code == 429
    assert refused.headers["X-RateLimit-Minutely-Remaining"] == "0"
    assert "X-RateLimit-Reset" not in refused.headers
    site.clock.move(50)
    assert site.client.get(GL_ACCOUNTS).status_code == 200


def test_the_day_limit_answers_with_only_its_own_headers(site: Site) -> None:
    site.simulator.limits.spend(DIVISION, site.clock(), 5000)
    refused = site.client.get(GL_ACCOUNTS)
    assert (refused.status_code, refused.headers["X-RateLimit-Remaining"]) == (429, "0")
    assert "X-RateLimit-Minutely-Reset" not in refused.headers


def test_each_division_has_its_own_limits(site: Site) -> None:
    site.simulator.add_division(202, "BE")
    site.simulator.limits.spend(DIVISION, site.clock(), 60)
    assert site.client.get("/api/v1/202/system/Divisions").status_code == 200


def test_ten_errors_block_the_endpoint_for_an_hour(site: Site) -> None:
    for _ in range(10):
        assert site.client.post(ORDERS, json={"Nonsense": 1}).status_code == 400
    blocked = site.post()
    assert blocked.status_code == 429
    assert not [name for name in blocked.headers if name.startswith("x-ratelimit")]
    assert site.client.get("/api/v1/current/Me").status_code == 200
    site.clock.move(3601)
    site.use_tokens(site.simulator.issue_tokens())
    assert site.post().status_code == 201


# Reading


def test_a_caller_that_does_not_accept_json_gets_atom(site: Site) -> None:
    listed = site.client.get(GL_ACCOUNTS, headers={"Accept": "*/*"})
    assert listed.headers["Content-Type"].startswith("application/atom+xml")
    refused = site.client.get(ACCOUNTS, headers={"Accept": "application/xml"})
    assert refused.text.startswith("<?xml")
    assert "<message" in refused.text


def test_collections_come_in_pages_of_sixty(site: Site) -> None:
    for number in range(70):
        site.simulator.add_gl_account(DIVISION, str(5000 + number), "Costs")
    first = site.client.get(GL_ACCOUNTS, params={"$select": "ID,Code"}).json()["d"]
    assert len(first["results"]) == 60
    second = site.client.get(first["__next"]).json()["d"]
    assert "__next" not in second
    codes = {row["Code"] for row in first["results"] + second["results"]}
    assert len(codes) == 71


@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_pages_follow_an_order(site: Site, direction: str) -> None:
    for number in range(70):
        site.simulator.add_gl_account(DIVISION, str(5000 + number), "Costs")
    parameters = {"$orderby": f"Code {direction}", "$select": "Code", "$top": "65"}
    first = site.client.get(GL_ACCOUNTS, params=parameters).json()["d"]
    assert "$top=5" in first["__next"]
    second = site.client.get(first["__next"]).json()["d"]
    codes = [row["Code"] for row in first["results"] + second]
    assert codes == sorted(codes, reverse=direction == "desc")
    assert len(set(codes)) == 65


def test_a_small_top_answers_a_bare_list(site: Site) -> None:
    rows = site.client.get(GL_ACCOUNTS, params={"$top": "1", "$select": "Code"}).json()["d"]
    assert [row["Code"] for row in rows] == ["4406"]


@pytest.mark.parametrize("address", [ACCOUNTS, ITEMS])
def test_accounts_and_items_require_a_filter(site: Site, address: str) -> None:
    answer = site.client.get(address)
    assert answer.status_code == 400
    assert "mandatory filtering" in message(answer)
    site.simulator.policy.mandatory_filter = False
    assert site.client.get(address).status_code == 200


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("Code eq '11'", 0),
        ("Code eq '                11'", 1),
        ("trim(Code) eq '11'", 1),
        ("substringof('Paper',Name) and IsSupplier eq true", 1),
        ("substringof('paper',Name) eq true and Blocked eq false", 0),
        ("(Name eq 'O''Hara' or Name eq 'Northern Paper') and Blocked ne true", 1),
        ("Modified gt datetime'2026-06-25T14:28:09' and ID ne null", 1),
        ("Modified gt datetime'2026-06-25T14:28:10.001'", 0),
        (f"ID eq guid'{NOBODY}'", 0),
        ("not (Name eq 'Northern Paper')", 0),
    ],
)
def test_filters(site: Site, wanted: str, found: int) -> None:
    answer = site.client.get(ACCOUNTS, params={"$filter": wanted, "$select": "ID"})
    assert len(answer.json()["d"]["results"]) == found


@pytest.mark.parametrize(
    "wanted",
    [
        "Name eq",
        "Nonsense eq 1",
        "Name eq 1",
        "ID eq 'x'",
        "Name ~ 'x'",
        "Name eq 'x' Name",
        "(" * 5000,
    ],
)
def test_invalid_filters(site: Site, wanted: str) -> None:
    answer = site.client.get(ACCOUNTS, params={"$filter": wanted})
    assert (answer.status_code, message(answer)) == (400, "Error in query syntax.")


def test_a_bad_guid_gets_the_published_body(site: Site) -> None:
    answer = site.client.get(ACCOUNTS, params={"$filter": "ID eq guid'dsadsds'"})
    assert answer.content == (
        b'{\r\n"error": {\r\n"code": "", "message": {\r\n"lang": "", "value": '
        b"\"Unrecognized 'Edm.Guid' literal 'guid'dsadsds'' in '6'.\"\r\n}\r\n}\r\n}"
    )


def test_codes_are_padded_and_dates_are_the_wall_clock(site: Site) -> None:
    site.simulator.add_supplier(DIVISION, "Papier du Sud", Country="FR")
    query = {"$filter": "Country eq 'FR '", "$select": "Code,Country,Created"}
    [row] = site.client.get(ACCOUNTS, params=query).json()["d"]["results"]
    assert (row["Code"], row["Country"]) == ("12".rjust(18), "FR ")
    assert row["Created"] == f"/Date({int(SUMMER_NOON + 7200) * 1000})/"
    vat = site.client.get(f"/api/v1/{DIVISION}/vat/VATCodes").json()["d"]["results"]
    assert [code["Code"] for code in vat] == ["2  "]


def test_me_is_a_list_of_one_with_the_server_time(site: Site) -> None:
    [user] = site.client.get("/api/v1/current/Me").json()["d"]["results"]
    assert (user["ServerTime"], user["ServerUtcOffset"]) == ("2026-06-25T14:28:10", 7200)
    assert user["CurrentDivision"] == DIVISION


def test_an_unknown_division_is_forbidden(site: Site) -> None:
    answer = site.client.get("/api/v1/999/financial/GLAccounts")
    assert answer.status_code == 403
    assert message(answer) == "Forbidden - User division is not within division scope."
    site.simulator.policy.denied.add("webhooks/WebhookSubscriptions")
    denied = site.client.get(SUBSCRIPTIONS)
    assert "'organization.administration' scope" in message(denied)


@pytest.mark.parametrize(
    "address", [f"{ORDERS}(guid'{NOBODY}')", f"/api/v1/{DIVISION}/no/Such", "/elsewhere"]
)
def test_unknown_paths(site: Site, address: str) -> None:
    assert site.client.get(address).status_code == 404


# Writing


def test_an_order_is_answered_in_full_with_its_lines_deferred(site: Site) -> None:
    answer = site.post({"VATCode": "2", "Notes": "n"}, YourRef="PO-7", OrderDate="2026-06-24")
    order = answer.json()["d"]
    assert answer.status_code == 201
    assert order["YourRef"] == "PO-7"
    assert order["OrderDate"] == "/Date(1782259200000)/"
    assert (order["OrderStatus"], order["Source"], order["Currency"]) == (10, 11, "EUR")
    assert order["PurchaseOrderLines"]["__deferred"]["uri"].endswith("/PurchaseOrderLines")
    lines = site.client.get(order["PurchaseOrderLines"]["__deferred"]["uri"]).json()
    assert [line["LineNumber"] for line in lines["d"]["results"]] == [1]
    opened = site.client.get(answer.headers["Location"], params={"$expand": "PurchaseOrderLines"})
    assert len(opened.json()["d"]["PurchaseOrderLines"]["results"]) == 1


def test_vat_is_added_or_contained_as_its_code_says(site: Site) -> None:
    site.simulator.add_vat_code(DIVISION, "I21", 0.21, kind="I")
    site.simulator.add_vat_code(DIVISION, "R", 0.21, Charged=True)
    for code, gross, vat in [("2", 24.32, 4.22), ("I21", 20.1, 3.49), ("R", 20.1, 0.0)]:
        order = site.post({"VATCode": code}).json()["d"]
        assert (order["AmountFC"], order["VATAmount"]) == (gross, vat)


def test_your_ref_can_be_searched_unless_the_site_refuses(site: Site) -> None:
    site.post(YourRef="PO-7")
    query = {"$filter": "YourRef eq 'PO-7'", "$select": "PurchaseOrderID"}
    assert len(site.client.get(ORDERS, params=query).json()["d"]["results"]) == 1
    site.simulator.policy.your_ref_filter = False
    assert site.client.get(ORDERS, params=query).status_code == 400


@pytest.mark.parametrize(
    ("header", "line", "text"),
    [
        ({"Nonsense": 1}, {}, "The property name 'Nonsense' is not valid"),
        ({}, {"GLAccount": NOBODY}, "The property name 'GLAccount' is not valid"),
        ({"Supplier": "x"}, {}, "Error in converting value for property Supplier to type Guid"),
        ({"OrderDate": "soon"}, {}, "property OrderDate to type DateTime"),
        ({"OrderDate": "0001-01-01"}, {}, "property OrderDate to type DateTime"),
        ({}, {"UnitPrice": 1e300}, "property UnitPrice to type Double"),
        ({"YourRef": 7}, {}, "property YourRef to type String"),
        ({"OrderNumber": 1.5}, {}, "property OrderNumber to type Int32"),
        ({}, {"QuantityInPurchaseUnits": "2"}, "QuantityInPurchaseUnits to type Double"),
        ({"PurchaseOrderLines": {}}, {}, "property PurchaseOrderLines to type Collection"),
    ],
)
def test_fields_are_checked(
    site: Site, header: dict[str, Any], line: dict[str, Any], text: str
) -> None:
    answer = site.post(line, **header)
    assert answer.status_code == 400
    assert text in message(answer)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"null", b"[" * 100_000])
def test_invalid_bodies(site: Site, body: bytes) -> None:
    answer = site.client.post(ORDERS, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert message(answer).startswith("Error processing request stream.")


def test_read_only_fields_are_ignored(site: Site) -> None:
    order = site.post({"LineNumber": 9}, OrderStatus=40, AmountFC=1).json()["d"]
    assert (order["OrderStatus"], order["AmountFC"]) == (10, 20.1)


@pytest.mark.parametrize(
    ("header", "line", "text"),
    [
        ({"Supplier": None}, {}, "Mandatory: Supplier"),
        ({"PurchaseOrderLines": []}, {}, "Mandatory: Lines"),
        ({}, {"QuantityInPurchaseUnits": None}, "Mandatory: Quantity"),
        ({"Supplier": NOBODY}, {}, "Invalid reference: Supplier"),
        ({}, {"Item": NOBODY}, "Invalid reference: Item"),
        ({}, {"CostUnit": "X"}, "Invalid reference: Cost unit"),
        ({"PaymentCondition": "X"}, {}, "Invalid reference: Payment condition"),
        ({"Currency": "USD"}, {}, "Invalid reference: Currency"),
        ({"YourRef": "x" * 41}, {}, "Invalid: Your ref. - Too many characters"),
        ({}, {"UnitPrice": None}, "Not found: Purchase price"),
    ],
)
def test_orders_that_break_a_rule(
    site: Site, header: dict[str, Any], line: dict[str, Any], text: str
) -> None:
    answer = site.post(line, **header)
    assert (answer.status_code, message(answer)) == (500, text)
    assert not site.simulator.purchase_orders(DIVISION)


@pytest.mark.parametrize(
    ("endpoint", "fields", "text"),
    [
        ("crm/Accounts", {"Blocked": True}, "Geblokkeerd: Leverancier"),
        ("financial/GLAccounts", {"IsBlocked": True}, "Geblokkeerd: Grootboekrekening"),
        ("financial/GLAccounts", {"UseCostcenter": 1}, "Verplicht: Kostenplaats"),
        ("logistics/Items", {"IsPurchaseItem": False}, "Verplicht: Inkoop"),
        ("logistics/Items", {"EndDate": "/Date(1)/"}, "Artikel: Non actief"),
        ("logistics/Items", {"StartDate": "/Date(1900000000000)/"}, "Artikel: Toekomstig"),
        ("vat/VATCodes", {"IsBlocked": True}, "Geblokkeerd: Btw code"),
    ],
)
def test_reference_data_can_forbid_an_order(
    site: Site, endpoint: str, fields: dict[str, Any], text: str
) -> None:
    site.simulator.world.language = "NL"
    [key] = site.simulator.world.divisions[DIVISION].table(endpoint)
    site.simulator.change(DIVISION, endpoint, key, **fields)
    answer = site.post({"VATCode": "2"})
    assert (answer.status_code, message(answer)) == (500, text)


@pytest.mark.parametrize(
    ("language", "text"),
    [("DE", "Gesperrt: Lieferant"), ("FR", "Bloqué : Fournisseur"), ("EN", "Blocked: Supplier")],
)
def test_business_errors_are_in_the_users_language(site: Site, language: str, text: str) -> None:
    site.simulator.world.language = language
    site.simulator.change(DIVISION, "crm/Accounts", site.supplier, Blocked=True)
    assert message(site.post()) == text


def test_a_division_may_require_that_item_and_supplier_are_linked(site: Site) -> None:
    site.simulator.world.divisions[DIVISION].requires_supplier_items = True
    assert message(site.post()) == "The item and the supplier are not linked"
    site.simulator.add_supplier_item(DIVISION, site.supplier, site.item, 7.5)
    order = site.post({"UnitPrice": None}).json()["d"]
    assert order["AmountFC"] == 15.0


def test_accounts_and_items_answer_nulls_unless_asked_for_more(site: Site) -> None:
    short = site.client.post(ACCOUNTS, json={"Name": "Terse", "IsSupplier": True})
    assert (short.status_code, short.json()["d"]["Name"]) == (201, None)
    assert short.json()["d"]["ID"]
    prefer = {"Prefer": "return=representation"}
    full = site.client.post(ITEMS, json={"Code": "A", "Description": "B"}, headers=prefer)
    assert full.json()["d"]["Description"] == "B"


def test_codes_are_unique(site: Site) -> None:
    site.simulator.world.language = "NL"
    answer = site.client.post(ITEMS, json={"Code": "GL4406", "Description": "Again"})
    assert (answer.status_code, message(answer)) == (500, "Gegeven bestaat reeds.")


def test_changes_and_deletions_answer_empty(site: Site) -> None:
    order = site.post({}, {"Notes": "second"}).json()["d"]["PurchaseOrderID"]
    address = f"{ORDERS}(guid'{order}')"
    changed = site.client.put(address, json={"Description": "new"})
    assert (changed.status_code, changed.content) == (204, b"")
    first, second = site.simulator.purchase_orders(DIVISION)[0]["lines"]
    assert site.client.delete(f"{LINES}(guid'{first['ID']}')").status_code == 204
    assert site.client.delete(f"{LINES}(guid'{second['ID']}')").status_code == 500
    assert site.client.delete(address).status_code == 204
    assert not site.simulator.purchase_orders(DIVISION)


def test_a_line_can_be_changed_but_not_posted(site: Site) -> None:
    order = site.post({"VATCode": "2"}).json()["d"]["PurchaseOrderID"]
    alone = {"PurchaseOrderID": order, "Item": site.item, "QuantityInPurchaseUnits": 1}
    assert site.client.post(LINES, json=alone).status_code == 500
    [line] = site.simulator.purchase_orders(DIVISION)[0]["lines"]
    changed = site.client.put(f"{LINES}(guid'{line['ID']}')", json={"UnitPrice": 20})
    assert changed.status_code == 204
    assert site.simulator.purchase_orders(DIVISION)[0]["AmountFC"] == 48.4


def test_a_received_order_cannot_be_deleted(site: Site) -> None:
    order = site.post().json()["d"]["PurchaseOrderID"]
    site.simulator.receive(DIVISION, order)
    assert site.client.delete(f"{ORDERS}(guid'{order}')").status_code == 500


# Sync


def test_sync_returns_headers_and_lines_and_stamps_both_on_a_change(site: Site) -> None:
    site.simulator.add_cost_centre(DIVISION, "K1")
    order = site.post({"CostCenter": "K1"}, YourRef="PO-7").json()["d"]["PurchaseOrderID"]
    rows = site.client.get(SYNC_ORDERS, params={"$filter": "Timestamp gt 1L"}).json()
    header, line = rows["d"]["results"]
    assert (header["LineNumber"], header["YourRef"], line["LineNumber"]) == (0, "PO-7", 1)
    assert (line["CostCenterCode"], len(line["CostCenter"])) == ("K1", 36)
    last = line["Timestamp"]
    after = {"$filter": f"Timestamp gt {last}L"}
    assert site.client.get(SYNC_ORDERS, params=after).json()["d"]["results"] == []
    site.client.put(f"{ORDERS}(guid'{order}')", json={"Description": "new"})
    assert len(site.client.get(SYNC_ORDERS, params=after).json()["d"]["results"]) == 2


def test_sync_refuses_other_filters_and_a_star(site: Site) -> None:
    for parameters in ({"$filter": "YourRef eq 'x'"}, {"$select": "*"}):
        assert site.client.get(SYNC_ORDERS, params=parameters).status_code == 400


def test_sync_pages_by_row_version(site: Site) -> None:
    site.simulator.policy.sync_page_size = 2
    for number in range(4):
        site.simulator.add_supplier(DIVISION, f"Supplier {number}")
    address: str | None = f"/api/v1/{DIVISION}/sync/CRM/Accounts?$filter=Timestamp gt 1L"
    stamps: list[int] = []
    while address:
        page = site.client.get(address).json()["d"]
        stamps += [row["Timestamp"] for row in page["results"]]
        address = page.get("__next")
    assert (len(stamps), stamps) == (5, sorted(stamps))


def test_deletions_are_listed_for_two_months(site: Site) -> None:
    order = site.post().json()["d"]["PurchaseOrderID"]
    site.client.delete(f"{ORDERS}(guid'{order}')")
    address = f"/api/v1/{DIVISION}/sync/Deleted"
    [deletion] = site.client.get(address).json()["d"]["results"]
    assert (deletion["EntityKey"], deletion["EntityType"]) == (order, 22)
    site.clock.move(62 * 86_400)
    site.use_tokens(site.simulator.issue_tokens())
    assert site.client.get(address).json()["d"]["results"] == []


def test_a_sync_can_start_at_a_date(site: Site) -> None:
    site.clock.move(60)
    site.post()
    query = {"modified": "datetime'2026-06-25T14:28:30'", "endPoint": "'PurchaseOrders'"}
    start = site.client.get(f"/api/v1/{DIVISION}/read/sync/Sync/SyncTimestamp", params=query)
    version = start.json()["d"]["TimeStampAsBigInt"]
    accounts = {"$filter": f"Timestamp gt {version}L"}
    assert len(site.client.get(SYNC_ORDERS, params=accounts).json()["d"]["results"]) == 2
    older = site.client.get(f"/api/v1/{DIVISION}/sync/CRM/Accounts", params=accounts)
    assert older.json()["d"]["results"] == []


# Webhooks


def test_a_subscription_is_checked_with_an_empty_post(site: Site) -> None:
    sent: list[tuple[str, bytes]] = []
    statuses = iter([500, 200])

    def deliver(url: str, body: bytes) -> int:
        sent.append((url, body))
        return next(statuses)

    site.simulator.webhooks.deliver = deliver
    wanted = {"CallbackURL": "https://hooks.example.test/x", "Topic": "PurchaseOrders"}
    refused = site.client.post(SUBSCRIPTIONS, json=wanted)
    assert message(refused) == "Invalid: Post to callback URL endpoint returns 500"
    assert site.client.post(SUBSCRIPTIONS, json=wanted).status_code == 201
    assert message(site.client.post(SUBSCRIPTIONS, json=wanted)) == "Data already exists."
    assert sent == [("https://hooks.example.test/x", b"")] * 2


@pytest.mark.parametrize(
    "wanted",
    [
        {"CallbackURL": "http://hooks.example.test/x", "Topic": "Items"},
        {"CallbackURL": "https://hooks.example.test/x", "Topic": "Weather"},
        {"Topic": "Items"},
    ],
)
def test_subscriptions_that_are_refused(site: Site, wanted: dict[str, str]) -> None:
    assert site.client.post(SUBSCRIPTIONS, json=wanted).status_code == 500


def test_notifications_are_signed_with_the_webhook_secret(site: Site) -> None:
    wanted = {"CallbackURL": "https://hooks.example.test/x", "Topic": "PurchaseOrders"}
    site.client.post(SUBSCRIPTIONS, json=wanted)
    order = site.post().json()["d"]["PurchaseOrderID"]
    [notification] = site.simulator.webhooks.outbox
    content = notification.body[len(b'{"Content":') : notification.body.rindex(b',"HashCode":')]
    key = site.simulator.webhook_secret.encode()
    signature = hmac.new(key, content, hashlib.sha256).hexdigest().upper()
    assert json.loads(notification.body)["HashCode"] == signature
    read = json.loads(content)
    assert (read["Topic"], read["Action"], read["Key"]) == ("PurchaseOrders", "Create", order)
    assert read["Division"] == DIVISION


def test_notifications_can_be_lost_doubled_and_shuffled(site: Site) -> None:
    seen: list[str] = []

    def deliver(_url: str, body: bytes) -> int:
        if body:
            seen.append(json.loads(body)["Content"]["Key"])
        return 200

    hooks = site.simulator.webhooks
    hooks.deliver = deliver
    wanted = {"CallbackURL": "https://hooks.example.test/x", "Topic": "Accounts"}
    site.client.post(SUBSCRIPTIONS, json=wanted)
    hooks.drop, hooks.duplicate, hooks.reorder = 1, 1, True
    keys = [site.simulator.add_supplier(DIVISION, f"Supplier {n}") for n in range(8)]
    assert hooks.pump() == [200] * 8
    assert sorted(seen) == sorted([keys[1], *keys[1:]])
    assert seen != [keys[1], *keys[1:]]


# Faults


def test_a_timeout_may_hide_a_commit_or_not(site: Site) -> None:
    for kind, orders in (("timeout_before_commit", 0), ("timeout_after_commit", 1)):
        site.simulator.faults.append(ExactFault(kind, "POST", "PurchaseOrders"))  # type: ignore[arg-type]
        with pytest.raises(httpx.ReadTimeout):
            site.post()
        assert len(site.simulator.purchase_orders(DIVISION)) == orders
        assert site.simulator.calls[-1].status == 0


@pytest.mark.parametrize(
    ("fault", "status", "headers"),
    [
        (ExactFault("rate_limited_minute"), 429, {"x-ratelimit-minutely-remaining"}),
        (ExactFault("rate_limited_day"), 429, {"x-ratelimit-remaining"}),
        (ExactFault("rate_limited_bare"), 429, set()),
        (ExactFault("unauthorized"), 401, set()),
        (ExactFault("unavailable"), 503, set()),
        (ExactFault("server_error", status=502), 502, set()),
        (ExactFault("forbidden"), 403, set()),
        (ExactFault("page", status=403), 403, set()),
    ],
)
def test_faults_replace_the_answer(
    site: Site, fault: ExactFault, status: int, headers: set[str]
) -> None:
    site.simulator.faults.append(fault)
    answer = site.post()
    assert answer.status_code == status
    assert {name for name in answer.headers if name.endswith("remaining")} == headers
    assert not site.simulator.purchase_orders(DIVISION)
    assert site.post().status_code == 201


def test_a_garbage_answer_is_committed(site: Site) -> None:
    site.simulator.faults.append(ExactFault("garbage"))
    answer = site.post()
    with pytest.raises(ValueError, match=r"."):
        answer.json()
    assert len(site.simulator.purchase_orders(DIVISION)) == 1


def test_a_slow_answer_exceeds_a_short_timeout(site: Site) -> None:
    site.simulator.faults.extend([ExactFault("slow", seconds=9), ExactFault("slow", seconds=9)])
    with pytest.raises(httpx.ReadTimeout):
        site.post()
    assert site.client.get("/api/v1/current/Me", timeout=10).status_code == 200


def test_a_hook_decides_call_by_call(site: Site) -> None:
    def on_call(request: Request) -> ExactFault | None:
        return ExactFault("unavailable") if request.method == "POST" else None

    site.simulator.on_call = on_call
    assert site.post().status_code == 503
    assert site.client.get("/api/v1/current/Me").status_code == 200
    assert [(call.method, call.status) for call in site.simulator.calls] == [
        ("POST", 503),
        ("GET", 200),
    ]


def test_the_same_seed_gives_the_same_site() -> None:
    def built() -> tuple[str, ...]:
        simulator = ExactSimulator(MovableClock(SUMMER_NOON), random.Random(3))
        simulator.add_division(DIVISION)
        supplier = simulator.add_supplier(DIVISION, "Same")
        return simulator.client_id, supplier, simulator.issue_tokens()["refresh_token"]

    assert built() == built()


# Over a socket


@dataclass
class Subscriber:
    """An HTTP server that records the bodies posted to it."""

    url: str
    bodies: list[bytes]
    received: threading.Event


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    """Serve a webhook endpoint on loopback."""
    made = Subscriber("", [], threading.Event())

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            made.bodies.append(body)
            self.send_response(200)
            self.end_headers()
            if body:
                made.received.set()

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


def test_orders_and_notifications_over_a_socket(subscriber: Subscriber) -> None:
    simulator = ExactSimulator(MovableClock(SUMMER_NOON))
    with (
        serve(simulator) as base_url,
        notifying(simulator),
        httpx.Client(base_url=base_url) as client,
    ):
        _add_through_controls(client)
        token = client.post("/_control/tokens").json()["access_token"]
        client.headers.update({"Authorization": f"Bearer {token}", "Accept": "application/json"})
        wanted = {"CallbackURL": subscriber.url, "Topic": "Accounts"}
        assert client.post(SUBSCRIPTIONS, json=wanted).status_code == 201
        made = client.post(ACCOUNTS, json={"Name": "Over the wire"})
        assert made.json()["d"]["__metadata"]["uri"].startswith(base_url)
        assert subscriber.received.wait(10)
        key = made.json()["d"]["ID"]
        changed = client.put(f"{ACCOUNTS}(guid'{key}')", json={"City": "Ghent"})
        assert changed.status_code == 204
        assert client.get("/_control/calls").json()[-1]["status"] == 204
    assert subscriber.bodies[0] == b""


def _add_through_controls(client: httpx.Client) -> None:
    assert client.post("/_control/add", json={"what": "division", "code": DIVISION}).is_success
    supplier = {"what": "supplier", "division": DIVISION, "name": "Controlled"}
    assert client.post("/_control/add", json=supplier).json()["id"]
    for wrong, said in {
        "weather": "what is one of ",
        "division": "a division needs code: it takes code, ",
        "cost_unit": "a cost unit has no colour: it takes division, code, description",
        "supplier": "a supplier needs division, name: ",
    }.items():
        sent = {"what": wrong} | ({"colour": "red"} if wrong == "cost_unit" else {})
        answer = client.post("/_control/add", json=sent)
        assert (answer.status_code, answer.json()["error"][: len(said)]) == (400, said)
    assert client.post("/_control/clock", json={"seconds": 60}).json()["now"] == SUMMER_NOON + 60


def test_a_suppressed_answer_closes_the_connection() -> None:
    simulator = ExactSimulator(MovableClock(SUMMER_NOON))
    simulator.add_division(DIVISION)
    with serve(simulator) as base_url, httpx.Client(base_url=base_url) as client:
        fault = {"kind": "timeout_after_commit", "path": "Me"}
        assert client.post("/_control/fault", json=fault).json() == {"waiting": 1}
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/api/v1/current/Me")
        assert client.get("/api/v1/current/Me").status_code == 401


def test_a_fault_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown fault"):
        ExactFault("meteor")  # type: ignore[arg-type]
