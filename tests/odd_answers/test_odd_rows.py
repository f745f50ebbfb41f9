"""Exact returns one row that cannot be read, or an empty listing."""

import re
from dataclasses import dataclass
from typing import Any

import pytest

from local.exact_simulator.faults import ExactFault
from local.firm import BE, NL
from local.in_memory.environment import InMemoryEnvironment
from local.simulator import Request, Response
from ml_connector.connections import token_refresh
from ml_connector.domain.faults import Problem
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.reference_data.refresh import refresh
from tests.odd_answers.hostile import (
    ORDERS,
    alter,
    answer_by,
    asks_for,
    exceptions,
    find_row,
    full_text,
    record_crashes,
    rows_in,
)


@dataclass(frozen=True)
class OddRow:
    """One row of the table, read from `path`, with an invalid `value` in `field`."""

    table: str
    path: str
    by: str
    name: str
    field: str
    value: Any
    touched: str
    """A field to change, so that the row is read again."""


ODD_ROWS = {
    "a supplier that ends with the calendar": OddRow(
        "crm/Accounts", "sync/CRM/Accounts", "Name", "Cloudwerk", "EndDate",
        "9999-12-31T00:00:00", "City",
    ),
    "a supplier that ends soon": OddRow(
        "crm/Accounts", "sync/CRM/Accounts", "Name", "Cloudwerk", "EndDate",
        "/Date(soon)/", "City",
    ),
    "a supplier without a key": OddRow(
        "crm/Accounts", "sync/CRM/Accounts", "Name", "Cloudwerk", "ID", "", "City",
    ),
    "an account with a text for a number": OddRow(
        "financial/GLAccounts", "sync/Financial/GLAccounts", "Code", "4400", "UseCostcenter",
        "perhaps", "Description",
    ),
    "an item with a code for an account's key": OddRow(
        "logistics/Items", "sync/Logistics/Items", "Code", "COST-4400", "GLCosts",
        "4400", "Description",
    ),
    "a cost centre that ends with the calendar": OddRow(
        "hrm/Costcenters", "hrm/Costcenters", "Code", "OPS", "EndDate",
        "9999-12-31T00:00:00", "Description",
    ),
}  # fmt: skip


class ReadCount:
    """Counts how often the odd row was read: otherwise a test proves nothing."""

    def __init__(self) -> None:
        self.times = 0

    def check(self) -> None:
        if not self.times:
            raise RuntimeError("the odd row was never read")


def return_odd_row(env: InMemoryEnvironment, odd: OddRow) -> ReadCount:
    """Make Exact's Dutch division return the odd row from now on."""
    key = find_row(env, NL.division, odd.table, odd.by, odd.name)["ID"]
    reads = ReadCount()

    def change(request: Request, value: Any) -> None:
        if not asks_for(request, odd.path, NL.division):
            return
        for row in rows_in(value):
            if str(row.get(odd.by, "")).strip() == odd.name:
                row[odd.field] = odd.value
                reads.times += 1

    alter(env, change)
    env.exact.change(NL.division, odd.table, key, **{odd.touched: "Changed"})
    return reads


def wait_a_day(env: InMemoryEnvironment) -> None:
    for _ in range(10):
        env.wait(hours=3)


def read_for_a_day(env: InMemoryEnvironment, odd: OddRow) -> list[str]:
    """Return the odd row for more than a day; return how workers crashed."""
    env.connect()
    crashes = record_crashes(env, ValueError)
    reads = return_odd_row(env, odd)
    wait_a_day(env)
    reads.check()
    return crashes


READABLE = [name for name in ODD_ROWS if name.endswith("with the calendar")]
UNREADABLE = [name for name in ODD_ROWS if name not in READABLE]


@pytest.mark.parametrize("name", ODD_ROWS)
def test_the_rest_of_the_division_is_not_stopped(env: InMemoryEnvironment, name: str) -> None:
    read_for_a_day(env, ODD_ROWS[name])
    if env.post(env.order("PO-BE", BE)).state != "posted":
        raise RuntimeError("another division has stopped")
    assert env.post(env.order("PO-NL", vendor="Expo Partners")).state == "posted"


@pytest.mark.parametrize("name", UNREADABLE)
def test_the_row_is_an_exception(env: InMemoryEnvironment, name: str) -> None:
    odd = ODD_ROWS[name]
    crashes = read_for_a_day(env, odd)
    assert crashes == []
    assert any(odd.name in full_text(problem) for problem in exceptions(env)), (
        "no exception names it"
    )


