"""On the whole stack: an approval that no webhook told of is posted by the sweep."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from local.firm import NL
from local.scene import FIRM, Scene
from ml_connector.doors.ledger import order_key
from ml_connector.ids import OrderId


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with Scene() as running:
        running.connect()
        yield running


def test_with_every_webhook_dropped_each_approval_is_posted(scene: Scene) -> None:
    scene.sweep()
    scene.airbase.outbox.drop = 1000
    lines = [scene.airbase.line("4100", "100.00", "Licences")]
    vendor = scene.firm.vendors["Cloudwerk"]
    orders = [
        scene.airbase.add_order(f"PO-{number}", NL.subsidiary, vendor, lines) for number in range(3)
    ]
    for order in orders:
        scene.airbase.approve(order)
    scene.wait(timedelta(minutes=61))
    records = [scene.doors.ledger.read(FIRM, order_key(OrderId(o["id"]))) for o in orders]
    assert [record.state for record in records] == ["posted"] * 3
    asked = len(scene.airbase.calls)
    scene.wait(timedelta(minutes=61))
    assert len(scene.airbase.calls) == asked + 1
