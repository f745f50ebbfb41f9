"""Edge cases of amending a posted order, found by seeded histories and properties."""

import json
from typing import Any

import httpx
import pytest

from local.exact_simulator import ExactFault
from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.infrastructure.inbox import IncomingEvent
from ml_connector.infrastructure.queues import PURCHASE_ORDERS
from tests.purchase_orders.test_changes import (
    amend,
    amounts_in_exact,
    by_hand,
    cancelled,
    exact_id,
    posted,
)

_ORDERS, _LINES = "purchaseorder/PurchaseOrders", "purchaseorder/PurchaseOrderLines"


def test_drift_is_reported_during_a_new_approval_round(env: InMemoryEnvironment) -> None:
    env.connect()
    order = posted(env, "100.00")
    order["status"] = "pending"
    env.post(order)
    by_hand(env, UnitPrice=130.0)
    env.wait(hours=4, minutes=1)
    assert env.codes(order) == ["CHANGED_IN_EXACT"]
    by_hand(env, UnitPrice=100.0)
    env.wait(hours=4, minutes=1)
    assert env.codes(order) == []
    order["status"] = "approved"
    env.post(order)
    assert env.codes(order) == []


def test_a_pending_order_is_not_fetched_again_and_again(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    order = posted(env, "100.00")
    order["status"] = "pending"
    for _ in range(2):
        deliver(env, order, f"event-{env.clock()}")
        env.wait(minutes=4)
    assert env.record(order).due_at is None


def test_a_change_under_way_ends_before_the_next_is_approved(env: InMemoryEnvironment) -> None:
    env.connect()
    order = posted(env, "100.00")
    env.exact.faults.append(ExactFault("timeout_before_commit", "PUT", _LINES))
    amend(env, order, "150.00")
    order["status"] = "pending"
    amend(env, order, "900.00")
    env.wait(minutes=3)
    assert amounts_in_exact(env) == [150.0]
    assert env.codes(order) == [], "unapproved amounts are not compared"
    order["status"] = "approved"
    env.post(order)
    assert amounts_in_exact(env) == [900.0]


def test_nothing_is_read_or_written_while_a_change_may_be_under_way(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    order = posted(env, "100.00")
    env.exact.faults.append(ExactFault("timeout_before_commit", "PUT", _LINES))
    amend(env, order, "150.00")
    before = env.exact_calls()
    env.clock.move(60)
    amend(env, order, "170.00")
    assert env.exact_calls() == before
    assert env.record(order).facts.waiting_for == "OUTCOME_UNKNOWN"
    env.wait(minutes=3)
    assert amounts_in_exact(env) == [170.0]


class WithoutOrders(httpx.BaseTransport):
    """Exact for a user who may no longer see purchase orders: its lists of them are empty."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self.inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET" and request.url.path.endswith(_ORDERS):
            return httpx.Response(200, json={"d": {"results": []}})
        return self.inner.handle_request(request)


def test_an_order_that_a_missing_right_hides_does_not_count_as_deleted(
    env: InMemoryEnvironment,
) -> None:
    env.connect(when_cancelled="delete")
    order = posted(env, "100.00")
    everything = env.memory.transport
    env.memory.transport = WithoutOrders(everything)
    env.services = env.memory.services()
    amend(env, order, "150.00")
    assert env.codes(order) == ["EXACT_SHOWS_NOTHING"]
    env.retry(order)
    assert len(env.in_exact()) == 1, "it is not posted again"
    env.memory.transport = everything
    env.services = env.memory.services()
    env.retry(order)
    assert (env.codes(order), amounts_in_exact(env)) == ([], [150.0])


def test_an_order_reopened_in_exact_is_reported(env: InMemoryEnvironment) -> None:
    env.connect(when_cancelled="report")
    order = posted(env)
    key = exact_id(env)
    env.exact.change(NL.division, _ORDERS, key, OrderStatus=40)
    assert cancelled(env, order) == "cancelled"
    env.wait(hours=4, minutes=1)
    steps = env.steps(order)
    env.wait(hours=4, minutes=1)
    assert env.steps(order) == steps
    env.exact.change(NL.division, _ORDERS, key, OrderStatus=10)
    env.wait(hours=4, minutes=1)
    assert env.codes(order) == ["CANCELLED_AFTER_POSTING"]


def test_a_removal_counts_as_done_when_somebody_else_was_faster(env: InMemoryEnvironment) -> None:
    env.connect(when_cancelled="delete")
    order, another = posted(env), env.order("PO-2")
    env.post(another)
    key = exact_id(env)

    def just_before(request: Any) -> None:
        if request.method == "DELETE" and key in env.exact.world.divisions[NL.division].table(
            _ORDERS
        ):
            env.exact.remove(NL.division, _ORDERS, key)

    env.exact.on_call = just_before
    assert cancelled(env, order) == "cancelled"
    assert env.codes(order) == []


def test_approved_again_while_a_removal_was_under_way_it_is_posted_again(
    env: InMemoryEnvironment,
) -> None:
    env.connect(when_cancelled="delete")
    order = posted(env)
    env.exact.faults.append(ExactFault("timeout_after_commit", "DELETE", _ORDERS))
    cancelled(env, order)
    order["status"] = "approved"
    env.post(order)
    env.wait(minutes=3)
    assert env.codes(order) == []
    assert len(env.in_exact()) == 1


def test_a_change_that_was_not_sent_is_taken_back(env: InMemoryEnvironment) -> None:
    env.connect()
    order = posted(env, "100.00")
    env.exact.faults.append(ExactFault("rate_limited_minute", "PUT", _LINES))
    amend(env, order, "150.00")
    assert env.record(order).facts.change is None
    by_hand(env, UnitPrice=130.0)
    env.wait(minutes=3)
    assert env.codes(order) == ["CHANGED_IN_BOTH"]
    assert amounts_in_exact(env) == [130.0], "nothing was under way: nothing is overwritten"


def test_an_order_deleted_during_a_change_is_reported_like_any_other(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    order, another = posted(env, "100.00"), env.order("PO-2")
    env.post(another)
    key = exact_id(env)
    env.exact.faults.append(ExactFault("timeout_before_commit", "PUT", _LINES))
    amend(env, order, "150.00")
    env.exact.remove(NL.division, _ORDERS, key)
    env.wait(minutes=3)
    assert env.codes(order) == ["DELETED_IN_EXACT"]
    assert env.record(order).state == "posted"


def test_a_change_given_up_leaves_no_drift_of_its_own(env: InMemoryEnvironment) -> None:
    env.connect(when_cancelled="report")
    order = posted(env, "100.00", "200.00")
    env.exact.faults.append(ExactFault("timeout_after_commit", "PUT", _LINES))
    amend(env, order, "110.00", "200.00")
    order["status"] = "cancelled"
    env.post(order)
    env.wait(minutes=3)
    assert env.codes(order) == ["CANCELLED_AFTER_POSTING"]
    order["status"] = "approved"
    amend(env, order, "110.00", "250.00")
    assert env.codes(order) == []
    assert amounts_in_exact(env) == [110.0, 250.0]


def deliver(env: InMemoryEnvironment, order: dict[str, Any], key: str, created: str = "") -> None:
    """Deliver an event that carries the order as it is now."""
    arrival = IncomingEvent(
        connection=FIRM,
        source="airbase",
        key=key,
        queue=PURCHASE_ORDERS,
        group=order["id"],
        message={"kind": "order", "order": order["id"]},
        body=json.dumps({"created_date": created, "data": order}).encode(),
        headers={},
    )
    kept, _ = env.services.inbox_of(FIRM).keep(arrival)
    env.memory.queues.send(kept.message, kept.once)
    env.work()


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
    env: InMemoryEnvironment, early: dict[str, Any], late: dict[str, Any]
) -> None:
    env.connect(profile={"order_source": "event"})
    order = env.order()
    events = [(order | early | {"notes": "old"}, early), (order | late | {"notes": "new"}, late)]
    for number, (content, event) in enumerate(reversed(events)):
        deliver(env, content, f"event-{number}", event["made"])
    assert env.in_exact()[0]["Description"] == "new"
