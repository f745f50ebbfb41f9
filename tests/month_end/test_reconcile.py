"""Every approved order of a month is in one category, with what to do about it."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import stamina

from local.firm import BE, NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector import clock
from ml_connector.domain.ids import Actor
from ml_connector.domain.records import Note, OrderState
from ml_connector.infrastructure.ledger import CONNECTION
from ml_connector.infrastructure.record_codec import encode
from ml_connector.month_end.reconcile import reconcile as reconcile_
from ml_connector.reference_data import refresh
from ml_connector.user_errors import ServiceError, UserError
from tests.month_end.month_stack import MonthStack, by_category, reconcile
from tests.month_end.test_months import at
from tests.person_stack import PERSON

_ORDERS, _LINES = "purchaseorder/PurchaseOrders", "purchaseorder/PurchaseOrderLines"
OCTOBER = "2026-10-15T10:00:00Z"


@pytest.fixture
def closing(env: InMemoryEnvironment) -> InMemoryEnvironment:
    """The firm in November; the orders are of October."""
    at(env.clock, "2026-11-03T09:00:00+00:00")
    env.connect()
    return env


def october(
    env: InMemoryEnvironment, number: str, amount: str = "100.00", **more: Any
) -> dict[str, Any]:
    lines = [env.airbase.line(more.pop("account", "4100"), amount, "As agreed")]
    return env.order(number, lines=lines, approved_date=OCTOBER, **more)


def reprice(env: InMemoryEnvironment, number: str, price: float) -> None:
    """Change the price in Exact as a person there would."""
    (row,) = [each for each in env.in_exact() if each["YourRef"] == number]
    env.exact.change(NL.division, _LINES, row["lines"][0]["ID"], UnitPrice=price)
    env.exact.change(NL.division, _ORDERS, row["PurchaseOrderID"], AmountFCExclVat=price)


def orders_of_each_category(env: InMemoryEnvironment) -> None:
    """Create an order of each category."""
    for at_, number in enumerate(("PO-1", "PO-2", "PO-3")):
        env.post(october(env, number, f"{100 + at_}.00"))
    env.post(october(env, "PO-4", "5.00", vendor="Nieuwkomer Catering"))
    aside = october(env, "PO-5", "7.00", account="9999")
    env.post(aside)
    record = env.record(aside)
    note = Note("entered by hand", Actor("controller"), clock.now())
    env.services.ledger_of(FIRM).write(
        record.now(OrderState.SET_ASIDE, replace(record.facts, aside=note)), "dismissed"
    )
    october(env, "PO-6", "11.00")
    october(env, "PO-7", "13.00", outcome="virtual_card")
    october(env, "PO-8", "17.00", status="pending")
    env.order("PO-9", approved_date="2026-09-30T10:00:00Z")
    reprice(env, "PO-2", 90.0)
    (gone,) = [each for each in env.in_exact() if each["YourRef"] == "PO-3"]
    env.exact.remove(NL.division, _ORDERS, gone["PurchaseOrderID"])


def test_each_order_is_in_its_category(closing: InMemoryEnvironment) -> None:
    orders_of_each_category(closing)
    report = reconcile(closing, "2026-10")
    assert by_category(report) == {
        "equal": ["PO-1"],
        "different": ["PO-2", "PO-3"],
        "waiting": ["PO-4"],
        "set_aside": ["PO-5"],
        "missing": ["PO-6"],
    }
    lines = {line.title: line for line in report.lines}
    assert {"where": "line 1", "field": "UnitPrice", "expected": "101", "found": "90"} in (
        lines["PO-2"].differences
    )
    assert lines["PO-3"].codes == ["DELETED_IN_EXACT"]
    assert lines["PO-4"].codes == ["UNKNOWN_VENDOR"]
    assert lines["PO-5"].why == "controller: entered by hand"
    assert f"connector fetch {FIRM}" in lines["PO-6"].to_do
    (all_,) = [each for each in report.totals if each.is_all]
    assert all_.as_dict()["airbase"] == {"orders": 6, "amount": "326.00"}
    assert all_.as_dict()["exact"] == {"amount": "190.00"}
    assert report.has_findings


def test_orders_entered_by_hand_are_only_in_exact_and_copies_may_be_duplicates(
    closing: InMemoryEnvironment,
) -> None:
    at(closing.clock, "2026-11-03T10:00:00+00:00")
    ours = october(closing, "PO-1")
    closing.post(ours)
    (row,) = closing.in_exact()
    copy = {k: v for k, v in row.items() if k in {"Supplier", "Currency", "OrderDate", "Remarks"}}
    assert closing.exact.world.divisions[NL.division]
    lines = [{k: row["lines"][0][k] for k in ("Item", "QuantityInPurchaseUnits", "UnitPrice")}]
    for remarks in (copy["Remarks"], "typed in"):
        exact_client = closing.services_of().exact(NL.key)
        body = {"Supplier": row["Supplier"], "OrderDate": "2026-10-20", "Remarks": remarks}
        exact_client.create(NL.key, _ORDERS, body | {"PurchaseOrderLines": lines})
    report = reconcile(closing, "2026-10")
    assert {k: len(v) for k, v in by_category(report).items()} == {
        "equal": 1, "only_in_exact": 1, "possible_duplicate": 1,
    }  # fmt: skip
    whys = {line.category: line.why for line in report.lines}
    assert "carries the marker of PO-1" in whys["possible_duplicate"]
    assert whys["only_in_exact"] == "It was entered in Exact."


@pytest.mark.parametrize(
    ("remarks", "said"),
    [
        ("[airbase 0123456789abcdef0123/01234567]", "Another connector made it"),
        ("typed in", "It was entered in Exact"),
    ],
)
def test_a_second_order_with_the_same_reference_is_a_possible_duplicate(
    closing: InMemoryEnvironment, remarks: str, said: str
) -> None:
    at(closing.clock, "2026-11-03T10:00:00+00:00")
    closing.post(october(closing, "PO-1"))
    (row,) = closing.in_exact()
    line = {k: row["lines"][0][k] for k in ("Item", "QuantityInPurchaseUnits", "UnitPrice")}
    body = {
        "Supplier": row["Supplier"],
        "OrderDate": "2026-10-20",
        "YourRef": row["YourRef"],
        "Remarks": remarks,
        "PurchaseOrderLines": [line],
    }
    closing.services_of().exact(NL.key).create(NL.key, _ORDERS, body)
    report = reconcile(closing, "2026-10")
    (found,) = [each for each in report.lines if each.category == "possible_duplicate"]
    assert said in found.why
    assert f"Exact order {row['OrderNumber']}" in found.why
    assert report.has_findings
    assert {line.vendor for line in report.lines} == {"Cloudwerk"}


def test_an_unknown_state_is_reported(closing: InMemoryEnvironment) -> None:
    order = october(closing, "PO-1")
    closing.post(order)
    record = closing.record(order)
    ledger = closing.memory.tables.ledger
    item = ledger.get(record.connection, record.key)
    assert item
    facts = json.dumps(encode(replace(record.facts, exact=None)))
    ledger.put({**item, "state": "on_the_moon", "facts": facts})
    line = next(e for e in reconcile(closing, "2026-10").lines if e.order)
    assert (line.category, line.why) == ("waiting", "Its state is on the moon.")


def test_a_closed_order_still_counts_and_a_cancelled_one_does_not(
    closing: InMemoryEnvironment,
) -> None:
    for number, status in (("PO-1", "closed"), ("PO-2", "cancelled"), ("PO-3", "open")):
        order = october(closing, number)
        closing.post(order)
        order["status"] = status
    report = reconcile(closing, "2026-10")
    assert by_category(report) == {"equal": ["PO-1", "PO-3"], "only_in_exact": ["PO-2"]}
    (line,) = [each for each in report.lines if each.category == "only_in_exact"]
    assert line.why == "It is PO-2, which is cancelled in Airbase."


def test_without_a_refresh_newer_orders_are_not_compared(
    closing: InMemoryEnvironment,
) -> None:
    closing.clock.move(60)
    closing.post(october(closing, "PO-1"))
    calls = closing.exact_calls()
    report = reconcile(closing, "2026-10", is_fresh=False)
    assert by_category(report) == {"not_compared": ["PO-1"]}
    assert closing.exact_calls() == calls
    assert by_category(reconcile(closing, "2026-10")) == {"equal": ["PO-1"]}
    assert closing.exact_calls() - calls == 2 * 3, "two streams of each division"


def test_exact_not_read_in_time_is_an_error(closing: InMemoryEnvironment) -> None:
    stack = MonthStack(closing, idle=True)
    with stamina.set_testing(True, attempts=3), pytest.raises(ServiceError, match="were not read"):
        reconcile_(stack, stack.actor, FIRM, "2026-10", wait=timedelta(seconds=1))


def test_a_tenant_without_a_listing_cannot_be_reconciled(closing: InMemoryEnvironment) -> None:
    closing.connect(profile={"orders_path": None})
    with pytest.raises(UserError, match="no listing"):
        reconcile(closing, "2026-10")


def test_an_unreadable_row_is_counted_without_an_amount(
    closing: InMemoryEnvironment,
) -> None:
    october(closing, "PO-1")["total_amount"] = "a lot"
    report = reconcile(closing, "2026-10")
    (line,) = report.lines
    assert (line.category, line.airbase) == ("missing", None)
    assert line.why.startswith("BAD_AMOUNT: ")
    (all_,) = [each for each in report.totals if each.is_all]
    assert (all_.currency, all_.airbase.orders) == ("", 1)


def test_an_order_without_a_day_is_listed_as_undated(closing: InMemoryEnvironment) -> None:
    october(closing, "PO-1")["approved_date"] = None
    report = reconcile(closing, "2026-10")
    assert (report.lines, [each.title for each in report.undated]) == ([], ["PO-1"])


def test_divisions_and_currencies_are_added_up_separately(closing: InMemoryEnvironment) -> None:
    closing.post(october(closing, "PO-1", "100.00"))
    closing.post(closing.order("PO-2", BE, approved_date=OCTOBER))
    closing.post(october(closing, "PO-3", "9.00", currency="USD"))
    report = reconcile(closing, "2026-10")
    found = {(t.division, t.currency, t.is_all): t.airbase.airbase for t in report.totals}
    assert {key: str(value) for key, value in found.items()} == {
        (NL.key, "EUR", False): "100.00",
        (BE.key, "EUR", False): "1250.00",
        (NL.key, "USD", False): "9.00",
        (None, "EUR", True): "1350.00",
        (None, "USD", True): "9.00",
    }


def test_the_run_is_audited(closing: InMemoryEnvironment) -> None:
    closing.post(october(closing, "PO-1"))
    reconcile(closing, "2026-10")
    entry = closing.services.ledger_of(FIRM).trail(CONNECTION)[-1]
    assert (entry.step, entry.actor) == ("reconciled", PERSON)
    assert entry.detail["month"] == "2026-10"
    assert entry.detail["counts"]["equal"] == 1
    assert entry.detail["totals"][0]["airbase"] == {"orders": 1, "amount": "100.00"}


def test_a_refresh_reads_only_orders(closing: InMemoryEnvironment) -> None:
    stack = MonthStack(closing)
    reconcile_(stack, stack.actor, FIRM, "2026-10")
    assert {each.body["kind"] for each in stack.sent} == {"refresh"}
    assert all("everything" not in each.body for each in stack.sent)
    for division in closing.connection().divisions:
        data = closing.services_of().reference_store(division.division)
        assert refresh.fresh_since(data) is not None
