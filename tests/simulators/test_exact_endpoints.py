"""The simulator of Exact has every known endpoint, and rules that differ by country."""

import httpx
import pytest

from local.exact_simulator.fields import FIELDS, METHODS
from tests.simulators.exact_site import DIVISION, LINES, ORDERS, Opened, message, open_site

IN_DIVISIONS = sorted(set(METHODS) - {"current/Me", "read/sync/Sync/SyncTimestamp"})
LISTS = ["system/Divisions", "system/AllDivisions", "hrm/Divisions"]
FILTERS = {
    "crm/Accounts": {"$filter": "IsSupplier eq true"},
    "logistics/Items": {"$filter": "IsPurchaseItem eq true"},
    "logistics/SupplierItem": {"$filter": "ID ne null"},
}


@pytest.fixture
def site() -> Opened:
    return open_site()


def rows(answer: httpx.Response) -> list[dict[str, object]]:
    assert answer.status_code == 200, answer.text
    found = answer.json()["d"]
    return list(found["results"] if isinstance(found, dict) else found)


@pytest.mark.parametrize("endpoint", IN_DIVISIONS)
def test_every_endpoint_answers_a_list_that_is_empty_without_rows(endpoint: str) -> None:
    opened = open_site()
    opened.simulator.add_division(202)
    for table in opened.simulator.world.divisions[202].rows.values():
        table.clear()
    opened.simulator.world.divisions[202].stamps.clear()
    chosen = {"$select": next(iter(FIELDS[endpoint]))}
    answer = opened.get(endpoint, {**chosen, **FILTERS.get(endpoint, {})}, division=202)
    expected = [101, 202] if endpoint in LISTS else []
    assert [row["Code"] for row in rows(answer)] == expected


def test_the_field_list_has_the_known_endpoints() -> None:
    assert len(IN_DIVISIONS) == 43
    assert {"documents/Documents", "purchaseentry/PurchaseEntries", "sales/ShippingMethods"} <= set(
        IN_DIVISIONS
    )


@pytest.mark.parametrize("path", ["crm/Nonsense", "crm/accounts", "system/Users", "Divisions"])
def test_other_endpoints_are_not_there(site: Opened, path: str) -> None:
    assert site.get(path).status_code == 404


def test_endpoints_without_rules_keep_what_is_sent(site: Opened) -> None:
    documents = f"/api/v1/{DIVISION}/documents/Documents"
    refused = site.client.post(documents, json={"Type": 20})
    assert message(refused) == "Mandatory: Subject"
    made = site.client.post(documents, json={"Subject": "Quote", "Type": 20}).json()["d"]
    [row] = rows(site.get("documents/Documents", {"$filter": f"ID eq guid'{made['ID']}'"}))
    assert (row["Subject"], row["Type"]) == ("Quote", 20)


def test_bulk_endpoints_want_a_select_and_come_in_pages_of_a_thousand(site: Opened) -> None:
    for number in range(70):
        site.simulator.add_gl_account(DIVISION, str(5000 + number), "Costs")
    bulk = "bulk/Financial/GLAccounts"
    assert message(site.get(bulk)).startswith("Please add a $select")
    assert len(rows(site.get(bulk, {"$select": "Code"}))) == 71
    wanted = {"$select": "Code", "$filter": "Code eq '5003'"}
    assert [row["Code"] for row in rows(site.get(bulk, wanted))] == ["5003"]


# Divisions


@pytest.mark.parametrize("endpoint", LISTS)
def test_lists_of_divisions_have_all_but_the_virtual_one(endpoint: str) -> None:
    opened = open_site()
    opened.simulator.add_division(10_000_007, "BE", description="Premium")
    opened.simulator.add_division(10_000_001, description="HQ", is_virtual=True)
    listed = rows(opened.get(endpoint))
    assert [(row["Code"], row["Country"]) for row in listed] == [(101, "NL "), (10_000_007, "BE ")]
    filtered = opened.get(endpoint, {"$filter": "Code eq 10000007"}, division=10_000_007)
    assert [row["Description"] for row in rows(filtered)] == ["Premium"]
    inside = rows(opened.get(endpoint, division=10_000_001))
    assert [row["Code"] for row in inside] == [101, 10_000_007]


