"""Alignment writes only what the policy allows, ignores echoes, and creates nothing twice."""

import pytest

from local.exact_simulator.faults import ExactFault, Kind
from local.firm import BE, NL
from local.in_memory.environment import FIRM
from local.simulator import Request, SimulatedFault
from ml_connector.domain.ids import VendorId
from ml_connector.vendors import worker as vendor_queue
from tests.vendors.vendor_environment import Row, VendorEnvironment


def writes(firm: VendorEnvironment) -> int:
    """Count the writes to both systems, without orders."""
    exact = [c for c in firm.exact.calls if c.method in {"POST", "PUT"} and "crm" in c.path]
    return len(exact) + sum(call.method != "GET" for call in firm.airbase.calls)


def deliver_echoes(firm: VendorEnvironment, vendor: Row) -> None:
    """Receive the echoes of both systems."""
    firm.receive_webhook(vendor)
    firm.refresh()
    firm.reconcile()


def test_by_default_nothing_is_written(firm: VendorEnvironment) -> None:
    vendor, supplier = firm.pair()
    firm.vendor("Quovadra Lindex B.V.")
    firm.supplier("Somebody New B.V.", "905")
    firm.open()
    firm.post(firm.order("PO-7", NL, vendor="Quovadra Lindex B.V."))
    vendor["email"] = "info@kanimo.example"
    firm.change_account(supplier, Name="KANIMO BV", Email="ar@kanimo.example")
    deliver_echoes(firm, vendor)
    assert writes(firm) == 0
    assert firm.open_codes(vendor) == []


def test_exact_leads(firm: VendorEnvironment) -> None:
    vendor, supplier = firm.pair()
    firm.open(name="exact_leads", email="exact_leads", active="exact_leads")
    firm.change_account(supplier, Name="Zorendis GmbH", Email="ar@zorendis.example")
    assert (vendor["name"], vendor["email"]) == ("Zorendis GmbH", "ar@zorendis.example")
    firm.change_account(supplier, Blocked=True)
    assert not vendor["is_active"]
    made = writes(firm)
    steps = firm.vendor_steps(vendor)
    deliver_echoes(firm, vendor)
    assert (writes(firm), firm.vendor_steps(vendor)) == (made, steps)
    assert firm.open_codes(vendor) == []
    firm.change_account(supplier, Blocked=False)
    assert vendor["is_active"]
    assert "renamed" in steps


def test_airbase_leads(firm: VendorEnvironment) -> None:
    vendor, supplier = firm.pair()
    firm.open(name="airbase_leads", email="airbase_leads", active="airbase_leads")
    vendor |= {"name": "Zorendis GmbH", "email": "ar@zorendis.example"}
    firm.receive_webhook(vendor)
    account = firm.account(supplier)
    assert (account["Name"], account["Email"]) == ("Zorendis GmbH", "ar@zorendis.example")
    vendor["is_active"] = False
    firm.receive_webhook(vendor)
    assert firm.account(supplier)["Blocked"] is True
    made, steps = writes(firm), firm.vendor_steps(vendor)
    deliver_echoes(firm, vendor)
    assert (writes(firm), firm.vendor_steps(vendor)) == (made, steps)
    assert firm.open_codes(vendor) == []


def test_a_name_that_exact_stores_differently_is_written_once(
    firm: VendorEnvironment,
) -> None:
    vendor, supplier = firm.pair()
    firm.open(name="airbase_leads")
    vendor["name"] = "Zorendis GmbH"
    firm.receive_webhook(vendor)
    firm.change_account(supplier, Name="ZORENDIS")
    made = writes(firm)
    deliver_echoes(firm, vendor)
    deliver_echoes(firm, vendor)
    assert writes(firm) == made


def test_a_changed_email_for_review_does_not_stop_orders(firm: VendorEnvironment) -> None:
    vendor, supplier = firm.pair()
    firm.open(email="review")
    firm.change_account(supplier, Email="ar@elsewhere.example")
    assert firm.open_codes(vendor) == ["EMAIL_CHANGED"]
    assert firm.post(firm.order("PO-7", NL, vendor=vendor["name"])).state == "posted"
    vendor["email"] = "AR@elsewhere.example"
    firm.receive_webhook(vendor)
    assert firm.open_codes(vendor) == []


def test_the_reference_is_written_to_airbase(firm: VendorEnvironment) -> None:
    vendor, supplier = firm.pair()
    coded, its = firm.vendor("Zorendis GmbH", "902"), firm.supplier("Zorendis GmbH", "902")
    elsewhere = firm.vendor("Lindex SRL", "another-system-7")
    firm.supplier("Lindex SRL", "903")
    firm.open(write_reference=True)
    assert vendor["erp_reference_id"] == supplier
    assert coded["erp_reference_id"] == its
    assert elsewhere["erp_reference_id"] == "another-system-7"
    made = writes(firm)
    deliver_echoes(firm, vendor)
    assert writes(firm) == made


def test_no_reference_is_written_where_divisions_have_different_suppliers(
    firm: VendorEnvironment,
) -> None:
    vendor, _ = firm.pair()
    firm.exact.add_supplier(BE.division, "Kanimo B.V.", code="77")
    firm.connect(vendors={"write_reference": True})
    links = firm.services_of().vendor_links
    id = VendorId(vendor["id"])
    assert all(links.get(b.key, id) for b in (NL, BE))
    assert vendor["erp_reference_id"] == ""
    assert "reference_differs" in firm.vendor_steps(vendor)


