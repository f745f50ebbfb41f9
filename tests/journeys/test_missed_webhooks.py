"""The sweep posts an approval whose webhook never arrived, on the stack of the template."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from local.demo.environment import FIRM, DemoEnvironment
from local.firm import NL
from ml_connector.domain.ids import OrderId
from ml_connector.infrastructure.ledger import order_key


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoEnvironment]:
    with DemoEnvironment() as running:
        running.connect()
        yield running


def test_approvals_are_posted_without_webhooks(demo: DemoEnvironment) -> None:
    demo.sweep()
    demo.airbase.outbox.drop = 1000
    lines = [demo.airbase.line("4100", "100.00", "Licences")]
    vendor = demo.firm.vendors["Cloudwerk"]
    orders = [
        demo.airbase.add_order(f"PO-{number}", NL.subsidiary, vendor, lines) for number in range(3)
    ]
    for order in orders:
        demo.airbase.approve(order)
    demo.wait(timedelta(minutes=61))
    records = [demo.services.ledger_of(FIRM).read(order_key(OrderId(o["id"]))) for o in orders]
    assert [record.state for record in records] == ["posted"] * 3
    before = len(demo.airbase.calls)
    demo.wait(timedelta(minutes=61))
    assert len(demo.airbase.calls) == before + 1
