"""Every approved order of a month stands in one place, with what to do about it."""

from datetime import timedelta
from typing import Any

import pytest
import stamina

from connector_cli.actions.closing.reconciling import reconcile as reconcile_
from connector_cli.complaints import Complaint, Trouble
from local.firm import BE, NL
from local.office import FIRM, Office
from ml_connector.doors.ledger import CONNECTION
from ml_connector.open_exceptions import SET_ASIDE
from ml_connector.workflows.upkeep import refresh
from tests.closing.desk import Desk, by_category, reconcile
from tests.closing.test_months import at
from tests.exceptions.desk import PERSON

_ORDERS, _LINES = "purchaseorder/PurchaseOrders", "purchaseorder/PurchaseOrderLines"
OCTOBER = "2026-10-15T10:00:00Z"


@pytest.fixture
def closing(office: Office) -> Office:
    """The firm in November; what is made below is of October."""
    at(office.clock, "2026-11-03T09:00:00+00:00")
    office.connect()
    return office


def october(office: Office, number: str, amount: str = "100.00", **more: Any) -> dict[str, Any]:
    lines = [office.airbase.line(more.pop("account", "4100"), amount, "As agreed")]
    return office.order(number, lines=lines, approved_date=OCTOBER, **more)


def reprice(office: Office, number: str, price: float) -> None:
    """Change the price in Exact as a person there would."""
    (row,) = [each for each in office.in_exact() if each["YourRef"] == number]
    office.exact.change(NL.division, _LINES, row["lines"][0]["ID"], UnitPrice=price)
    office.exact.change(NL.division, _ORDERS, row["PurchaseOrderID"], AmountFCExclVat=price)


def a_month(office: Office) -> None:
    """One order of each kind."""
    for at_, number in enumerate(("PO-1", "PO-2", "PO-3")):
        office.post(october(office, number, f"{100 + at_}.00"))
    office.post(october(office, "PO-4", "5.00", vendor="Nieuwkomer Catering"))
    aside = october(office, "PO-5", "7.00", account="9999")
    office.post(aside)
    record = office.record(aside)
    note = {"reason": "entered by hand", "by": "controller"}
    office.doors.ledger.write(record.now(SET_ASIDE, aside=note), "dismissed")
    october(office, "PO-6", "11.00")
    october(office, "PO-7", "13.00", outcome="virtual_card")
    october(office, "PO-8", "17.00", status="pending")
    office.order("PO-9", approved_date="2026-09-30T10:00:00Z")
    reprice(office, "PO-2", 90.0)
    (gone,) = [each for each in office.in_exact() if each["YourRef"] == "PO-3"]
    office.exact.remove(NL.division, _ORDERS, gone["PurchaseOrderID"])


def test_each_order_stands_in_its_place(closing: Office) -> None:
    a_month(closing)
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


def test_what_others_entered_is_only_in_exact(closing: Office) -> None:
    at(closing.clock, "2026-11-03T10:00:00+00:00")
    ours = october(closing, "PO-1")
    closing.post(ours)
    (row,) = closing.in_exact()
    copy = {k: v for k, v in row.items() if k in {"Supplier", "Currency", "OrderDate", "Remarks"}}
    place = closing.exact.world.divisions[NL.division]
    assert place
    lines = [{k: row["lines"][0][k] for k in ("Item", "QuantityInPurchaseUnits", "UnitPrice")}]
    for remarks in (copy["Remarks"], "typed in"):
        gateway = closing.doors.exact(closing.connection())
        body = {"Supplier": row["Supplier"], "OrderDate": "2026-10-20", "Remarks": remarks}
        gateway.create(NL.division, _ORDERS, body | {"PurchaseOrderLines": lines})  # type: ignore[arg-type]
    report = reconcile(closing, "2026-10")
    assert {k: len(v) for k, v in by_category(report).items()} == {"equal": 1, "only_in_exact": 2}
    whys = sorted(line.why for line in report.lines if line.category == "only_in_exact")
    assert "carries the marker of PO-1" in whys[0]
    assert whys[1] == "It was entered in Exact."
    assert {line.vendor for line in report.lines} == {"Cloudwerk"}


def test_a_state_that_is_not_known_is_named(closing: Office) -> None:
    order = october(closing, "PO-1")
    closing.post(order)
    record = closing.record(order)
    facts = {**record.facts, "exact": None}
    closing.doors.ledger.write(record.now("on_the_moon", **facts), "moved")
    line = next(e for e in reconcile(closing, "2026-10").lines if e.order)
    assert (line.category, line.why) == ("waiting", "It is on the moon here.")


