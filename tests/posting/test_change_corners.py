"""Corners of following a posted order: what seeded histories and properties have found."""

import json
from typing import Any

import pytest

from local.exact_simulator import Fault
from local.firm import NL
from local.office import FIRM, Office
from ml_connector.doors.inbox import Arrival
from ml_connector.doors.queues import PURCHASE_ORDERS
from tests.posting.test_changes import amend, amounts_in_exact, by_hand, cancelled, exact_id, posted

_ORDERS, _LINES = "purchaseorder/PurchaseOrders", "purchaseorder/PurchaseOrderLines"


def test_drift_is_shown_while_another_approval_round_runs(office: Office) -> None:
    office.connect()
    order = posted(office, "100.00")
    order["status"] = "pending"
    office.post(order)
    by_hand(office, UnitPrice=130.0)
    office.wait(hours=4, minutes=1)
    assert office.codes(order) == ["CHANGED_IN_EXACT"]
    by_hand(office, UnitPrice=100.0)
    office.wait(hours=4, minutes=1)
    assert office.codes(order) == []
    order["status"] = "approved"
    office.post(order)
    assert office.codes(order) == []


def test_what_waits_for_approval_is_not_asked_for_again_and_again(office: Office) -> None:
    office.connect()
    order = posted(office, "100.00")
    order["status"] = "pending"
    for _ in range(2):
        tell(office, order, f"event-{office.clock()}")
        office.wait(minutes=4)
    assert office.record(order).due_at is None


def test_a_change_under_way_ends_before_the_next_is_approved(office: Office) -> None:
    office.connect()
    order = posted(office, "100.00")
    office.exact.faults.append(Fault("timeout_before_commit", "PUT", _LINES))
    amend(office, order, "150.00")
    order["status"] = "pending"
    amend(office, order, "900.00")
    office.wait(minutes=3)
    assert amounts_in_exact(office) == [150.0]
    assert office.codes(order) == [], "what is not approved yet is no measure"
    order["status"] = "approved"
    office.post(order)
    assert amounts_in_exact(office) == [900.0]


def test_an_order_that_comes_alive_again_in_exact_is_looked_at(office: Office) -> None:
    office.connect(when_cancelled="report")
    order = posted(office)
    key = exact_id(office)
    office.exact.change(NL.division, _ORDERS, key, OrderStatus=40)
    assert cancelled(office, order) == "cancelled"
    office.wait(hours=4, minutes=1)
    steps = office.steps(order)
    office.wait(hours=4, minutes=1)
    assert office.steps(order) == steps
    office.exact.change(NL.division, _ORDERS, key, OrderStatus=10)
    office.wait(hours=4, minutes=1)
    assert office.codes(order) == ["CANCELLED_AFTER_POSTING"]


def test_a_removal_that_somebody_else_was_faster_at_is_done(office: Office) -> None:
    office.connect(when_cancelled="delete")
    order, another = posted(office), office.order("PO-2")
    office.post(another)
    key = exact_id(office)

    def just_before(request: Any) -> None:
        if request.method == "DELETE" and key in office.exact.world.divisions[NL.division].table(
            _ORDERS
        ):
            office.exact.remove(NL.division, _ORDERS, key)

    office.exact.on_call = just_before
    assert cancelled(office, order) == "cancelled"
    assert office.codes(order) == []


def test_approved_again_while_a_removal_was_under_way_it_is_posted_again(office: Office) -> None:
    office.connect(when_cancelled="delete")
    order = posted(office)
    office.exact.faults.append(Fault("timeout_after_commit", "DELETE", _ORDERS))
    cancelled(office, order)
    order["status"] = "approved"
    office.post(order)
    office.wait(minutes=3)
    assert office.codes(order) == []
    assert len(office.in_exact()) == 1


def test_a_change_that_was_not_sent_is_taken_back(office: Office) -> None:
    office.connect()
    order = posted(office, "100.00")
    office.exact.faults.append(Fault("rate_limited_minute", "PUT", _LINES))
    amend(office, order, "150.00")
    assert office.record(order).facts["change"] is None
    by_hand(office, UnitPrice=130.0)
    office.wait(minutes=3)
    assert office.codes(order) == ["CHANGED_IN_BOTH"]
    assert amounts_in_exact(office) == [130.0], "nothing was under way: nothing is overwritten"


def test_an_order_deleted_during_a_change_is_looked_at_like_any_other(office: Office) -> None:
    office.connect()
    order, another = posted(office, "100.00"), office.order("PO-2")
    office.post(another)
    key = exact_id(office)
    office.exact.faults.append(Fault("timeout_before_commit", "PUT", _LINES))
    amend(office, order, "150.00")
    office.exact.remove(NL.division, _ORDERS, key)
    office.wait(minutes=3)
    assert office.codes(order) == ["DELETED_IN_EXACT"]
    assert office.record(order).state == "posted"


def test_a_change_given_up_leaves_no_drift_of_its_own(office: Office) -> None:
    office.connect(when_cancelled="report")
    order = posted(office, "100.00", "200.00")
    office.exact.faults.append(Fault("timeout_after_commit", "PUT", _LINES))
    amend(office, order, "110.00", "200.00")
    order["status"] = "cancelled"
    office.post(order)
    office.wait(minutes=3)
    assert office.codes(order) == ["CANCELLED_AFTER_POSTING"]
    order["status"] = "approved"
    amend(office, order, "110.00", "250.00")
    assert office.codes(order) == []
    assert amounts_in_exact(office) == [110.0, 250.0]


def tell(office: Office, order: dict[str, Any], key: str, made: str = "") -> None:
    """Let an event arrive that carries the order as it is now."""
    arrival = Arrival(
        connection=FIRM,
        source="airbase",
        key=key,
        queue=PURCHASE_ORDERS,
        group=order["id"],
        message={"kind": "order", "order": order["id"]},
        body=json.dumps({"created_date": made, "data": order}).encode(),
        headers={},
    )
    kept, _ = office.doors.inbox.keep(arrival)
    office.mini.queues.send(kept.message, kept.once)
    office.work()


@pytest.mark.parametrize(
    ("early", "late"),
    [
        ({"made": "2026-11-23T10:00:00"}, {"made": "2026-11-23T10:00:01"}),
        ({"made": "2026-10-25T02:30:00+02:00"}, {"made": "2026-10-25T02:10:00+01:00"}),
        ({"made": "", "revision": 9}, {"made": "", "revision": 10}),
        ({"made": "", "status": "pending"}, {"made": ""}),
    ],
)
def test_the_latest_event_counts_however_they_come(
    office: Office, early: dict[str, Any], late: dict[str, Any]
) -> None:
    office.connect(profile={"order_source": "event"})
    order = office.order()
    words = [(order | early | {"notes": "old"}, early), (order | late | {"notes": "new"}, late)]
    for number, (word, of) in enumerate(reversed(words)):
        tell(office, word, f"event-{number}", of["made"])
    assert office.in_exact()[0]["Description"] == "new"