@pytest.mark.parametrize("name", READABLE)
def test_a_row_in_another_date_form_is_read(env: InMemoryEnvironment, name: str) -> None:
    assert read_for_a_day(env, ODD_ROWS[name]) == []
    assert exceptions(env) == []
    tags = [env.airbase.tag("Department", "OPS")]
    lines = [env.airbase.line("4100", "10.00", "x", tags=tags)]
    assert env.post(env.order("PO-NL", lines=lines)).state == "posted"


ENDS_SOON = ODD_ROWS["a supplier that ends soon"]
KEYLESS = ODD_ROWS["a supplier without a key"]


def notes(env: InMemoryEnvironment) -> list[Problem]:
    return [each for each in exceptions(env) if each.code == "EXACT_ROW_UNREADABLE"]


def test_an_order_that_needs_the_row_is_an_exception_with_its_reason(
    env: InMemoryEnvironment,
) -> None:
    read_for_a_day(env, ENDS_SOON)
    order = env.order("PO-NL")
    assert env.post(order).state == "review"
    (found,) = env.record(order).problems
    assert found.code == "EXACT_RECORD_UNREADABLE"
    assert "Cloudwerk: EndDate is '/Date(soon)/', not a date" in found.cause


def test_a_row_is_one_exception_however_often_it_is_read(env: InMemoryEnvironment) -> None:
    read_for_a_day(env, ENDS_SOON)
    (found,) = notes(env)
    assert "sync/CRM/Accounts" in found.cause
    assert f"division {NL.key}" in found.cause
    ledger = env.services_of().ledger
    trail = ledger.trail(ledger.division(NL.key).key)
    assert [entry.step for entry in trail] == ["read"]


@pytest.mark.parametrize("odd", [ENDS_SOON, KEYLESS])
def test_it_is_closed_when_the_row_can_be_read_and_its_orders_go_on(
    env: InMemoryEnvironment, odd: OddRow
) -> None:
    read_for_a_day(env, odd)
    order = env.order("PO-NL")
    env.post(order)
    answer_by(env, lambda _: None)
    wait_a_day(env)
    assert exceptions(env) == []
    assert env.record(order).state == "posted"


def test_it_is_closed_when_the_record_is_deleted(env: InMemoryEnvironment) -> None:
    env.connect()
    key = env.exact.add_supplier(NL.division, "Mayfly")

    def spoil(_: Request, value: Any) -> None:
        for row in rows_in(value):
            if row.get("ID") == key:
                row["City"] = []

    alter(env, spoil)
    env.wait(hours=5)
    assert "Mayfly" in notes(env)[0].record
    env.exact.remove(NL.division, "crm/Accounts", key)
    env.wait(hours=5)
    assert exceptions(env) == []


def test_a_person_may_have_it_read_again_at_once(env: InMemoryEnvironment) -> None:
    read_for_a_day(env, ENDS_SOON)
    answer_by(env, lambda _: None)
    refresh(env.services_of(), NL.key, everything=True)
    assert exceptions(env) == []


def test_of_many_rows_some_are_listed_and_the_rest_is_counted(env: InMemoryEnvironment) -> None:
    for number in range(30):
        env.exact.add_gl_account(NL.division, f"9{number:03}", "Odd")

    def spoil(_: Request, value: Any) -> None:
        for row in rows_in(value):
            if row.get("Description") == "Odd":
                row["IsBlocked"] = "perhaps"

    alter(env, spoil)
    env.connect()
    wait_a_day(env)
    found = exceptions(env)
    assert len([each for each in found if each.code == "EXACT_ROW_UNREADABLE"]) == 20
    (rest,) = [each for each in found if each.code == "EXACT_ROWS_UNREADABLE"]
    assert "from sync/Financial/GLAccounts in division nl.2101: 10." in rest.cause
    answer_by(env, lambda _: None)
    wait_a_day(env)
    assert exceptions(env) == []