def test_a_closed_order_still_counts_and_a_cancelled_one_does_not(closing: Office) -> None:
    for number, status in (("PO-1", "closed"), ("PO-2", "cancelled"), ("PO-3", "open")):
        order = october(closing, number)
        closing.post(order)
        order["status"] = status
    report = reconcile(closing, "2026-10")
    assert by_category(report) == {"equal": ["PO-1", "PO-3"], "only_in_exact": ["PO-2"]}
    (line,) = [each for each in report.lines if each.category == "only_in_exact"]
    assert line.why == "It is PO-2, which is cancelled in Airbase."


def test_without_reading_exact_again_it_says_what_it_cannot_know(closing: Office) -> None:
    closing.clock.move(60)
    closing.post(october(closing, "PO-1"))
    calls = closing.exact_calls()
    report = reconcile(closing, "2026-10", is_fresh=False)
    assert by_category(report) == {"not_compared": ["PO-1"]}
    assert closing.exact_calls() == calls
    assert by_category(reconcile(closing, "2026-10")) == {"equal": ["PO-1"]}
    assert closing.exact_calls() - calls == 2 * 3, "two streams of each division"


def test_exact_that_is_not_read_in_time_is_said(closing: Office) -> None:
    desk = Desk(closing, idle=True)
    with stamina.set_testing(True, attempts=3), pytest.raises(Trouble, match="were not read"):
        reconcile_(desk, FIRM, "2026-10", wait=timedelta(seconds=1))


def test_a_tenant_without_a_listing_cannot_be_reconciled(closing: Office) -> None:
    closing.connect(profile={"orders_path": None})
    with pytest.raises(Complaint, match="no listing"):
        reconcile(closing, "2026-10")


def test_a_row_that_cannot_be_read_is_shown_and_counts_without_an_amount(closing: Office) -> None:
    october(closing, "PO-1")["total_amount"] = "a lot"
    report = reconcile(closing, "2026-10")
    (line,) = report.lines
    assert (line.category, line.airbase) == ("missing", None)
    assert line.why.startswith("BAD_AMOUNT: ")
    (all_,) = [each for each in report.totals if each.is_all]
    assert (all_.currency, all_.airbase.orders) == ("", 1)


def test_an_order_without_a_day_is_of_no_month_and_named(closing: Office) -> None:
    october(closing, "PO-1")["approved_date"] = None
    report = reconcile(closing, "2026-10")
    assert (report.lines, [each.title for each in report.undated]) == ([], ["PO-1"])


def test_divisions_and_currencies_add_up_apart(closing: Office) -> None:
    closing.post(october(closing, "PO-1", "100.00"))
    closing.post(closing.order("PO-2", BE, approved_date=OCTOBER))
    closing.post(october(closing, "PO-3", "9.00", currency="USD"))
    report = reconcile(closing, "2026-10")
    found = {(t.division, t.currency, t.is_all): t.airbase.airbase for t in report.totals}
    assert {key: str(value) for key, value in found.items()} == {
        (NL.division, "EUR", False): "100.00",
        (BE.division, "EUR", False): "1250.00",
        (NL.division, "USD", False): "9.00",
        (None, "EUR", True): "1350.00",
        (None, "USD", True): "9.00",
    }


def test_the_run_is_audited(closing: Office) -> None:
    closing.post(october(closing, "PO-1"))
    reconcile(closing, "2026-10")
    entry = closing.doors.ledger.trail(FIRM, CONNECTION)[-1]
    assert (entry.step, entry.actor) == ("reconciled", PERSON)
    assert entry.detail["month"] == "2026-10"
    assert entry.detail["counts"]["equal"] == 1
    assert entry.detail["totals"][0]["airbase"] == {"orders": 1, "amount": "100.00"}


def test_reading_exact_asks_for_its_orders_alone(closing: Office) -> None:
    desk = Desk(closing)
    reconcile_(desk, FIRM, "2026-10")
    assert {each.body["kind"] for each in desk.sent} == {"refresh"}
    assert all("everything" not in each.body for each in desk.sent)
    for division in closing.connection().divisions:
        data = closing.doors.data(FIRM, division.division)
        assert refresh.fresh_since(data) is not None
