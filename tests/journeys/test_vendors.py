"""Vendors on the stack made from the template: webhooks of both systems, over real sockets."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from local.firm import NL
from local.scene import FIRM, Scene
from local.verdict import record_of
from ml_connector.ids import Division, VendorId
from tests.workflows.staleness import note_all_stale

Row = dict[str, Any]
CODE = Division(NL.division)


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with Scene() as scene:
        scene.connect()
        yield scene


def approve(scene: Scene, number: str, vendor: Row) -> Row:
    order = scene.airbase.add_order(
        number, NL.subsidiary, vendor, [scene.airbase.line("4100", "99.00", "Licences")]
    )
    scene.airbase.approve(order)
    hear(scene)
    return order


def hear(scene: Scene) -> None:
    """Let both systems' webhooks arrive, and the sweep after them."""
    scene.airbase.outbox.pump()
    scene.exact.webhooks.pump()
    scene.stack.drain()
    scene.wait(timedelta(minutes=2))


def supplier_of(scene: Scene, vendor: Row) -> str | None:
    link = scene.doors.links.get(FIRM, CODE, VendorId(vendor["id"]))
    return link.supplier if link else None


def state_of(scene: Scene, order: Row) -> str:
    return record_of(scene, order["id"]).state


def test_the_first_reading_links_the_vendors(scene: Scene) -> None:
    linked = [
        vendor["name"] for vendor in scene.firm.vendors.values() if supplier_of(scene, vendor)
    ]
    assert linked == [name for name in scene.firm.vendors if name != "Nieuwkomer Catering"]


def test_a_vendor_event_links_the_vendor_and_its_order_goes_on(scene: Scene) -> None:
    vendor = scene.airbase.add_vendor("Trade name")
    order = approve(scene, "PO-9001", vendor)
    assert state_of(scene, order) == "review"
    supplier = scene.exact.add_supplier(CODE, "Quovadra Lindex B.V.", code="901")
    note_all_stale(scene.doors.data(FIRM, CODE))
    scene.wait(timedelta(minutes=2))
    scene.airbase.change_vendor(vendor, erp_reference_id=supplier)
    hear(scene)
    assert supplier_of(scene, vendor) == supplier
    assert state_of(scene, order) == "posted"


def test_a_renamed_supplier_makes_orders_wait_until_it_is_settled(scene: Scene) -> None:
    vendor = scene.firm.vendors["Cloudwerk"]
    supplier = supplier_of(scene, vendor)
    assert supplier is not None
    scene.exact.change(CODE, "crm/Accounts", supplier, Name="Somebody Else N.V.")
    note_all_stale(scene.doors.data(FIRM, CODE))
    scene.wait(timedelta(minutes=2))
    order = approve(scene, "PO-9002", vendor)
    assert [found["code"] for found in record_of(scene, order["id"]).problems] == [
        "VENDOR_LINK_IN_DOUBT"
    ]
    scene.exact.change(CODE, "crm/Accounts", supplier, Name="Cloudwerk")
    note_all_stale(scene.doors.data(FIRM, CODE))
    scene.wait(timedelta(minutes=2))
    assert state_of(scene, order) == "posted"


def test_the_daily_comparison_finds_a_vendor_that_is_gone(scene: Scene) -> None:
    vendor = scene.firm.vendors["Expo Partners"]
    scene.airbase.remove_vendor(vendor)
    scene.airbase.outbox.waiting.clear()  # its webhook never comes
    scene.stack.fire("ReconciliationSchedule")
    scene.stack.drain()
    link = scene.doors.links.get(FIRM, CODE, VendorId(vendor["id"]))
    assert link is not None
    assert link.doubt == "VENDOR_GONE"
