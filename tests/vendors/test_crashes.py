"""A crash before or after any write leads to the same final state."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from local.firm import NL
from ml_connector.domain.ids import code_of
from ml_connector.infrastructure.ledger import VENDORS
from tests.vendors.crashes import Crashed, CrashInjector
from tests.vendors.vendor_environment import CODE, VendorEnvironment

Act = Callable[[VendorEnvironment], None]
_MOST_WRITES = 400


def first_reading(firm: VendorEnvironment) -> Act:
    firm.pair()
    firm.pair("Zorendis GmbH", "902")
    firm.vendor("Zorendi")
    return lambda firm: firm.open()


def supplier_blocked(firm: VendorEnvironment) -> Act:
    _, supplier = firm.pair()
    firm.open()
    return lambda firm: firm.change_account(supplier, Blocked=True)


def supplier_ended(firm: VendorEnvironment) -> Act:
    _, supplier = firm.pair()
    firm.open()
    return lambda firm: firm.change_account(supplier, EndDate="/Date(1577836800000)/")


def supplier_renamed(firm: VendorEnvironment) -> Act:
    _, supplier = firm.pair()
    firm.open()
    return lambda firm: firm.change_account(supplier, Name="Zorendis GmbH")


def supplier_merged(firm: VendorEnvironment) -> Act:
    _, supplier = firm.pair()
    firm.open()

    def act(firm: VendorEnvironment) -> None:
        if supplier in firm.exact.world.divisions[code_of(CODE)].table("crm/Accounts"):
            firm.exact.remove(code_of(CODE), "crm/Accounts", supplier)
            firm.supplier("Kanimo Groep B.V.", "901")
        firm.refresh()

    return act


def supplier_deleted(firm: VendorEnvironment) -> Act:
    _, supplier = firm.pair()
    firm.open()

    def act(firm: VendorEnvironment) -> None:
        if supplier in firm.exact.world.divisions[code_of(CODE)].table("crm/Accounts"):
            firm.exact.remove(code_of(CODE), "crm/Accounts", supplier)
        firm.refresh()

    return act


def vendor_renamed(firm: VendorEnvironment) -> Act:
    vendor, _ = firm.pair()
    firm.open()
    vendor["name"] = "Zorendis GmbH"
    return lambda firm: firm.receive_webhook(vendor)


def vendor_deactivated(firm: VendorEnvironment) -> Act:
    vendor, _ = firm.pair()
    firm.open()
    vendor["is_active"] = False
    return lambda firm: firm.receive_webhook(vendor)


def vendor_created_again(firm: VendorEnvironment) -> Act:
    vendor, _ = firm.pair()
    firm.open()
    firm.airbase.remove_vendor(vendor)
    again = firm.vendor("Kanimo BV")

    def act(firm: VendorEnvironment) -> None:
        firm.receive_webhook(vendor)
        firm.receive_webhook(again)

    return act


def vendor_merged_by_the_daily_reconciliation(firm: VendorEnvironment) -> Act:
    vendor, _ = firm.pair()
    firm.vendor("Kanimo BV")
    firm.open()
    firm.airbase.remove_vendor(vendor)
    return lambda firm: firm.reconcile()


def two_vendors_of_one_supplier(firm: VendorEnvironment) -> Act:
    firm.pair()
    other = firm.vendor("Trade name")
    firm.open()
    return lambda firm: firm.open_with(mappings={"suppliers": {other["id"]: "901"}})


def two_suppliers_of_one_vendor(firm: VendorEnvironment) -> Act:
    vendor, _ = firm.pair()
    vendor["erp_reference_id"] = firm.supplier("Zorendis GmbH", "902")
    vendor["erp_reference_id"], reference = "", vendor["erp_reference_id"]
    firm.open()
    vendor["erp_reference_id"] = reference
    return lambda firm: firm.receive_webhook(vendor)


def name_follows_exact(firm: VendorEnvironment) -> Act:
    _, supplier = firm.pair()
    firm.open(name="exact_leads", email="exact_leads", active="exact_leads", write_reference=True)
    return lambda firm: firm.change_account(supplier, Name="Kanimo Groep B.V.", Email="a@k.example")


def name_follows_airbase(firm: VendorEnvironment) -> Act:
    vendor, _ = firm.pair()
    firm.open(name="airbase_leads", email="airbase_leads", active="airbase_leads")
    vendor |= {"name": "Kanimo Groep B.V.", "email": "a@k.example"}
    return lambda firm: firm.receive_webhook(vendor)


def supplier_is_created(firm: VendorEnvironment) -> Act:
    firm.open(create_suppliers=True)
    firm.vendor("Quovadra Lindex B.V.", email="ar@quovadra.example")
    order = firm.order("PO-7", NL, vendor="Quovadra Lindex B.V.")
    return lambda firm: void(firm.post(order))


def vendor_is_created(firm: VendorEnvironment) -> Act:
    firm.open(create_vendors=True)
    firm.supplier("Quovadra Lindex B.V.", "905")
    return lambda firm: firm.refresh()


def void(_: object) -> None:
    """Return nothing."""


SCENARIOS = [
    first_reading, supplier_blocked, supplier_ended, supplier_renamed, supplier_merged,
    supplier_deleted, vendor_renamed, vendor_deactivated, vendor_created_again,
    vendor_merged_by_the_daily_reconciliation, two_vendors_of_one_supplier,
    two_suppliers_of_one_vendor, name_follows_exact, name_follows_airbase, supplier_is_created,
    vendor_is_created,
]  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_a_crash_between_any_two_writes_does_not_change_the_final_state(
    scenario: Callable[[VendorEnvironment], Act], firm: VendorEnvironment
) -> None:
    """A crash after one write is a crash before the next: between them there are only reads."""
    scenario(firm)(firm)
    recover(firm)
    wanted = state(firm)
    for write in range(1, _MOST_WRITES):
        firm = VendorEnvironment()
        act = scenario(firm)
        crash = CrashInjector(firm)
        crash.arm(write)
        with suppress(Crashed):
            act(firm)
        if not crash.has_crashed:
            assert write > 3
            return
        crash.disarm()
        firm.services = firm.memory.services()
        act_again(firm, act)
        recover(firm)
        assert state(firm) == wanted, f"killed after write {write}"
    pytest.fail("more writes than this test covers")


def act_again(firm: VendorEnvironment, act: Act) -> None:
    """Repeat the trigger, as an unanswered webhook, a person or the queue would."""
    firm.clock.move(400)  # beyond the visibility time-out of the message
    firm.work()
    act(firm)


def recover(firm: VendorEnvironment) -> None:
    """Run the sweep, and a day later the daily reconciliation."""
    for _ in range(3):
        firm.wait(minutes=21)
    firm.clock.move(86_400)
    firm.wait(minutes=1)
    firm.reconcile()
    firm.wait(minutes=21)
    assert firm.memory.queues.waiting == []
    assert firm.memory.queues.dead == []


def state(firm: VendorEnvironment) -> dict[str, Any]:
    """Return the visible state: both systems, links, proposals, exceptions, orders."""
    ledger = firm.services_of().ledger
    records = {str(r.key): r for r in ledger.records()}
    assert [key for key, r in records.items() if ledger.find_break(r)] == []
    found = {
        "links": sorted(
            (link.vendor, link.supplier, link.doubt)
            for link in firm.services_of().vendor_links.all()
        ),
        "proposals": sorted(
            (each.vendor, [c.id for c in each.candidates])
            for each in firm.services_of().supplier_proposals.all()
        ),
        "records": {
            key: (r.state, [p.code for p in r.problems], bool(r.due_at))
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
            for row in firm.exact.world.divisions[code_of(CODE)].table("crm/Accounts").values()
        ),
        "in_exact": len(firm.in_exact()),
    }
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]