# ---------------------------------------------------------------- creation


def without_supplier(firm: VendorEnvironment) -> tuple[Row, Row]:
    """Return a vendor without a supplier in Exact, and its order."""
    vendor = firm.vendor("Quovadra Lindex B.V.", email="ar@quovadra.example")
    return vendor, firm.order("PO-7", NL, vendor=vendor["name"])


def test_a_supplier_is_created_only_for_an_order(firm: VendorEnvironment) -> None:
    vendor, order = without_supplier(firm)
    firm.open(create_suppliers=True)
    deliver_echoes(firm, vendor)
    assert firm.accounts(vendor["name"]) == []
    assert firm.post(order).state == "posted"
    (made,) = firm.accounts(vendor["name"])
    assert (made["IsSupplier"], made["Email"]) == (True, "ar@quovadra.example")
    assert FIRM not in made["Remarks"]
    assert firm.supplier_of(vendor) == made["ID"]
    steps = firm.vendor_steps(vendor)
    deliver_echoes(firm, vendor)
    assert firm.vendor_steps(vendor) == steps == ["creating", "created"]


def test_a_similar_supplier_is_proposed_and_none_is_created(firm: VendorEnvironment) -> None:
    vendor, order = without_supplier(firm)
    similar = firm.supplier("Quovadra Lindex Holding B.V.", "905")
    firm.open(create_suppliers=True)
    assert firm.post(order).state == "review"
    assert firm.offered(vendor) == [similar]
    assert firm.accounts(vendor["name"]) == []


def test_one_that_is_only_alike_is_looked_at_before_another_is_created(
    firm: VendorEnvironment,
) -> None:
    vendor = firm.vendor("Kanimo Advies")
    alike = firm.supplier("Kanimolen Groothandel B.V.", "905")
    firm.open(create_suppliers=True)
    firm.receive_webhook(vendor)
    assert firm.offered(vendor) == []
    assert firm.post(firm.order("PO-7", NL, vendor=vendor["name"])).state == "review"
    assert firm.offered(vendor) == [alike]
    assert firm.accounts(vendor["name"]) == []


@pytest.mark.parametrize(
    "kind",
    ["timeout_before_commit", "timeout_after_commit", "server_error_after_commit", "garbage"],
)
def test_an_unknown_outcome_is_looked_up_before_anything_is_sent_again(
    firm: VendorEnvironment, kind: Kind
) -> None:
    vendor, order = without_supplier(firm)
    firm.open(create_suppliers=True)
    firm.exact.faults.append(ExactFault(kind, "POST", "crm/Accounts"))
    firm.post(order)
    for _ in range(4):
        firm.wait(minutes=3)
    assert len(firm.accounts(vendor["name"])) == 1
    assert firm.supplier_of(vendor) == firm.accounts(vendor["name"])[0]["ID"]
    assert firm.record(order).state == "posted"


def test_an_account_of_the_same_name_just_entered_by_hand_is_not_duplicated(
    firm: VendorEnvironment,
) -> None:
    vendor, order = without_supplier(firm)
    firm.open(create_suppliers=True)
    entered = firm.supplier(vendor["name"], "905")
    firm.post(order)
    assert len(firm.accounts(vendor["name"])) == 1
    assert firm.supplier_of(vendor) == entered
    firm.wait(minutes=1)
    assert firm.record(order).state == "posted"
    assert firm.open_codes(vendor) == []


def test_two_workers_create_one_supplier(firm: VendorEnvironment) -> None:
    vendor, order = without_supplier(firm)
    firm.open(create_suppliers=True)
    other = firm.memory.services()
    calls: list[str] = []

    def meanwhile(request: Request) -> None:
        """During one worker's call, let another reconcile the same vendor."""
        if request.method == "POST" and "crm" in request.path and not calls:
            calls.append(request.path)
            message = {"kind": "vendor", "connection": FIRM, "vendor": vendor["id"]}
            vendor_queue.handle(message, other)

    firm.exact.on_call = meanwhile
    firm.queue(order)
    for _ in range(6):
        try:
            firm.work()
        except Exception:  # noqa: BLE001  the worker that lost the race tries again
            firm.clock.move(400)
        firm.wait(minutes=3)
    assert calls
    assert len(firm.accounts(vendor["name"])) == 1
    assert firm.record(order).state == "posted"


def test_a_vendor_is_created_for_a_new_supplier(firm: VendorEnvironment) -> None:
    firm.open(create_vendors=True)
    before = set(firm.airbase.vendors)
    supplier = firm.supplier("Quovadra Lindex B.V.", "905", Email="ar@quovadra.example")
    firm.supplier("Cloudwerk Zuid B.V.", "906")  # resembles an existing vendor
    firm.airbase.faults.append(SimulatedFault("timeout_after_commit"))
    firm.refresh()
    firm.wait(hours=4, minutes=1)
    (made,) = set(firm.airbase.vendors) - before
    vendor = firm.airbase.vendors[made]
    assert (vendor["name"], vendor["erp_reference_id"]) == ("Quovadra Lindex B.V.", supplier)
    assert firm.supplier_of(vendor) == supplier
    deliver_echoes(firm, vendor)
    assert set(firm.airbase.vendors) - before == {made}
