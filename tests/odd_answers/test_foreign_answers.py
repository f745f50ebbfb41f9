"""An answer that is about another record, or about none, is not believed."""

from collections.abc import Callable
from typing import Any

import pytest

from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.simulator import Request, Response
from ml_connector.domain.ids import VendorId
from ml_connector.domain.records import posted_facts
from tests.odd_answers.hostile import ORDERS, alter, answer_by, asks_for, page

_OTHER = "7f3c2a10-0000-4000-8000-00000000beef"
_ZERO = "00000000-0000-0000-0000-000000000000"

Change = Callable[[dict[str, Any]], None]


def _become_another(row: dict[str, Any]) -> None:
    row.update(PurchaseOrderID=_OTHER, YourRef="PO-OTHER", Remarks="of somebody else")


def _become_an_item(row: dict[str, Any]) -> None:
    row.clear()
    row.update(ID=_OTHER, Code="20001")


ODD_ANSWERS: dict[str, Change] = {
    "another order": _become_another,
    "another order with our reference": lambda row: row.update(PurchaseOrderID=_OTHER, Remarks=""),
    "no key": lambda row: row.pop("PurchaseOrderID"),
    "an empty key": lambda row: row.update(PurchaseOrderID=None),
    "a key of zeros": lambda row: row.update(PurchaseOrderID=_ZERO),
    "a key that is none": lambda row: row.update(PurchaseOrderID=4711),
    "no remarks": lambda row: row.pop("Remarks"),
    "another entity": _become_an_item,
}


def alter_once(env: InMemoryEnvironment, is_meant: Callable[[Request], bool], by: Change) -> None:
    """Alter the rows of the first answer to a call that is meant."""
    done: list[str] = []

    def change(request: Request, value: Any) -> None:
        inner = value.get("d") if isinstance(value, dict) else None
        rows = inner.get("results", [inner]) if isinstance(inner, dict) else inner
        if done or not rows or not is_meant(request):
            return
        done.append(request.path)
        for row in rows:
            by(row)

    alter(env, change)


def is_creation(request: Request) -> bool:
    return request.method == "POST" and asks_for(request, ORDERS)


@pytest.mark.parametrize("name", ODD_ANSWERS)
def test_the_answer_to_a_creation(env: InMemoryEnvironment, name: str) -> None:
    env.connect()
    alter_once(env, is_creation, ODD_ANSWERS[name])
    order = env.order("PO-1")
    assert env.post(order).state == "posting"
    for _ in range(5):
        env.wait(minutes=2)
    (in_exact,) = env.in_exact()
    record = env.record(order)
    assert (record.state, env.codes(order)) == ("posted", [])
    assert posted_facts(record.facts).exact.id == in_exact["PurchaseOrderID"]


@pytest.mark.parametrize("name", ["another order", "another order with our reference"])
def test_the_answer_to_a_look_up(env: InMemoryEnvironment, name: str) -> None:
    """After a lost answer the look-up shows somebody else's order: that is no "not there"."""
    env.connect()
    order = env.order("PO-1")
    alter_once(env, is_creation, ODD_ANSWERS["no key"])
    env.post(order)
    alter_once(
        env,
        lambda request: request.method == "GET" and asks_for(request, ORDERS),
        ODD_ANSWERS[name],
    )
    for _ in range(6):
        env.wait(minutes=2)
    assert [each["YourRef"] for each in env.in_exact()] == ["PO-1"]
    assert env.record(order).state == "posted"


def test_a_look_up_that_shows_nothing_is_made_a_second_way(env: InMemoryEnvironment) -> None:
    env.connect()
    order = env.order("PO-1")
    alter_once(env, is_creation, ODD_ANSWERS["no key"])
    env.post(order)
    empty = Response.of_json(200, {"d": {"results": []}})
    answer_by(
        env,
        lambda request: (
            empty if request.method == "GET" and request.path.endswith(ORDERS) else None
        ),
    )
    for _ in range(6):
        env.wait(minutes=2)
    assert [each["YourRef"] for each in env.in_exact()] == ["PO-1"]
    assert env.record(order).state == "posted"


def test_a_page_that_says_too_many_requests_says_nothing_about_the_order(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    pages: list[str] = []

    def answer(request: Request) -> Response | None:
        if pages or not is_creation(request):
            return None
        pages.append(request.path)
        env.exact.handle(request)
        return page(429, "Too many requests")

    answer_by(env, answer)
    order = env.order("PO-1")
    env.post(order)
    for _ in range(6):
        env.wait(minutes=2)
    assert [each["YourRef"] for each in env.in_exact()] == ["PO-1"]
    assert env.record(order).state == "posted"


@pytest.mark.parametrize("path", ["PurchaseOrders", "PurchaseOrderLines"])
def test_reading_an_order_that_changes(env: InMemoryEnvironment, path: str) -> None:
    env.connect()
    order = env.order("PO-1")
    env.post(order)
    order["expense_list"][0]["amount"] = order["total_amount"] = "1300.00"
    env.clock.move(60)
    alter_once(
        env,
        lambda request: request.method == "GET" and request.path.endswith(f"purchaseorder/{path}"),
        lambda row: row.update(PurchaseOrderID=_OTHER),
    )
    env.post(order)
    for _ in range(5):
        env.wait(minutes=2)
    (in_exact,) = env.in_exact()
    assert (env.record(order).state, env.codes(order)) == ("posted", [])
    assert in_exact["AmountFCExclVat"] == 1300


def test_the_answer_to_the_creation_of_a_supplier(env: InMemoryEnvironment) -> None:
    env.connect(vendors={"create_suppliers": True})
    alter_once(
        env,
        lambda request: request.method == "POST" and asks_for(request, "crm/Accounts"),
        lambda row: row.update(ID=_OTHER, Name="Somebody else", Remarks=""),
    )
    order = env.order("PO-1", vendor="Nieuwkomer Catering")
    env.post(order)
    for _ in range(10):
        env.wait(minutes=3)
    assert env.record(order).state == "posted"
    division = env.connection().divisions[0].division
    vendor = VendorId(str(env.firm.vendors["Nieuwkomer Catering"]["id"]))
    link = env.services_of(FIRM).vendor_links.get(division, vendor)
    assert link
    assert link.supplier != _OTHER