def test_only_the_lists_of_the_system_say_when_a_division_was_moved(site: Opened) -> None:
    site.simulator.world.move(site.simulator.world.divisions[DIVISION])
    [row] = rows(site.get("system/Divisions", {"$select": "DivisionMoveDate"}))
    assert row["DivisionMoveDate"]
    assert site.get("hrm/Divisions", {"$select": "DivisionMoveDate"}).status_code == 400


def test_a_virtual_division_shows_nothing_and_takes_nothing() -> None:
    opened = open_site()
    opened.simulator.add_division(10_000_001, description="HQ", is_virtual=True)
    assert rows(opened.get("vat/VATCodes", division=10_000_001)) == []
    body = {"Code": "9", "Description": "None"}
    assert opened.client.post("/api/v1/10000001/vat/VATCodes", json=body).status_code == 403


# Payment conditions


@pytest.mark.parametrize(
    ("country", "is_required", "status"),
    [("DE", True, 500), ("ES", True, 500), ("NL", True, 201), ("DE", False, 201)],
)
def test_orders_in_some_countries_need_a_payment_condition(
    *, country: str, is_required: bool, status: int
) -> None:
    opened = open_site(country=country)
    opened.simulator.policy.payment_condition_required = is_required
    opened.simulator.world.language = "DE"
    answer = opened.post_order()
    assert answer.status_code == status
    if status == 500:
        assert message(answer) == "Obligatorisch: Zahlungsbedingung"
    opened.simulator.add_payment_condition(DIVISION, "30")
    assert opened.post_order(PaymentCondition="30").status_code == 201


def test_the_suppliers_own_payment_condition_is_enough() -> None:
    opened = open_site(country="DE")
    opened.simulator.policy.payment_condition_required = True
    opened.simulator.add_payment_condition(DIVISION, "14")
    opened.simulator.change(
        DIVISION, "crm/Accounts", opened.supplier, PaymentConditionPurchase="14"
    )
    assert opened.post_order().json()["d"]["PaymentCondition"] == "14"


# Modified


def _stamps(opened: Opened) -> dict[str, int]:
    division = opened.simulator.world.divisions[DIVISION]
    return {key: stamp for path in (ORDERS, LINES) for key, stamp in division.stamps[path].items()}


@pytest.mark.parametrize("by", ["api", "user"])
def test_a_change_of_a_line_stamps_the_order_again_but_leaves_its_modified(
    site: Opened, by: str
) -> None:
    order = site.post_order().json()["d"]["PurchaseOrderID"]
    [before] = site.simulator.purchase_orders(DIVISION)
    stamps = _stamps(site)
    site.clock.move(300)
    line = before["lines"][0]["ID"]
    if by == "api":
        address = f"/api/v1/{DIVISION}/{LINES}(guid'{line}')"
        assert site.client.put(address, json={"UnitPrice": 12}).status_code == 204
    else:
        site.simulator.change(DIVISION, LINES, line, Notes="By hand")
    [after] = site.simulator.purchase_orders(DIVISION)
    assert after["Modified"] == before["Modified"]
    assert after["lines"][0] != before["lines"][0]
    assert all(stamp > stamps[key] for key, stamp in _stamps(site).items())
    header = f"/api/v1/{DIVISION}/{ORDERS}(guid'{order}')"
    assert site.client.put(header, json={"Description": "New"}).status_code == 204
    [changed] = site.simulator.purchase_orders(DIVISION)
    assert changed["Modified"] != before["Modified"]


def test_a_user_who_changes_a_line_is_told_to_subscribers(site: Opened) -> None:
    site.post_order()
    [order] = site.simulator.purchase_orders(DIVISION)
    wanted = {"CallbackURL": "https://example.test/hook", "Topic": "PurchaseOrders"}
    site.simulator.add(DIVISION, "webhooks/WebhookSubscriptions", **wanted)
    site.simulator.change(DIVISION, LINES, order["lines"][0]["ID"], Notes="By hand")
    told = [(each.action, each.key) for each in site.simulator.webhooks.outbox]
    assert told == [("Update", order["PurchaseOrderID"])]
