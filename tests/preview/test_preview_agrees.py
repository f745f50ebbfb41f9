"""A preview says what the posting does, of every order, and writes nothing."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.firm import BE, BRANCHES, CONSULTING, FLEET, NL
from local.memory import MemoryTable
from local.office import FIRM, Office
from local.scene import Scene
from local.story import Story
from ml_connector.ids import OrderId
from tests.preview.office_scene import OfficeScene
from tests.preview.twin import Twin

_ORDERS, _LINES = "purchaseorder/PurchaseOrders", "purchaseorder/PurchaseOrderLines"
_TABLES = ("inbox", "ledger", "audit", "mappings", "reference")


def everything(office: Office) -> Any:
    """Return all that a preview must leave as it is: the tables, the queues, the two systems."""
    tables = [cast(MemoryTable, getattr(office.mini.tables, name)).items() for name in _TABLES]
    writes = [c for c in office.exact.calls if c.method != "GET" and "oauth2" not in c.path]
    asked = [c for c in office.airbase.calls if c.method != "GET"]
    return tables, len(office.mini.queues.waiting), writes, asked, len(office.mini.figures)


@pytest.fixture
def twin(office: Office, monkeypatch: pytest.MonkeyPatch) -> Iterator[Twin]:
    twin = Twin(lambda: everything(office))
    twin.install(monkeypatch)
    yield twin
    assert sum(twin.acts.values()) > 0


def test_on_every_order_of_the_story_in_memory(office: Office, twin: Twin) -> None:
    office.connect()
    story = Story(cast(Scene, OfficeScene(office)), lambda _: None)
    story.play()
    seen = {"post", "review", "none", "amend", "remove", "adopt"}
    assert seen <= twin.acts.keys(), "the story has all of these"
    assert len(story.posted) > 20


def _dearer(order: dict[str, Any]) -> dict[str, Any]:
    first, *others = order["expense_list"]
    total = str(150 + 100 * len(others))
    return {"expense_list": [{**first, "amount": "150.00"}, *others], "total_amount": total}


def _longer(order: dict[str, Any]) -> dict[str, Any]:
    added = {**order["expense_list"][0], "amount": "50.00", "description": "More"}
    total = str(Decimal(order["total_amount"]) + 50)
    return {"expense_list": [*order["expense_list"], added], "total_amount": total}


IN_AIRBASE: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "approve again": lambda _: {"status": "approved"},
    "dearer": _dearer,
    "another line": _longer,
    "note": lambda _: {"notes": "Call first"},
    "cancel": lambda _: {"status": "cancelled"},
    "close": lambda _: {"status": "closed"},
    "deny": lambda _: {"status": "denied"},
    "pending": lambda _: {"status": "pending"},
    "to belgium": lambda _: {"subsidiary": {"airbase_id": BE.subsidiary, "name": BE.name}},
}
HEADERS: dict[str, dict[str, Any]] = {
    "cancel in exact": {"OrderStatus": 40},
    "text in exact": {"Description": "Ours"},
}
_CHANGES = (
    *IN_AIRBASE, *HEADERS, "receive", "delete in exact", "price in exact", "retry",
    "block account", "no line updates",
)  # fmt: skip
# Orders as they should be, and the faults of which some have one.
GOOD: dict[str, Any] = {
    "vendor": "Cloudwerk", "amount": "100.00", "total": None, "currency": "EUR",
    "outcome": "purchase_order", "status": "approved", "is_served": True, "tag": "MKT",
}  # fmt: skip
FAULTS: tuple[dict[str, Any], ...] = (
    {"vendor": "Nieuwkomer Catering"}, {"amount": "12.345"}, {"amount": "-5.00"}, {"amount": "x"},
    {"total": "7.00"}, {"currency": "USD"}, {"currency": "euro"}, {"outcome": "virtual_card"},
    {"outcome": "odd"}, {"status": "pending"}, {"status": "odd"}, {"status": "open"},
    {"is_served": False}, {"tag": "XXX"}, {"tag": None}, {"accounts": [FLEET]},
    {"accounts": ["9999", CONSULTING]},
)  # fmt: skip
orders = st.builds(
    lambda fault, accounts, changes: {"accounts": accounts, **GOOD, **fault, "changes": changes},
    st.one_of(st.just({}), st.just({}), st.sampled_from(FAULTS)),
    st.lists(st.sampled_from(["4100", "4200", CONSULTING, "4900"]), min_size=1, max_size=3),
    st.lists(st.sampled_from(_CHANGES), max_size=4),
)


@pytest.mark.usefixtures("office")
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(drawn=orders)
def test_on_any_order(drawn: dict[str, Any]) -> None:
    office = Office()
    with pytest.MonkeyPatch.context() as patch:
        for branch in BRANCHES:
            office.exact.add_gl_account(branch.division, "4900", "Travel")
        config = office.config(create_items=True, link_supplier_items=True, item_unit="pc")
        office.connect(divisions=config["divisions"])
        twin = Twin(lambda: everything(office))
        twin.install(patch)
        order = make(office, drawn)
        office.post(order)
        for change in drawn["changes"]:
            office.clock.move(200)
            apply(office, order, change)
        office.wait(minutes=3)


def make(office: Office, drawn: dict[str, Any]) -> dict[str, Any]:
    tags = [office.airbase.tag("Department", drawn["tag"])] if drawn["tag"] else []
    lines = [
        office.airbase.line(account, "100.00", f"Part {at}", tags=tags)
        for at, account in enumerate(drawn["accounts"])
    ]
    lines[0]["amount"] = drawn["amount"]
    total = drawn["total"]
    if total is None and drawn["amount"] in {"100.00", "0.01", "-5.00", "0"}:
        total = f"{sum(Decimal(line['amount']) for line in lines):.2f}"
    order = office.order(
        "PO-1",
        lines=lines,
        total=total or "100.00",
        vendor=drawn["vendor"],
        currency=drawn["currency"],
        outcome=drawn["outcome"],
        status=drawn["status"],
    )
    elsewhere = {"airbase_id": "sub-xx", "name": "nowhere"}
    if not drawn["is_served"]:
        order["subsidiary"] = elsewhere
    return order


def apply(office: Office, order: dict[str, Any], change: str) -> None:
    """Change one of the sides, and let the worker look."""
    if change == "retry":
        office.ask(order)
        return
    if change in IN_AIRBASE:
        order |= IN_AIRBASE[change](order)
    elif change == "block account":
        block(office, "4100")
    elif change == "no line updates":
        office.exact.policy.line_updates = False
    else:
        in_exact(office, change)
    office.post(order)


def block(office: Office, code: str) -> None:
    place = office.exact.world.divisions[NL.division]
    accounts = place.table("financial/GLAccounts").values()
    (account,) = [row["ID"] for row in accounts if row["Code"].strip() == code]
    office.exact.change(NL.division, "financial/GLAccounts", account, IsBlocked=True)


def in_exact(office: Office, change: str) -> None:
    for branch in BRANCHES:
        for row in office.in_exact(branch):
            key, line = row["PurchaseOrderID"], row["lines"][0]["ID"]
            if change == "receive":
                office.exact.receive(branch.division, key)
            elif change == "delete in exact":
                office.exact.remove(branch.division, _ORDERS, key)
            elif change == "price in exact":
                office.exact.change(branch.division, _LINES, line, UnitPrice=1.0)
                office.exact.change(branch.division, _ORDERS, key)
            else:
                office.exact.change(branch.division, _ORDERS, key, **HEADERS[change])


def test_an_order_that_nobody_knows_yet(office: Office, twin: Twin) -> None:
    connection = office.connect()
    order = office.order()
    foreseen = twin.foresee(office.doors, FIRM, OrderId(order["id"]), by_hand=False).as_dict()
    assert (foreseen["act"], foreseen["becomes"], foreseen["title"]) == ("post", "posted", "PO-1")
    assert not office.record(order).version
    assert office.post(order).state == "posted"
    assert connection.id == foreseen["connection"]


def test_what_exact_no_longer_has_is_not_taken_for_ours(office: Office, twin: Twin) -> None:
    office.connect()
    order, other = office.order("PO-1"), office.order("PO-2", vendor="Expo Partners")
    office.post(other)
    key = office.post(order).facts["exact"]["id"]
    office.wait(hours=4, minutes=1)
    office.exact.remove(NL.division, _ORDERS, key)
    order["notes"] = "Call first"
    office.ask(order)
    assert twin.acts["post"] == 3
    assert len(office.in_exact()) == 2
