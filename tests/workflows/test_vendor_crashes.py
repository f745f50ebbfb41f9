"""Whatever write a worker dies before or after, the same state comes out in the end."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from local.firm import NL
from local.office import FIRM
from ml_connector.doors.ledger import VENDORS
from tests.workflows.guillotine import Guillotine, Killed
from tests.workflows.vendor_office import CODE, VendorOffice

Act = Callable[[VendorOffice], None]
_MOST_WRITES = 400


def first_reading(firm: VendorOffice) -> Act:
    firm.pair()
    firm.pair("Zorendis GmbH", "902")
    firm.vendor("Zorendi")
    return lambda firm: firm.open()


def supplier_blocked(firm: VendorOffice) -> Act:
    _, supplier = firm.pair()
    firm.open()
    return lambda firm: firm.change_account(supplier, Blocked=True)


def supplier_ended(firm: VendorOffice) -> Act:
    _, supplier = firm.pair()
    firm.open()
    return lambda firm: firm.change_account(supplier, EndDate="/Date(1577836800000)/")


def supplier_renamed(firm: VendorOffice) -> Act:
    _, supplier = firm.pair()
    firm.open()
    return lambda firm: firm.change_account(supplier, Name="Zorendis GmbH")


def supplier_merged(firm: VendorOffice) -> Act:
    _, supplier = firm.pair()
    firm.open()

    def act(firm: VendorOffice) -> None:
        if supplier in firm.exact.world.divisions[CODE].table("crm/Accounts"):
            firm.exact.remove(CODE, "crm/Accounts", supplier)
            firm.supplier("Kanimo Groep B.V.", "901")
        firm.read_exact()

    return act


def supplier_deleted(firm: VendorOffice) -> Act:
    _, supplier = firm.pair()
    firm.open()

    def act(firm: VendorOffice) -> None:
        if supplier in firm.exact.world.divisions[CODE].table("crm/Accounts"):
            firm.exact.remove(CODE, "crm/Accounts", supplier)
        firm.read_exact()

    return act


def vendor_renamed(firm: VendorOffice) -> Act:
    vendor, _ = firm.pair()
    firm.open()
    vendor["name"] = "Zorendis GmbH"
    return lambda firm: firm.hear(vendor)


def vendor_deactivated(firm: VendorOffice) -> Act:
    vendor, _ = firm.pair()
    firm.open()
    vendor["is_active"] = False
    return lambda firm: firm.hear(vendor)


def vendor_made_anew(firm: VendorOffice) -> Act:
    vendor, _ = firm.pair()
    firm.open()
    firm.airbase.remove_vendor(vendor)
    again = firm.vendor("Kanimo BV")

    def act(firm: VendorOffice) -> None:
        firm.hear(vendor)
        firm.hear(again)

    return act


def vendor_merged_by_the_daily_comparison(firm: VendorOffice) -> Act:
    vendor, _ = firm.pair()
    firm.vendor("Kanimo BV")
    firm.open()
    firm.airbase.remove_vendor(vendor)
    return lambda firm: firm.compare()


def two_vendors_of_one_supplier(firm: VendorOffice) -> Act:
    firm.pair()
    other = firm.vendor("Trade name")
    firm.open()
    return lambda firm: firm.open_with(mappings={"suppliers": {other["id"]: "901"}})


def two_suppliers_of_one_vendor(firm: VendorOffice) -> Act:
    vendor, _ = firm.pair()
    vendor["erp_reference_id"] = firm.supplier("Zorendis GmbH", "902")
    vendor["erp_reference_id"], told = "", vendor["erp_reference_id"]
    firm.open()
    vendor["erp_reference_id"] = told
    return lambda firm: firm.hear(vendor)


def name_follows_exact(firm: VendorOffice) -> Act:
    _, supplier = firm.pair()
    firm.open(name="exact_leads", email="exact_leads", active="exact_leads", write_reference=True)
    return lambda firm: firm.change_account(supplier, Name="Kanimo Groep B.V.", Email="a@k.example")


def name_follows_airbase(firm: VendorOffice) -> Act:
    vendor, _ = firm.pair()
    firm.open(name="airbase_leads", email="airbase_leads", active="airbase_leads")
    vendor |= {"name": "Kanimo Groep B.V.", "email": "a@k.example"}
    return lambda firm: firm.hear(vendor)


def supplier_is_made(firm: VendorOffice) -> Act:
    firm.open(create_suppliers=True)
    firm.vendor("Quovadra Lindex B.V.", email="ar@quovadra.example")
    order = firm.order("PO-7", NL, vendor="Quovadra Lindex B.V.")
    return lambda firm: void(firm.post(order))


def vendor_is_made(firm: VendorOffice) -> Act:
    firm.open(create_vendors=True)
    firm.supplier("Quovadra Lindex B.V.", "905")
    return lambda firm: firm.read_exact()


def void(_: object) -> None:
    """Return nothing."""


SCENES = [
    first_reading, supplier_blocked, supplier_ended, supplier_renamed, supplier_merged,
    supplier_deleted, vendor_renamed, vendor_deactivated, vendor_made_anew,
    vendor_merged_by_the_daily_comparison, two_vendors_of_one_supplier,
    two_suppliers_of_one_vendor, name_follows_exact, name_follows_airbase, supplier_is_made,
    vendor_is_made,
]  # fmt: skip


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_a_crash_between_any_two_writes_changes_nothing_in_the_end(
    scene: Callable[[VendorOffice], Act], firm: VendorOffice
) -> None:
    """To die after one write is to die before the next: what lies between them only reads."""
    scene(firm)(firm)
    recover(firm)
    wanted = state(firm)
    for write in range(1, _MOST_WRITES):
        firm = VendorOffice()
        act = scene(firm)
        guillotine = Guillotine(firm)
        guillotine.set(write)
        with suppress(Killed):
            act(firm)
        if not guillotine.has_fallen:
            assert write > 3
            return
        guillotine.lift()
        firm.doors = firm.mini.doors()
        act_again(firm, act)
        recover(firm)
        assert state(firm) == wanted, f"killed after write {write}"
    pytest.fail("more writes than this test looks at")


def act_again(firm: VendorOffice, act: Act) -> None:
    """Whoever told the worker tells it again: a webhook that got no answer, a person, the queue."""
    firm.clock.move(400)  # beyond the visibility time of what was being handled
    firm.work()
    act(firm)


def recover(firm: VendorOffice) -> None:
    """Let the sweep, and a day later the daily comparison, find what is left."""
    for _ in range(3):
        firm.wait(minutes=21)
    firm.clock.move(86_400)
    firm.wait(minutes=1)
    firm.compare()
    firm.wait(minutes=21)
    assert firm.mini.queues.waiting == []
    assert firm.mini.queues.dead == []


def state(firm: VendorOffice) -> dict[str, Any]:
    """Return what people see: both systems, links, proposals, exceptions, orders."""
    ledger = firm.doors.ledger
    records = {str(r.key): r for r in ledger.records(FIRM)}
    assert [key for key, r in records.items() if ledger.find_break(r)] == []
    found = {
        "links": sorted(
            (link.vendor, link.supplier, link.doubt) for link in firm.doors.links.all(FIRM)
        ),
        "proposals": sorted(
            (each.vendor, [c.id for c in each.candidates])
            for each in firm.doors.proposals.all(FIRM)
        ),
        "records": {
            key: (r.state, [p["code"] for p in r.problems], bool(r.due_at))
            for key, r in records.items()
            if not key.startswith("order#") and key != VENDORS
        },
        "orders": {key: r.state for key, r in records.items() if key.startswith("order#")},
        "airbase": [
            {name: value for name, value in row.items() if "id" not in name}
            for row in firm.airbase.vendors.values()
        ],
        "exact": sorted(
            (row["Name"], row["Code"], row.get("Email"), row["Blocked"])
            for row in firm.exact.world.divisions[CODE].table("crm/Accounts").values()
        ),
        "in_exact": len(firm.in_exact()),
    }
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]
