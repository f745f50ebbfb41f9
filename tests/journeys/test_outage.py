"""Outages of Exact on the stack of the template, over sockets: recovery needs no person."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from local.demo.environment import FIRM, DemoEnvironment
from local.exact_simulator import ExactFault
from local.firm import BRANCHES, NL
from ml_connector.domain.ids import OrderId
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import CONNECTION, OrderRecord, order_key

_MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoEnvironment]:
    with DemoEnvironment() as demo:
        demo.connect()
        yield demo


def approve(demo: DemoEnvironment, number: str) -> dict[str, Any]:
    vendor = demo.firm.vendors["Cloudwerk"]
    line = demo.airbase.line("4100", "100.00", "Licences")
    order = demo.airbase.add_order(number, NL.subsidiary, vendor, [line])
    demo.airbase.approve(order)
    return order


def record(demo: DemoEnvironment, order: dict[str, Any]) -> OrderRecord:
    return demo.services.ledger_of(FIRM).read(order_key(OrderId(order["id"])))


def dead_letters(demo: DemoEnvironment) -> list[str]:
    sqs = demo.stack.client("sqs")
    names = ("PurchaseOrderDeadLetterQueue", "VendorDeadLetterQueue")
    wanted = ["ApproximateNumberOfMessages"]
    return [
        sqs.get_queue_attributes(QueueUrl=demo.stack.resource(name), AttributeNames=wanted)[
            "Attributes"
        ]["ApproximateNumberOfMessages"]
        for name in names
    ]


def test_after_an_outage_all_orders_are_posted(demo: DemoEnvironment) -> None:
    demo.exact.on_call = lambda _: ExactFault("unavailable")
    before = len(demo.exact.calls)
    orders = []
    for number in range(8):
        orders.append(approve(demo, f"PO-{number}"))
        demo.stack.drain()
    assert len(demo.exact.calls) - before == 3, "the third fault is the last call"
    for _ in range(3):
        demo.wait(_MINUTE)
    paths = [call.path for call in demo.exact.calls[before + 3 :]]
    assert set(paths) <= {"/", "", "/api/v1/current/Me", "/api/oauth2/token"}
    assert len(paths) <= 3 + 2
    assert {record(demo, order).parked for order in orders} == {"EXACT_AWAY nl"}

    demo.exact.on_call = None
    back = len(demo.exact.calls)
    demo.wait(_MINUTE)
    probe, *posts = [c for c in demo.exact.calls[back:] if c.path.startswith("/api/v1")]
    assert probe.path == "/api/v1/current/Me"
    assert sum(call.method == "POST" for call in posts) == 8
    assert {record(demo, order).state for order in orders} == {"posted"}
    posted = [order["YourRef"] for order in demo.exact.purchase_orders(NL.division)]
    assert sorted(posted) == [f"PO-{number}" for number in range(8)]
    assert dead_letters(demo) == ["0", "0"]
    assert not demo.stack.crashes


def test_a_halted_division_recovers(demo: DemoEnvironment) -> None:
    for branch in BRANCHES:
        demo.exact.world.divisions[branch.division].in_scope = branch is not NL
    order = approve(demo, "PO-gone")
    demo.stack.drain()
    halts = Halts(demo.services.ledger_of(FIRM)).all()
    assert [p.code for p in halts.values()] == ["EXACT_DIVISION_NOT_ALLOWED"]
    demo.wait(_MINUTE)
    demo.exact.world.divisions[NL.division].in_scope = True
    demo.wait(timedelta(minutes=16))
    assert Halts(demo.services.ledger_of(FIRM)).all() == {}
    assert record(demo, order).state == "posted"
    steps = [entry.step for entry in demo.services.ledger_of(FIRM).trail(CONNECTION)]
    assert (steps.count("halted"), steps.count("continued")) == (1, 1)
    assert dead_letters(demo) == ["0", "0"]
