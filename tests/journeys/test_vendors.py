"""Vendors on the stack of the template: webhooks of both systems, over sockets."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from local.demo.checks import record_of
from local.demo.environment import DemoEnvironment
from local.firm import NL
from ml_connector.domain.ids import VendorId, code_of
from tests.vendors.staleness import note_all_stale

Row = dict[str, Any]
CODE = NL.key


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoEnvironment]:
    with DemoEnvironment() as demo:
        demo.connect()
        yield demo


def approve(demo: DemoEnvironment, number: str, vendor: Row) -> Row:
    order = demo.airbase.add_order(
        number, NL.subsidiary, vendor, [demo.airbase.line("4100", "99.00", "Licences")]
    )
    demo.airbase.approve(order)
    deliver_webhooks(demo)
    return order


def deliver_webhooks(demo: DemoEnvironment) -> None:
    """Deliver both systems' webhooks, then sweep."""
    demo.airbase.outbox.pump()
    demo.exact.webhooks.pump()
    demo.stack.drain()
    demo.wait(timedelta(minutes=2))


def supplier_of(demo: DemoEnvironment, vendor: Row) -> str | None:
    link = demo.services_of().vendor_links.get(CODE, VendorId(vendor["id"]))
    return link.supplier if link else None


def state_of(demo: DemoEnvironment, order: Row) -> str:
    return record_of(demo, order["id"]).state


def test_the_first_comparison_links_the_vendors(demo: DemoEnvironment) -> None:
    linked = [vendor["name"] for vendor in demo.firm.vendors.values() if supplier_of(demo, vendor)]
    assert linked == [name for name in demo.firm.vendors if name != "Nieuwkomer Catering"]


def test_a_vendor_event_links_the_vendor_and_its_order_is_posted(demo: DemoEnvironment) -> None:
    vendor = demo.airbase.add_vendor("Trade name")
    order = approve(demo, "PO-9001", vendor)
    assert state_of(demo, order) == "review"
    supplier = demo.exact.add_supplier(code_of(CODE), "Quovadra Lindex B.V.", code="901")
    note_all_stale(demo.services_of().reference_store(CODE))
    demo.wait(timedelta(minutes=2))
    demo.airbase.change_vendor(vendor, erp_reference_id=supplier)
    deliver_webhooks(demo)
    assert supplier_of(demo, vendor) == supplier
    assert state_of(demo, order) == "posted"


def test_orders_of_a_renamed_supplier_wait_until_it_is_resolved(demo: DemoEnvironment) -> None:
    vendor = demo.firm.vendors["Cloudwerk"]
    supplier = supplier_of(demo, vendor)
    assert supplier is not None
    demo.exact.change(code_of(CODE), "crm/Accounts", supplier, Name="Somebody Else N.V.")
    note_all_stale(demo.services_of().reference_store(CODE))
    demo.wait(timedelta(minutes=2))
    order = approve(demo, "PO-9002", vendor)
    assert [found.code for found in record_of(demo, order["id"]).problems] == [
        "VENDOR_LINK_IN_DOUBT"
    ]
    demo.exact.change(code_of(CODE), "crm/Accounts", supplier, Name="Cloudwerk")
    note_all_stale(demo.services_of().reference_store(CODE))
    demo.wait(timedelta(minutes=2))
    assert state_of(demo, order) == "posted"


def test_the_daily_comparison_finds_a_removed_vendor(demo: DemoEnvironment) -> None:
    vendor = demo.firm.vendors["Expo Partners"]
    demo.airbase.remove_vendor(vendor)
    demo.airbase.outbox.waiting.clear()  # its webhook never arrives
    demo.stack.fire("ReconciliationSchedule")
    demo.stack.drain()
    link = demo.services_of().vendor_links.get(CODE, VendorId(vendor["id"]))
    assert link is not None
    assert link.doubt == "VENDOR_GONE"
