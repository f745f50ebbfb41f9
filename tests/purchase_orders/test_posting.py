"""The posting protocol against both simulators."""

from decimal import Decimal

import pytest

from local.exact_simulator import ExactFault
from local.firm import BE, NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.simulator import SimulatedFault as AirbaseFault
from ml_connector.domain.records import ExactReference
from ml_connector.infrastructure.halts import Halts

_POST = "purchaseorder/PurchaseOrders"


def test_an_approved_order_takes_one_call_and_every_step_is_audited(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    before = env.exact_calls()
    order = env.order(description="Licences for the whole firm")
    record = env.post(order)
    assert record.state == "posted"
    assert env.exact_calls() - before == 1
    assert env.steps(order) == ["received", "fetched", "intent", "posted"]
    (posted,) = env.in_exact()
    assert (posted["YourRef"], posted["AmountFCExclVat"]) == ("PO-1", 1250.0)
    amount = Decimal(str(posted["AmountFC"]))
    assert record.facts.exact == ExactReference(
        posted["PurchaseOrderID"], posted["OrderNumber"], amount
    )


def test_a_repeated_event_changes_nothing(env: InMemoryEnvironment) -> None:
    env.connect()
    order = env.order()
    env.post(order)
    before = env.exact_calls()
    env.clock.move(400)
    env.post(order)
    assert env.exact_calls() == before
    assert len(env.in_exact()) == 1


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
def test_only_approved_orders_are_posted(env: InMemoryEnvironment, status: str, state: str) -> None:
    env.connect()
    order = env.order(status=status)
    assert env.post(order).state == state
    order["status"] = "approved"
    env.clock.move(1)
    assert env.post(order).state == "posted"


def test_a_card_is_not_an_order(env: InMemoryEnvironment) -> None:
    env.connect()
    assert env.post(env.order(outcome="virtual_card")).state == "not_an_order"


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
def test_exact_is_not_called_for_an_order_that_cannot_be_posted(
    env: InMemoryEnvironment, change: dict[str, object], code: str
) -> None:
    env.connect()
    order = env.order()
    requested = dict(order)
    order.update(change)
    before = env.exact_calls()
    assert env.post(requested).state == "review"
    assert env.codes(requested) == [code]
    assert env.exact_calls() == before
    assert env.steps(requested)[-1] == "review"


def test_an_order_that_airbase_does_not_have(env: InMemoryEnvironment) -> None:
    env.connect()
    assert env.post({"id": "no/such order"}).state == "review"
    assert env.codes({"id": "no/such order"}) == ["NOT_IN_AIRBASE"]


def test_an_inactive_vendor(env: InMemoryEnvironment) -> None:
    env.connect()
    env.firm.vendors["Cloudwerk"]["is_active"] = False
    order = env.order()
    env.post(order)
    assert env.codes(order) == ["VENDOR_INACTIVE"]


def test_an_order_whose_answer_was_lost_is_found_and_adopted(env: InMemoryEnvironment) -> None:
    env.connect()
    env.exact.faults.append(ExactFault("timeout_after_commit", "POST", _POST))
    order = env.order()
    assert env.post(order).state == "posting"
    env.wait(minutes=1)
    assert env.record(order).state == "posting"
    env.wait(minutes=2)
    assert env.record(order).state == "posted"
    assert env.steps(order)[-1] == "adopted"
    assert len(env.in_exact()) == 1


def test_where_your_ref_cannot_be_filtered_the_stream_is_searched(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    env.exact.policy.your_ref_filter = False
    for number in ("PO-1", "PO-2"):
        env.exact.faults.append(ExactFault("timeout_after_commit", "POST", _POST))
        order = env.order(number)
        env.post(order)
        env.wait(minutes=3)
        assert env.steps(order)[-1] == "adopted"
    refused = [c for c in env.exact.calls if c.status == 400]
    assert len(refused) == 1, "that the filter is refused is remembered"


def test_an_order_that_was_certainly_not_sent_is_not_looked_for(env: InMemoryEnvironment) -> None:
    env.connect()
    env.exact.faults.append(ExactFault("rate_limited_minute", "POST", _POST))
    order = env.order()
    assert env.post(order).state == "received"
    assert env.steps(order)[-2:] == ["not_sent", "waiting"]
    before = env.exact_calls()
    env.wait(minutes=3)
    assert env.record(order).state == "posted"
    assert env.exact_calls() - before == 1, "the POST alone"


def test_a_refused_order_was_not_posted_and_is_not_looked_for(env: InMemoryEnvironment) -> None:
    env.connect()
    order = env.order()
    suppliers = env.exact.world.divisions[NL.division].table("crm/Accounts")
    key = next(key for key, row in suppliers.items() if row["Name"].startswith("Cloudwerk"))
    env.exact.change(NL.division, "crm/Accounts", key, Blocked=True)
    record = env.post(order)
    assert (record.state, len(record.problems)) == ("review", 1)
    assert env.steps(order)[-2:] == ["refused", "review"]
    before = env.exact_calls()
    env.exact.change(NL.division, "crm/Accounts", key, Blocked=False)
    env.clock.move(400)
    assert env.post(order).state == "posted"
    assert env.exact_calls() - before == 1, "the POST alone"


def test_a_post_that_never_arrived_is_sent_again(env: InMemoryEnvironment) -> None:
    env.connect()
    env.exact.faults.append(ExactFault("timeout_before_commit", "POST", _POST))
    order = env.order()
    env.post(order)
    env.wait(minutes=3)
    assert env.record(order).state == "posted"
    assert "looked" in env.steps(order)


def test_a_full_minute_makes_orders_wait_in_order(env: InMemoryEnvironment) -> None:
    env.connect()
    env.exact.limits.per_minute = 10
    env.clock.move(120)
    env.post(env.order("PO-first"))  # from its answer the limit is learned
    env.clock.move(60)
    orders = [env.order(f"PO-{n}") for n in range(25)]
    for order in orders:
        env.post(order)
        env.clock.move(0.1)
    waiting = [o for o in orders if env.record(o).state != "posted"]
    assert 0 < len(waiting) < len(orders)
    for _ in range(5):
        env.wait(seconds=60)
    numbers = [posted["YourRef"] for posted in env.in_exact()][1:]
    assert numbers == [f"PO-{n}" for n in range(25)]
    assert not [c for c in env.exact.calls if c.status == 429]


def test_airbase_asks_to_slow_down(env: InMemoryEnvironment) -> None:
    env.connect()
    env.airbase.faults.append(AirbaseFault("rate_limited", 30))
    first, second = env.order("PO-1"), env.order("PO-2")
    env.post(first)
    before = len(env.airbase.calls)
    env.post(second)
    assert len(env.airbase.calls) == before, "no worker calls Airbase"
    for _ in range(20):
        env.wait(minutes=1)
    assert {env.record(o).state for o in (first, second)} == {"posted"}


def test_a_missing_carrier_item_is_created_once(env: InMemoryEnvironment) -> None:
    env.exact.add_gl_account(NL.division, "4700", "Research")
    env.connect(**env.config(create_items=True, item_unit="pc"))
    for number in ("PO-1", "PO-2"):
        order = env.order(number, lines=[env.airbase.line("4700", "10.00")])
        assert env.post(order).state == "posted"
    items = env.exact.world.divisions[NL.division].table("logistics/Items").values()
    assert [i["Code"] for i in items if i["Code"].startswith("AB-")] == ["AB-4700"]


def test_supplier_links_are_created_where_the_division_wants_them(env: InMemoryEnvironment) -> None:
    env.exact.world.divisions[BE.division].requires_supplier_items = True
    env.connect(**env.config(link_supplier_items=True))
    for number in ("PO-1", "PO-2"):
        assert env.post(env.order(number, BE)).state == "posted"
    links = env.exact.world.divisions[BE.division].table("logistics/SupplierItem")
    assert len(links) == 1


def test_a_halted_connection_continues_after_a_new_consent(env: InMemoryEnvironment) -> None:
    env.connect()
    env.exact.revoke_consent()
    env.clock.move(700)
    order = env.order()
    env.post(order)
    assert Halts(env.services.ledger_of(FIRM)).is_stopped(NL.key)
    assert env.record(order).facts.waiting_for == "HALTED"
    env.consent()
    Halts(env.services.ledger_of(FIRM)).lift_all()
    env.services = env.memory.services()
    env.wait(minutes=16)
    assert env.record(order).state == "posted"


def test_one_connection_never_stops_the_next(env: InMemoryEnvironment) -> None:
    env.connect()
    other = env.connect("zuiderzon").id
    env.memory.secret_store.store("airbase-key", FIRM, {"api_key": "revoked"})
    mine, theirs = env.order("PO-1"), env.order("PO-2")
    env.post(mine)
    assert env.post(theirs, other).state == "posted"
    assert Halts(env.services.ledger_of(FIRM)).is_stopped()
    assert not Halts(env.services.ledger_of(other)).is_stopped()


def test_an_exception_is_tried_again_when_exacts_data_change(env: InMemoryEnvironment) -> None:
    env.connect()
    order = env.order(lines=[env.airbase.line("4600", "10.00")])
    env.post(order)
    assert env.codes(order) == ["GL_ACCOUNT_BLOCKED"]
    accounts = env.exact.world.divisions[NL.division].table("financial/GLAccounts")
    key = next(k for k, row in accounts.items() if row["Code"].strip() == "4600")
    env.exact.change(NL.division, "financial/GLAccounts", key, IsBlocked=False)
    env.wait(hours=4, minutes=1)
    assert env.record(order).state == "posted"


def test_a_vendor_that_gets_its_reference_is_linked_and_its_orders_continue(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    order = env.order(vendor="Nieuwkomer Catering")
    env.post(order)
    assert env.codes(order) == ["UNKNOWN_VENDOR"]
    env.exact.add_supplier(NL.division, "Nieuwkomer Catering BV", code="106")
    env.firm.vendors["Nieuwkomer Catering"]["erp_reference_id"] = "106"
    env.wait(hours=4, minutes=1)
    assert env.record(order).state == "posted"


def test_a_total_that_includes_vat_is_compared_with_exacts_total_including_vat(
    env: InMemoryEnvironment,
) -> None:
    env.exact.add_vat_code(NL.division, "9", 0.21, kind="I")
    env.connect(amounts_include_vat=True)
    lines = [env.airbase.line("4100", "121.00", tax_code="9")]
    order = env.order(lines=lines)
    assert env.post(order).state == "posted"
    assert env.codes(order) == []
