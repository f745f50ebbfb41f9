"""Exact goes away under the whole stack, over real sockets, and comes back without a hand."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from local.exact_simulator import Fault
from local.firm import BRANCHES, NL
from local.scene import FIRM, Scene
from ml_connector.doors.ledger import CONNECTION, Record, order_key
from ml_connector.ids import OrderId

_MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with Scene() as scene:
        scene.connect()
        yield scene


def approve(scene: Scene, number: str) -> dict[str, Any]:
    vendor = scene.firm.vendors["Cloudwerk"]
    line = scene.airbase.line("4100", "100.00", "Licences")
    order = scene.airbase.add_order(number, NL.subsidiary, vendor, [line])
    scene.airbase.approve(order)
    return order


def record(scene: Scene, order: dict[str, Any]) -> Record:
    return scene.doors.ledger.read(FIRM, order_key(OrderId(order["id"])))


def dead_letters(scene: Scene) -> list[str]:
    sqs = scene.stack.client("sqs")
    names = ("PurchaseOrderDeadLetterQueue", "VendorDeadLetterQueue")
    wanted = ["ApproximateNumberOfMessages"]
    return [
        sqs.get_queue_attributes(QueueUrl=scene.stack.resource(name), AttributeNames=wanted)[
            "Attributes"
        ]["ApproximateNumberOfMessages"]
        for name in names
    ]


def test_an_outage_is_probed_and_drained(scene: Scene) -> None:
    scene.exact.on_call = lambda _: Fault("unavailable")
    before = len(scene.exact.calls)
    orders = []
    for number in range(8):
        orders.append(approve(scene, f"PO-{number}"))
        scene.stack.drain()
    assert len(scene.exact.calls) - before == 3, "the third fault is the last call"
    for _ in range(3):
        scene.wait(_MINUTE)
    asked = [call.path for call in scene.exact.calls[before + 3 :]]
    assert set(asked) <= {"/", "", "/api/v1/current/Me", "/api/oauth2/token"}
    assert len(asked) <= 3 + 2
    assert {record(scene, order).parked for order in orders} == {"EXACT_AWAY"}

    scene.exact.on_call = None
    back = len(scene.exact.calls)
    scene.wait(_MINUTE)
    probe, *posts = [c for c in scene.exact.calls[back:] if c.path.startswith("/api/v1")]
    assert probe.path == "/api/v1/current/Me"
    assert sum(call.method == "POST" for call in posts) == 8
    assert {record(scene, order).state for order in orders} == {"posted"}
    came = [order["YourRef"] for order in scene.exact.purchase_orders(NL.division)]
    assert sorted(came) == [f"PO-{number}" for number in range(8)]
    assert dead_letters(scene) == ["0", "0"]
    assert not scene.stack.crashes


def test_a_division_that_is_gone_comes_back(scene: Scene) -> None:
    for branch in BRANCHES:
        scene.exact.world.divisions[branch.division].in_scope = branch is not NL
    order = approve(scene, "PO-gone")
    scene.stack.drain()
    halts = scene.doors.ledger.halts(FIRM)
    assert [p["code"] for p in halts.values()] == ["EXACT_DIVISION_NOT_ALLOWED"]
    scene.wait(_MINUTE)
    scene.exact.world.divisions[NL.division].in_scope = True
    scene.wait(timedelta(minutes=16))
    assert scene.doors.ledger.halts(FIRM) == {}
    assert record(scene, order).state == "posted"
    steps = [entry.step for entry in scene.doors.ledger.trail(FIRM, CONNECTION)]
    assert (steps.count("halted"), steps.count("continued")) == (1, 1)
    assert dead_letters(scene) == ["0", "0"]
