"""A preview of any order says what the worker does, and writes nothing."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.demo.environment import DemoEnvironment
from local.demo.scenario import Scenario
from local.firm import BE, BRANCHES, CONSULTING, FLEET, NL
from local.in_memory.environment import InMemoryEnvironment
from local.in_memory.tables import InMemoryTable
from ml_connector.domain.ids import OrderId
from ml_connector.domain.records import posted_facts
from tests.preview.in_memory_demo import InMemoryDemo
from tests.preview.preview_check import PreviewCheck

_ORDERS, _LINES = "purchaseorder/PurchaseOrders", "purchaseorder/PurchaseOrderLines"
_TABLES = ("inbox", "ledger", "audit", "mappings", "reference")


def everything(env: InMemoryEnvironment) -> Any:
    """Return all that a preview must not change: tables, queues and both systems."""
    tables = [cast(InMemoryTable, getattr(env.memory.tables, name)).items() for name in _TABLES]
    writes = [c for c in env.exact.calls if c.method != "GET" and "oauth2" not in c.path]
    asked = [c for c in env.airbase.calls if c.method != "GET"]
    return tables, len(env.memory.queues.waiting), writes, asked, len(env.memory.figures)


@pytest.fixture
def check(env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch) -> Iterator[PreviewCheck]:
    check = PreviewCheck(lambda: everything(env))
    check.install(monkeypatch)
    yield check
    assert sum(check.actions.values()) > 0


def test_on_every_order_of_the_scenario(env: InMemoryEnvironment, check: PreviewCheck) -> None:
    env.connect()
    scenario = Scenario(cast(DemoEnvironment, InMemoryDemo(env)), lambda _: None)
    scenario.play()
    expected = {"post", "review", "none", "amend", "remove", "adopt"}
    assert expected <= check.actions.keys(), "the scenario has all of these"
    assert len(scenario.posted) > 20


def _raise_amount(order: dict[str, Any]) -> dict[str, Any]:
    first, *others = order["expense_list"]
    total = str(150 + 100 * len(others))
    return {"expense_list": [{**first, "amount": "150.00"}, *others], "total_amount": total}


def _add_line(order: dict[str, Any]) -> dict[str, Any]:
    added = {**order["expense_list"][0], "amount": "50.00", "description": "More"}
    total = str(Decimal(order["total_amount"]) + 50)
    return {"expense_list": [*order["expense_list"], added], "total_amount": total}


IN_AIRBASE: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "approve again": lambda _: {"status": "approved"},
    "dearer": _raise_amount,
    "another line": _add_line,
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


@pytest.mark.usefixtures("env")
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(drawn=orders)
def test_on_any_order(drawn: dict[str, Any]) -> None:
    env = InMemoryEnvironment()
    with pytest.MonkeyPatch.context() as patch:
        for branch in BRANCHES:
            env.exact.add_gl_account(branch.division, "4900", "Travel")
        config = env.config(create_items=True, link_supplier_items=True, item_unit="pc")
        env.connect(divisions=config["divisions"])
        check = PreviewCheck(lambda: everything(env))
        check.install(patch)
        order = make(env, drawn)
        env.post(order)
        for change in drawn["changes"]:
            env.clock.move(200)
            apply(env, order, change)
        env.wait(minutes=3)


def make(env: InMemoryEnvironment, drawn: dict[str, Any]) -> dict[str, Any]:
    tags = [env.airbase.tag("Department", drawn["tag"])] if drawn["tag"] else []
    lines = [
        env.airbase.line(account, "100.00", f"Part {at}", tags=tags)
        for at, account in enumerate(drawn["accounts"])
    ]
    lines[0]["amount"] = drawn["amount"]
    total = drawn["total"]
    if total is None and drawn["amount"] in {"100.00", "0.01", "-5.00", "0"}:
        total = f"{sum(Decimal(line['amount']) for line in lines):.2f}"
    order = env.order(
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


def apply(env: InMemoryEnvironment, order: dict[str, Any], change: str) -> None:
    """Change one of the sides, and let the worker process the order."""
    if change == "retry":
        env.retry(order)
        return
    if change in IN_AIRBASE:
        order |= IN_AIRBASE[change](order)
    elif change == "block account":
        block(env, "4100")
    elif change == "no line updates":
        env.exact.policy.line_updates = False
    else:
        in_exact(env, change)
    env.post(order)


def block(env: InMemoryEnvironment, code: str) -> None:
    place = env.exact.world.divisions[NL.division]
    accounts = place.table("financial/GLAccounts").values()
    (account,) = [row["ID"] for row in accounts if row["Code"].strip() == code]
    env.exact.change(NL.division, "financial/GLAccounts", account, IsBlocked=True)


def in_exact(env: InMemoryEnvironment, change: str) -> None:
    for branch in BRANCHES:
        for row in env.in_exact(branch):
            key, line = row["PurchaseOrderID"], row["lines"][0]["ID"]
            if change == "receive":
                env.exact.receive(branch.division, key)
            elif change == "delete in exact":
                env.exact.remove(branch.division, _ORDERS, key)
            elif change == "price in exact":
                env.exact.change(branch.division, _LINES, line, UnitPrice=1.0)
                env.exact.change(branch.division, _ORDERS, key)
            else:
                env.exact.change(branch.division, _ORDERS, key, **HEADERS[change])


def test_an_order_that_is_not_in_the_ledger_yet(
    env: InMemoryEnvironment, check: PreviewCheck
) -> None:
    connection = env.connect()
    order = env.order()
    previewed = check.preview_only(env.services_of(), OrderId(order["id"]), by_hand=False).as_dict()
    assert (previewed["act"], previewed["becomes"], previewed["title"]) == (
        "post",
        "posted",
        "PO-1",
    )
    assert not env.record(order).version
    assert env.post(order).state == "posted"
    assert connection.id == previewed["connection"]


def test_an_order_deleted_in_exact_is_not_adopted(
    env: InMemoryEnvironment, check: PreviewCheck
) -> None:
    env.connect()
    order, other = env.order("PO-1"), env.order("PO-2", vendor="Expo Partners")
    env.post(other)
    key = posted_facts(env.post(order).facts).exact.id
    env.wait(hours=4, minutes=1)
    env.exact.remove(NL.division, _ORDERS, key)
    order["notes"] = "Call first"
    env.retry(order)
    assert check.actions["post"] == 3
    assert len(env.in_exact()) == 2
