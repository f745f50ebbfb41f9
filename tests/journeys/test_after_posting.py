"""Changes after posting, in Airbase and in Exact, on the stack of the template."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from local.demo.environment import FIRM, DemoEnvironment
from local.firm import NL
from ml_connector.domain.ids import OrderId
from ml_connector.domain.orders.marker import is_marked_for
from ml_connector.infrastructure.ledger import OrderRecord, order_key

_ORDERS, _LINES = "purchaseorder/PurchaseOrders", "purchaseorder/PurchaseOrderLines"
_STREAM = "sync/PurchaseOrder/PurchaseOrders"
_REFRESH_CALLS = 5
"""Calls of one division every four hours: three streams, the orders, the deletions."""

Row = dict[str, Any]


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoEnvironment]:
    with DemoEnvironment() as demo:
        demo.connect()
        demo.services.connections.save(with_policies(demo))
        demo.stack.fire("TokenRefreshFunctionEverySixHours")  # subscribes to Exact's webhooks
        demo.stack.drain()
        yield demo


def with_policies(demo: DemoEnvironment) -> Any:
    connection = demo.services.connections.get(FIRM)
    assert connection
    return connection.model_copy(update={"when_cancelled": "delete", "when_closed": "note"})


@pytest.fixture(autouse=True)
def _fresh_minute(demo: DemoEnvironment) -> None:
    """Discard notifications of earlier tests, and start in a new minute."""
    demo.exact.webhooks.drop = 0
    demo.exact.webhooks.outbox.clear()
    demo.wait(timedelta(minutes=2))


def posted(demo: DemoEnvironment, number: str, *amounts: str) -> Row:
    lines = [demo.airbase.line("4100", amount, f"Part {amount}") for amount in amounts]
    vendor = demo.firm.vendors["Cloudwerk"]
    order = demo.airbase.add_order(number, NL.subsidiary, vendor, lines)
    demo.airbase.approve(order)
    demo.stack.drain()
    assert record(demo, order).state == "posted"
    deliver_notifications(demo)  # of our own posting
    return order


def record(demo: DemoEnvironment, order: Row) -> OrderRecord:
    return demo.services.ledger_of(FIRM).read(order_key(OrderId(order["id"])))


def codes(demo: DemoEnvironment, order: Row) -> list[str]:
    return [found.code for found in record(demo, order).problems]


def steps(demo: DemoEnvironment, order: Row) -> list[str]:
    key = order_key(OrderId(order["id"]))
    return [entry.step for entry in demo.services.ledger_of(FIRM).trail(key)]


def in_exact(demo: DemoEnvironment, order: Row) -> list[Row]:
    found = demo.exact.purchase_orders(NL.division)
    return [one for one in found if is_marked_for(one["Remarks"], FIRM, OrderId(order["id"]))]


def deliver_notifications(demo: DemoEnvironment) -> None:
    """Deliver Exact's notifications and process them with the next sweep."""
    assert all(status // 100 == 2 for status in demo.exact.webhooks.pump())
    demo.stack.drain()
    demo.wait(timedelta(minutes=1))


def calls(demo: DemoEnvironment) -> Sequence[Any]:
    return [call for call in demo.posting_calls() if call.division == NL.division]


def set_price(demo: DemoEnvironment, order: Row, price: float) -> None:
    (found,) = in_exact(demo, order)
    demo.exact.change(NL.division, _LINES, found["lines"][0]["ID"], UnitPrice=price)
    demo.exact.change(NL.division, _ORDERS, found["PurchaseOrderID"])


def test_amended_then_cancelled(demo: DemoEnvironment) -> None:
    order = posted(demo, "PO-1", "100.00", "200.00")
    lines = [demo.airbase.line("4100", amount, f"Part {amount}") for amount in ("100.00", "250.00")]
    demo.airbase.amend(order, expense_list=lines, total_amount="350.00", notes="For the office")
    demo.stack.drain()
    (found,) = in_exact(demo, order)
    assert [line["UnitPrice"] for line in found["lines"]] == [100.0, 250.0]
    assert found["Description"] == "For the office"
    assert steps(demo, order)[-1] == "amended"
    before = steps(demo, order)
    deliver_notifications(demo)
    assert steps(demo, order) == before, "a notification of our own change adds no step"
    demo.airbase.cancel(order)
    demo.stack.drain()
    assert (in_exact(demo, order), record(demo, order).state) == ([], "cancelled")
    deliver_notifications(demo)
    assert codes(demo, order) == []


def test_closed(demo: DemoEnvironment) -> None:
    order = posted(demo, "PO-2", "100.00")
    order["status"] = "closed"
    demo.airbase.announce(order, "purchase_request.closed")
    demo.stack.drain()
    assert record(demo, order).state == "closed"
    assert len(in_exact(demo, order)) == 1


def test_a_notified_receipt_is_recorded_with_one_call(demo: DemoEnvironment) -> None:
    order = posted(demo, "PO-3", "100.00")
    before = len(calls(demo))
    demo.exact.receive(NL.division, in_exact(demo, order)[0]["PurchaseOrderID"])
    deliver_notifications(demo)
    assert record(demo, order).facts.status["receipt"] == "complete"
    assert [call.path for call in calls(demo)[before:]] == [f"/api/v1/{{division}}/{_STREAM}"]


def test_a_notified_change_is_an_exception_until_it_is_undone(demo: DemoEnvironment) -> None:
    order = posted(demo, "PO-4", "100.00")
    before = len(calls(demo))
    set_price(demo, order, 130.0)
    deliver_notifications(demo)
    assert codes(demo, order) == ["CHANGED_IN_EXACT"]
    assert len(calls(demo)) - before == 3, "one call for the changes, two for the order"
    set_price(demo, order, 100.0)
    deliver_notifications(demo)
    assert codes(demo, order) == []


def test_a_similar_order_entered_by_hand_is_a_possible_duplicate(demo: DemoEnvironment) -> None:
    by_hand = posted(demo, "PO-5", "4321.00")
    (found,) = in_exact(demo, by_hand)
    key = found["PurchaseOrderID"]
    demo.exact.change(NL.division, _ORDERS, key, Remarks="Ordered by phone", YourRef="")
    demo.services.connections._table.delete(FIRM, f"posted#{key}")
    deliver_notifications(demo)
    order = demo.airbase.add_order(
        "PO-6",
        NL.subsidiary,
        demo.firm.vendors["Cloudwerk"],
        [demo.airbase.line("4100", "4321.00", "Part 4321.00")],
    )
    demo.airbase.approve(order)
    demo.stack.drain()
    assert codes(demo, order) == ["POSSIBLE_DUPLICATE"]
    assert in_exact(demo, order) == []


def test_changes_in_exact_are_found_without_notifications(demo: DemoEnvironment) -> None:
    changed, deleted = posted(demo, "PO-7", "100.00"), posted(demo, "PO-8", "100.00")
    untouched = posted(demo, "PO-9", "100.00")
    before_steps = steps(demo, untouched)
    demo.wait(timedelta(hours=4, minutes=1))
    demo.wait(timedelta(minutes=2))
    demo.exact.webhooks.drop = 1000
    set_price(demo, changed, 130.0)
    demo.exact.remove(NL.division, _ORDERS, in_exact(demo, deleted)[0]["PurchaseOrderID"])
    before = len(calls(demo))
    demo.wait(timedelta(hours=4, minutes=1))
    assert codes(demo, changed) == ["CHANGED_IN_EXACT"]
    assert codes(demo, deleted) == ["DELETED_IN_EXACT"]
    assert steps(demo, untouched) == before_steps
    assert len(calls(demo)) - before == _REFRESH_CALLS + 2 + 1, "and the two orders"
