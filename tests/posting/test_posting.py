"""The posting protocol over both simulators: what becomes of an approved order, and when."""

import pytest

from local.exact_simulator import Fault as ExactFault
from local.firm import BE, NL
from local.office import FIRM, Office
from local.simulation import Fault as AirbaseFault

_POST = "purchaseorder/PurchaseOrders"


def test_an_approved_order_costs_one_call_and_is_told_step_by_step(office: Office) -> None:
    office.connect()
    before = office.exact_calls()
    order = office.order(description="Licences for the whole firm")
    record = office.post(order)
    assert record.state == "posted"
    assert office.exact_calls() - before == 1
    assert office.steps(order) == ["received", "fetched", "intent", "posted"]
    (posted,) = office.in_exact()
    assert (posted["YourRef"], posted["AmountFCExclVat"]) == ("PO-1", 1250.0)
    assert record.facts["exact"] == {
        "id": posted["PurchaseOrderID"],
        "number": posted["OrderNumber"],
        "amount": str(posted["AmountFC"]),
    }


def test_asking_again_changes_nothing(office: Office) -> None:
    office.connect()
    order = office.order()
    office.post(order)
    before = office.exact_calls()
    office.clock.move(400)
    office.post(order)
    assert office.exact_calls() == before
    assert len(office.in_exact()) == 1


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("pending", "awaiting_approval"),
        ("denied", "denied"),
        ("archived", "archived"),
        ("closed", "closed"),
        ("cancelled", "cancelled"),
    ],
)
def test_only_approved_orders_are_posted(office: Office, status: str, state: str) -> None:
    office.connect()
    order = office.order(status=status)
    assert office.post(order).state == state
    order["status"] = "approved"
    office.clock.move(1)
    assert office.post(order).state == "posted"


def test_a_card_is_not_an_order(office: Office) -> None:
    office.connect()
    assert office.post(office.order(outcome="virtual_card")).state == "not_an_order"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": "in_committee"}, "UNKNOWN_STATE"),
        ({"outcome": "barter"}, "UNKNOWN_OUTCOME"),
        ({"subsidiary": {"airbase_id": "sub-fr", "name": "France"}}, "UNKNOWN_SUBSIDIARY"),
        ({"total_amount": "1250.01"}, "TOTAL_MISMATCH"),
        ({"total_amount": "many"}, "BAD_AMOUNT"),
        ({"currency": {"iso_code": "USD"}}, "CURRENCY_NOT_ACTIVE"),
        ({"expense_list": []}, "MISSING_FIELD"),
        ({"payment_term": "90"}, "UNKNOWN_PAYMENT_CONDITION"),
        ({"transaction_tags": [{"type_label": "Colour", "name": "Red"}]}, "UNKNOWN_TAG"),
        ({"id": "another"}, "NOT_THE_ORDER"),
        ({"transaction_tags": "Department"}, "BAD_FIELD"),
    ],
)
def test_what_cannot_be_posted_costs_exact_no_call(
    office: Office, change: dict[str, object], code: str
) -> None:
    office.connect()
    order = office.order()
    asked = dict(order)
    order.update(change)
    before = office.exact_calls()
    assert office.post(asked).state == "review"
    assert office.codes(asked) == [code]
    assert office.exact_calls() == before
    assert office.steps(asked)[-1] == "review"


def test_an_order_that_airbase_does_not_have(office: Office) -> None:
    office.connect()
    assert office.post({"id": "no/such order"}).state == "review"
    assert office.codes({"id": "no/such order"}) == ["NOT_IN_AIRBASE"]


def test_an_inactive_vendor(office: Office) -> None:
    office.connect()
    office.firm.vendors["Cloudwerk"]["is_active"] = False
    order = office.order()
    office.post(order)
    assert office.codes(order) == ["VENDOR_INACTIVE"]


def test_a_lost_answer_is_looked_for_and_adopted(office: Office) -> None:
    office.connect()
    office.exact.faults.append(ExactFault("timeout_after_commit", "POST", _POST))
    order = office.order()
    assert office.post(order).state == "posting"
    office.wait(minutes=1)
    assert office.record(order).state == "posting"
    office.wait(minutes=2)
    assert office.record(order).state == "posted"
    assert office.steps(order)[-1] == "adopted"
    assert len(office.in_exact()) == 1


def test_where_your_ref_cannot_be_filtered_the_stream_is_searched(office: Office) -> None:
    office.connect()
    office.exact.policy.your_ref_filter = False
    for number in ("PO-1", "PO-2"):
        office.exact.faults.append(ExactFault("timeout_after_commit", "POST", _POST))
        order = office.order(number)
        office.post(order)
        office.wait(minutes=3)
        assert office.steps(order)[-1] == "adopted"
    refused = [c for c in office.exact.calls if c.status == 400]
    assert len(refused) == 1, "that the filter is refused is remembered"


