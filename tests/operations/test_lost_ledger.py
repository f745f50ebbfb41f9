"""With nothing left but the connection's id, what Exact holds is found and not posted again."""

from datetime import timedelta

import pytest

from local.firm import NL
from local.miniature import Miniature
from local.office import FIRM, Office
from ml_connector import clock


def lose_everything(office: Office) -> None:
    """Start with empty tables, queues and vault, as after the loss of the key."""
    office.mini = Miniature(office.mini.transport)
    office.doors = office.mini.doors()
    office.clock.move(timedelta(days=3))
    office.connect()


@pytest.mark.parametrize("is_told", [True, False])
@pytest.mark.parametrize("filters", [True, False])
def test_an_order_of_the_lost_ledger_is_found_if_we_are_told_to_look(
    office: Office, is_told: bool, filters: bool
) -> None:
    office.exact.policy.your_ref_filter = filters
    office.connect()
    order = office.order()
    number = office.post(order).facts["exact"]["number"]
    lose_everything(office)
    if is_told:
        now = clock.now()
        office.doors.ledger.restored(FIRM, now - timedelta(days=3), now + timedelta(days=30))
    record = office.post(order)
    assert record.state == "posted"
    assert len(office.in_exact()) == 1, "told or not: Exact's stream has been read from its start"
    assert "found_again" in office.steps(order)
    assert record.facts["exact"]["number"] == str(number)


@pytest.mark.parametrize("is_told", [True, False])
def test_an_order_that_the_stream_has_not_told_yet_is_found_if_we_are_told_to_look(
    office: Office, is_told: bool
) -> None:
    office.connect()
    order = office.order()
    office.post(order)
    office.mini.tables.ledger.delete(FIRM, f"order#{order['id']}")
    for entry in list(office.mini.tables.audit.query(f"{FIRM}#order#{order['id']}")):
        office.mini.tables.audit.delete(str(entry["pk"]), str(entry["sk"]))
    office.clock.move(400)
    if is_told:
        now = clock.now()
        office.doors.ledger.restored(FIRM, now - timedelta(days=3), now + timedelta(days=30))
    assert office.post(order).state == "posted"
    if not is_told:
        assert len(office.in_exact()) == 2, "which is why the page has us tell it"
        return
    assert len(office.in_exact()) == 1
    assert office.steps(order)[-2:] == ["intent", "adopted"]


def test_the_look_ends_after_its_time_and_costs_a_call_until_then(office: Office) -> None:
    office.connect()
    now = clock.now()
    office.doors.ledger.restored(FIRM, now, now + timedelta(hours=2))
    for hours, calls in ((1, 2), (2, 1)):
        office.clock.move(timedelta(hours=hours))
        before = office.exact_calls()
        assert office.post(office.order(f"PO-{hours}")).state == "posted"
        assert office.exact_calls() - before == calls


def test_several_of_one_order_in_exact_are_a_persons_matter(office: Office) -> None:
    office.connect()
    order = office.order()
    office.post(order)
    (there,) = office.in_exact()
    twin = office.order("PO-2")
    office.post(twin)
    key = office.in_exact()[1]["PurchaseOrderID"]
    office.exact.change(NL.division, "purchaseorder/PurchaseOrders", key, Remarks=there["Remarks"])
    lose_everything(office)
    assert office.post(order).state == "review"
    assert office.codes(order) == ["SEVERAL_IN_EXACT"]
    assert len(office.in_exact()) == 2
