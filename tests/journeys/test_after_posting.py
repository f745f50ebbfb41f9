"""After the posting, on the stack of the template: either side changes, and the other follows."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from local.firm import NL
from local.scene import FIRM, Scene
from ml_connector.doors.ledger import Record, order_key
from ml_connector.ids import OrderId
from ml_connector.purchase_orders.marker import marks

_ORDERS, _LINES = "purchaseorder/PurchaseOrders", "purchaseorder/PurchaseOrderLines"
_STREAM = "sync/PurchaseOrder/PurchaseOrders"
_INCREMENTS = 5
"""Calls of one division when four hours are over: three streams, the orders, the deletions."""

Row = dict[str, Any]


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with Scene() as scene:
        scene.connect()
        scene.doors.mappings.save(with_policies(scene))
        scene.stack.fire("TokenRefreshFunctionEverySixHours")  # subscribes to Exact's webhooks
        scene.stack.drain()
        yield scene


def with_policies(scene: Scene) -> Any:
    connection = scene.doors.mappings.connection(FIRM)
    assert connection
    return connection.model_copy(update={"when_cancelled": "delete", "when_closed": "note"})


@pytest.fixture(autouse=True)
def _quiet(scene: Scene) -> None:
    """Let the echoes of what was before be over, and start in a fresh minute."""
    scene.exact.webhooks.drop = 0
    scene.exact.webhooks.outbox.clear()
    scene.wait(timedelta(minutes=2))


def posted(scene: Scene, number: str, *amounts: str) -> Row:
    lines = [scene.airbase.line("4100", amount, f"Part {amount}") for amount in amounts]
    vendor = scene.firm.vendors["Cloudwerk"]
    order = scene.airbase.add_order(number, NL.subsidiary, vendor, lines)
    scene.airbase.approve(order)
    scene.stack.drain()
    assert record(scene, order).state == "posted"
    hear(scene)  # the echo
    return order


def record(scene: Scene, order: Row) -> Record:
    return scene.doors.ledger.read(FIRM, order_key(OrderId(order["id"])))


def codes(scene: Scene, order: Row) -> list[str]:
    return [found["code"] for found in record(scene, order).problems]


def steps(scene: Scene, order: Row) -> list[str]:
    key = order_key(OrderId(order["id"]))
    return [entry.step for entry in scene.doors.ledger.trail(FIRM, key)]


def there(scene: Scene, order: Row) -> list[Row]:
    found = scene.exact.purchase_orders(NL.division)
    return [one for one in found if marks(one["Remarks"], FIRM, OrderId(order["id"]))]


def hear(scene: Scene) -> None:
    """Let Exact's notifications arrive, and the next sweep do what they ask."""
    assert all(status // 100 == 2 for status in scene.exact.webhooks.pump())
    scene.stack.drain()
    scene.wait(timedelta(minutes=1))


def calls(scene: Scene) -> Sequence[Any]:
    return [call for call in scene.posting_calls() if call.division == NL.division]


def set_price(scene: Scene, order: Row, price: float) -> None:
    (found,) = there(scene, order)
    scene.exact.change(NL.division, _LINES, found["lines"][0]["ID"], UnitPrice=price)
    scene.exact.change(NL.division, _ORDERS, found["PurchaseOrderID"])


def test_amended_then_cancelled(scene: Scene) -> None:
    order = posted(scene, "PO-1", "100.00", "200.00")
    lines = [
        scene.airbase.line("4100", amount, f"Part {amount}") for amount in ("100.00", "250.00")
    ]
    scene.airbase.amend(order, expense_list=lines, total_amount="350.00", notes="For the office")
    scene.stack.drain()
    (found,) = there(scene, order)
    assert [line["UnitPrice"] for line in found["lines"]] == [100.0, 250.0]
    assert found["Description"] == "For the office"
    assert steps(scene, order)[-1] == "amended"
    told = steps(scene, order)
    hear(scene)
    assert steps(scene, order) == told, "our own echo is silent"
    scene.airbase.cancel(order)
    scene.stack.drain()
    assert (there(scene, order), record(scene, order).state) == ([], "cancelled")
    hear(scene)
    assert codes(scene, order) == []


def test_closed(scene: Scene) -> None:
    order = posted(scene, "PO-2", "100.00")
    order["status"] = "closed"
    scene.airbase.announce(order, "purchase_request.closed")
    scene.stack.drain()
    assert record(scene, order).state == "closed"
    assert len(there(scene, order)) == 1


def test_a_notified_receipt_is_noted_and_costs_one_increment(scene: Scene) -> None:
    order = posted(scene, "PO-3", "100.00")
    before = len(calls(scene))
    scene.exact.receive(NL.division, there(scene, order)[0]["PurchaseOrderID"])
    hear(scene)
    assert record(scene, order).facts["status"]["receipt"] == "complete"
    assert [call.path for call in calls(scene)[before:]] == [f"/api/v1/{{division}}/{_STREAM}"]


def test_notified_drift_is_shown_and_closes_once_undone(scene: Scene) -> None:
    order = posted(scene, "PO-4", "100.00")
    before = len(calls(scene))
    set_price(scene, order, 130.0)
    hear(scene)
    assert codes(scene, order) == ["CHANGED_IN_EXACT"]
    assert len(calls(scene)) - before == 3, "an increment, and a close look of two calls"
    set_price(scene, order, 100.0)
    hear(scene)
    assert codes(scene, order) == []


def test_a_look_alike_typed_in_by_hand_is_shown_before_posting(scene: Scene) -> None:
    typed = posted(scene, "PO-5", "4321.00")
    (found,) = there(scene, typed)
    key = found["PurchaseOrderID"]
    scene.exact.change(NL.division, _ORDERS, key, Remarks="Ordered by phone", YourRef="")
    scene.doors.mappings._table.delete(FIRM, f"posted#{key}")
    hear(scene)
    order = scene.airbase.add_order(
        "PO-6",
        NL.subsidiary,
        scene.firm.vendors["Cloudwerk"],
        [scene.airbase.line("4100", "4321.00", "Part 4321.00")],
    )
    scene.airbase.approve(order)
    scene.stack.drain()
    assert codes(scene, order) == ["POSSIBLE_DUPLICATE"]
    assert there(scene, order) == []


def test_with_every_webhook_of_exact_dropped_one_sweep_finds_all(scene: Scene) -> None:
    drifted, deleted = posted(scene, "PO-7", "100.00"), posted(scene, "PO-8", "100.00")
    quiet = posted(scene, "PO-9", "100.00")
    told = steps(scene, quiet)
    scene.wait(timedelta(hours=4, minutes=1))
    scene.wait(timedelta(minutes=2))
    scene.exact.webhooks.drop = 1000
    set_price(scene, drifted, 130.0)
    scene.exact.remove(NL.division, _ORDERS, there(scene, deleted)[0]["PurchaseOrderID"])
    before = len(calls(scene))
    scene.wait(timedelta(hours=4, minutes=1))
    assert codes(scene, drifted) == ["CHANGED_IN_EXACT"]
    assert codes(scene, deleted) == ["DELETED_IN_EXACT"]
    assert steps(scene, quiet) == told
    assert len(calls(scene)) - before == _INCREMENTS + 2 + 1, "two close looks"