def test_a_post_that_never_arrived_is_sent_again(office: Office) -> None:
    office.connect()
    office.exact.faults.append(ExactFault("timeout_before_commit", "POST", _POST))
    order = office.order()
    office.post(order)
    office.wait(minutes=3)
    assert office.record(order).state == "posted"
    assert "looked" in office.steps(order)


def test_a_full_minute_makes_orders_wait_in_order(office: Office) -> None:
    office.connect()
    office.exact.limits.per_minute = 10
    office.clock.move(120)
    office.post(office.order("PO-first"))  # from its answer the limit is learned
    office.clock.move(60)
    orders = [office.order(f"PO-{n}") for n in range(25)]
    for order in orders:
        office.post(order)
        office.clock.move(0.1)
    waiting = [o for o in orders if office.record(o).state != "posted"]
    assert 0 < len(waiting) < len(orders)
    for _ in range(5):
        office.wait(seconds=60)
    numbers = [posted["YourRef"] for posted in office.in_exact()][1:]
    assert numbers == [f"PO-{n}" for n in range(25)]
    assert not [c for c in office.exact.calls if c.status == 429]


def test_airbase_asks_to_slow_down(office: Office) -> None:
    office.connect()
    office.airbase.faults.append(AirbaseFault("rate_limited", 30))
    first, second = office.order("PO-1"), office.order("PO-2")
    office.post(first)
    before = len(office.airbase.calls)
    office.post(second)
    assert len(office.airbase.calls) == before, "all workers leave Airbase alone"
    for _ in range(20):
        office.wait(minutes=1)
    assert {office.record(o).state for o in (first, second)} == {"posted"}


def test_a_missing_carrier_item_is_made_once(office: Office) -> None:
    office.exact.add_gl_account(NL.division, "4700", "Research")
    office.connect(**office.config(create_items=True, item_unit="pc"))
    for number in ("PO-1", "PO-2"):
        order = office.order(number, lines=[office.airbase.line("4700", "10.00")])
        assert office.post(order).state == "posted"
    items = office.exact.world.divisions[NL.division].table("logistics/Items").values()
    assert [i["Code"] for i in items if i["Code"].startswith("AB-")] == ["AB-4700"]


def test_supplier_links_are_made_where_the_division_wants_them(office: Office) -> None:
    office.exact.world.divisions[BE.division].requires_supplier_items = True
    office.connect(**office.config(link_supplier_items=True))
    for number in ("PO-1", "PO-2"):
        assert office.post(office.order(number, BE)).state == "posted"
    links = office.exact.world.divisions[BE.division].table("logistics/SupplierItem")
    assert len(links) == 1


def test_a_halted_connection_goes_on_after_a_new_consent(office: Office) -> None:
    office.connect()
    office.exact.revoke_consent()
    office.clock.move(700)
    order = office.order()
    office.post(order)
    assert office.doors.ledger.halted(FIRM)
    assert office.record(order).facts["waiting"]["code"] == "HALTED"
    office.consent()
    office.doors.ledger.clear_halt(FIRM)
    office.doors = office.mini.doors()
    office.wait(minutes=16)
    assert office.record(order).state == "posted"


def test_one_connection_never_stops_the_next(office: Office) -> None:
    office.connect()
    other = office.connect("zuiderzon").id
    office.mini.vault.store("airbase-key", FIRM, {"api_key": "revoked"})
    mine, theirs = office.order("PO-1"), office.order("PO-2")
    office.post(mine)
    assert office.post(theirs, other).state == "posted"
    assert office.doors.ledger.halted(FIRM)
    assert not office.doors.ledger.halted(other)


def test_an_exception_is_tried_again_when_exacts_data_change(office: Office) -> None:
    office.connect()
    order = office.order(lines=[office.airbase.line("4600", "10.00")])
    office.post(order)
    assert office.codes(order) == ["GL_ACCOUNT_BLOCKED"]
    accounts = office.exact.world.divisions[NL.division].table("financial/GLAccounts")
    key = next(k for k, row in accounts.items() if row["Code"].strip() == "4600")
    office.exact.change(NL.division, "financial/GLAccounts", key, IsBlocked=False)
    office.wait(hours=4, minutes=1)
    assert office.record(order).state == "posted"


def test_a_vendor_that_gets_its_reference_is_linked_and_its_orders_go_on(office: Office) -> None:
    office.connect()
    order = office.order(vendor="Nieuwkomer Catering")
    office.post(order)
    assert office.codes(order) == ["UNKNOWN_VENDOR"]
    office.exact.add_supplier(NL.division, "Nieuwkomer Catering BV", code="106")
    office.firm.vendors["Nieuwkomer Catering"]["erp_reference_id"] = "106"
    office.wait(hours=4, minutes=1)
    assert office.record(order).state == "posted"


def test_a_total_that_exact_counts_otherwise_is_shown(office: Office) -> None:
    office.exact.add_vat_code(NL.division, "9", 0.21, kind="I")
    office.connect(amounts_include_vat=True)
    lines = [office.airbase.line("4100", "121.00", tax_code="9")]
    order = office.order(lines=lines)
    assert office.post(order).state == "posted"
    assert office.codes(order) == []