def test_a_row_without_a_row_version_neither_holds_nor_resets_the_cursor(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    data = env.services_of().reference_store(NL.key)
    before = data.cursor("sync/CRM/Accounts").timestamp
    for name in ("First", "Second", "Third"):
        env.exact.add_supplier(NL.division, name)

    def spoil(_: Request, value: Any) -> None:
        for row in rows_in(value):
            if row.get("Name") == "Second":
                row["Timestamp"] = None

    alter(env, spoil)
    env.wait(hours=5)
    assert data.cursor("sync/CRM/Accounts").timestamp >= before + 3
    assert [each.name for each in data.all("supplier", Supplier)].count("Second") == 1
    assert "Second" in notes(env)[0].record


@pytest.mark.parametrize("change", [{"Remarks": []}, {"PurchaseOrderID": ""}])
def test_an_order_is_not_posted_again_while_a_row_may_be_it(
    env: InMemoryEnvironment, change: dict[str, Any]
) -> None:
    """Its answer was lost, and the row that would show it cannot be read."""
    env.connect()
    env.exact.faults.append(ExactFault("timeout_after_commit", "POST", ORDERS))

    def spoil(request: Request, value: Any) -> None:
        if request.method == "GET" and asks_for(request, ORDERS, NL.division):
            for row in rows_in(value):
                row.update({name: to for name, to in change.items() if name in row})

    alter(env, spoil)
    order = env.order("PO-1")
    env.post(order)
    for _ in range(4):
        env.wait(minutes=10)
    assert env.codes(order) == ["EXACT_RECORD_UNREADABLE"]
    assert len(env.in_exact()) == 1
    answer_by(env, lambda _: None)
    env.retry(order)
    assert env.record(order).state == "posted"
    assert len(env.in_exact()) == 1


ODD_FORMS: list[Any] = [
    None, {}, [], 7, "text", {"ID": None}, {"ID": {}, "Code": []}, {"Timestamp": "x"},
]  # fmt: skip
ENDPOINTS = [
    "sync/CRM/Accounts", "sync/Financial/GLAccounts", "sync/Logistics/Items",
    "sync/PurchaseOrder/PurchaseOrders", "sync/Deleted", "vat/VATCodes", "hrm/Costcenters",
    "hrm/Costunits", "cashflow/PaymentConditions", "webhooks/WebhookSubscriptions",
]  # fmt: skip


@pytest.mark.parametrize("path", ENDPOINTS)
def test_odd_rows_among_the_others_stop_nothing(env: InMemoryEnvironment, path: str) -> None:
    env.connect()
    crashes = record_crashes(env, Exception)
    added: list[str] = []

    def add(request: Request, value: Any) -> None:
        if request.method == "GET" and asks_for(request, path, NL.division):
            value["d"]["results"] += ODD_FORMS
            added.append(path)

    alter(env, add)
    wait_a_day(env)
    token_refresh.refresh_all(env.services.all(), lambda _name, _value: None)
    order = env.order("PO-NL")
    env.post(order)
    assert added
    assert crashes == []
    assert env.record(order).state == "posted"
    assert any(path in full_text(each) for each in exceptions(env))


# ---------------------------------------------------------------- an emptied listing

LISTINGS = {
    "vat/VATCodes": "UNKNOWN_VAT_CODE",
    "cashflow/PaymentConditions": "UNKNOWN_PAYMENT_CONDITION",
    "hrm/Costcenters": "UNKNOWN_COST_CENTRE",
}


def emptied(env: InMemoryEnvironment, listing: str) -> dict[str, Any]:
    """Return an empty listing for a day; return an order that needs a code."""
    env.connect()
    env.post(env.order("PO-0"))
    read: list[str] = []

    def answer(request: Request) -> Response | None:
        if not (request.method == "GET" and request.path.endswith(listing)):
            return None
        read.append(request.path)
        return Response.of_json(200, {"d": {"results": []}})

    answer_by(env, answer)
    env.wait(hours=25)
    env.wait(minutes=2)
    if not read:
        raise RuntimeError("the listing was not read")
    tags = [env.airbase.tag("Department", "MKT")]
    order = env.order("PO-1", lines=[env.airbase.line("4100", "10.00", "x", tags=tags)])
    env.post(order)
    return order


@pytest.mark.parametrize("listing", LISTINGS)
def test_an_emptied_listing_is_ignored(env: InMemoryEnvironment, listing: str) -> None:
    order = emptied(env, listing)
    assert LISTINGS[listing] not in env.codes(order)
    assert env.record(order).state == "posted"


@pytest.mark.parametrize("listing", LISTINGS)
def test_an_emptied_listing_is_an_exception_about_a_missing_right(
    env: InMemoryEnvironment, listing: str
) -> None:
    emptied(env, listing)
    texts = [f"{problem.cause} {problem.remedy}" for problem in exceptions(env)]
    assert any(re.search(r"\brights?\b", text, re.IGNORECASE) for text in texts), texts


def test_an_odd_link_of_item_and_supplier_is_an_exception_and_stops_no_order(
    env: InMemoryEnvironment,
) -> None:
    env.exact.world.divisions[NL.division].requires_supplier_items = True
    env.connect(**env.config(link_supplier_items=True))
    assert env.post(env.order("PO-1")).state == "posted"

    def spoil(request: Request, value: Any) -> None:
        if asks_for(request, "sync/Logistics/SupplierItem"):
            for row in rows_in(value):
                if "Item" in row:
                    row["Item"] = 4711

    alter(env, spoil)
    lines = [env.airbase.line("4200", "80.00", "Paper")]
    assert env.post(env.order("PO-2", lines=lines)).state == "posted"
    assert "EXACT_ROW_UNREADABLE" in [found.code for found in exceptions(env)]
