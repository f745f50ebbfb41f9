"""What may be written to either system, what comes of its echo, and that nothing is made twice."""

import pytest

from local.exact_simulator.faults import Fault as ExactFault
from local.exact_simulator.faults import Kind
from local.firm import BE, NL
from local.office import FIRM
from local.simulation import Fault, Request
from ml_connector.ids import Division, VendorId
from ml_connector.workflows.vendors import queue as vendor_queue
from tests.workflows.vendor_office import Row, VendorOffice


def writes(firm: VendorOffice) -> int:
    """Count what was written to both systems, orders apart."""
    exact = [c for c in firm.exact.calls if c.method in {"POST", "PUT"} and "crm" in c.path]
    return len(exact) + sum(call.method != "GET" for call in firm.airbase.calls)


def settle(firm: VendorOffice, vendor: Row) -> None:
    """Let every echo arrive, of both systems."""
    firm.hear(vendor)
    firm.read_exact()
    firm.compare()


def test_by_default_nothing_is_written(firm: VendorOffice) -> None:
    vendor, supplier = firm.pair()
    firm.vendor("Quovadra Lindex B.V.")
    firm.supplier("Somebody New B.V.", "905")
    firm.open()
    firm.post(firm.order("PO-7", NL, vendor="Quovadra Lindex B.V."))
    vendor["email"] = "info@kanimo.example"
    firm.change_account(supplier, Name="KANIMO BV", Email="ar@kanimo.example")
    settle(firm, vendor)
    assert writes(firm) == 0
    assert firm.open_codes(vendor) == []


def test_exact_leads(firm: VendorOffice) -> None:
    vendor, supplier = firm.pair()
    firm.open(name="exact_leads", email="exact_leads", active="exact_leads")
    firm.change_account(supplier, Name="Zorendis GmbH", Email="ar@zorendis.example")
    assert (vendor["name"], vendor["email"]) == ("Zorendis GmbH", "ar@zorendis.example")
    firm.change_account(supplier, Blocked=True)
    assert not vendor["is_active"]
    made = writes(firm)
    steps = firm.vendor_steps(vendor)
    settle(firm, vendor)
    assert (writes(firm), firm.vendor_steps(vendor)) == (made, steps)
    assert firm.open_codes(vendor) == []
    firm.change_account(supplier, Blocked=False)
    assert vendor["is_active"]
    assert "renamed" in steps


def test_airbase_leads(firm: VendorOffice) -> None:
    vendor, supplier = firm.pair()
    firm.open(name="airbase_leads", email="airbase_leads", active="airbase_leads")
    vendor |= {"name": "Zorendis GmbH", "email": "ar@zorendis.example"}
    firm.hear(vendor)
    account = firm.account(supplier)
    assert (account["Name"], account["Email"]) == ("Zorendis GmbH", "ar@zorendis.example")
    vendor["is_active"] = False
    firm.hear(vendor)
    assert firm.account(supplier)["Blocked"] is True
    made, steps = writes(firm), firm.vendor_steps(vendor)
    settle(firm, vendor)
    assert (writes(firm), firm.vendor_steps(vendor)) == (made, steps)
    assert firm.open_codes(vendor) == []


def test_a_name_that_exact_keeps_otherwise_is_not_written_over_and_over(
    firm: VendorOffice,
) -> None:
    vendor, supplier = firm.pair()
    firm.open(name="airbase_leads")
    vendor["name"] = "Zorendis GmbH"
    firm.hear(vendor)
    firm.change_account(supplier, Name="ZORENDIS")
    made = writes(firm)
    settle(firm, vendor)
    settle(firm, vendor)
    assert writes(firm) == made


def test_an_email_under_review_is_shown_and_stops_no_order(firm: VendorOffice) -> None:
    vendor, supplier = firm.pair()
    firm.open(email="review")
    firm.change_account(supplier, Email="ar@elsewhere.example")
    assert firm.open_codes(vendor) == ["EMAIL_CHANGED"]
    assert firm.post(firm.order("PO-7", NL, vendor=vendor["name"])).state == "posted"
    vendor["email"] = "AR@elsewhere.example"
    firm.hear(vendor)
    assert firm.open_codes(vendor) == []


def test_the_reference_is_written_back(firm: VendorOffice) -> None:
    vendor, supplier = firm.pair()
    coded, its = firm.vendor("Zorendis GmbH", "902"), firm.supplier("Zorendis GmbH", "902")
    elsewhere = firm.vendor("Lindex SRL", "another-system-7")
    firm.supplier("Lindex SRL", "903")
    firm.open(write_reference=True)
    assert vendor["erp_reference_id"] == supplier
    assert coded["erp_reference_id"] == its
    assert elsewhere["erp_reference_id"] == "another-system-7"
    made = writes(firm)
    settle(firm, vendor)
    assert writes(firm) == made


def test_divisions_with_different_suppliers_share_no_reference(firm: VendorOffice) -> None:
    vendor, _ = firm.pair()
    firm.exact.add_supplier(BE.division, "Kanimo B.V.", code="77")
    firm.connect(vendors={"write_reference": True})
    links = firm.doors.links
    id = VendorId(vendor["id"])
    assert all(links.get(FIRM, Division(b.division), id) for b in (NL, BE))
    assert vendor["erp_reference_id"] == ""
    assert "reference_differs" in firm.vendor_steps(vendor)


# ---------------------------------------------------------------- what is missing is made


def wanting(firm: VendorOffice) -> tuple[Row, Row]:
    """Return a vendor that nobody in Exact is, and its order."""
    vendor = firm.vendor("Quovadra Lindex B.V.", email="ar@quovadra.example")
    return vendor, firm.order("PO-7", NL, vendor=vendor["name"])


def test_a_supplier_is_made_for_an_order_and_for_nothing_else(firm: VendorOffice) -> None:
    vendor, order = wanting(firm)
    firm.open(create_suppliers=True)
    settle(firm, vendor)
    assert firm.accounts(vendor["name"]) == []
    assert firm.post(order).state == "posted"
    (made,) = firm.accounts(vendor["name"])
    assert (made["IsSupplier"], made["Email"]) == (True, "ar@quovadra.example")
    assert FIRM not in made["Remarks"]
    assert firm.supplier_of(vendor) == made["ID"]
    steps = firm.vendor_steps(vendor)
    settle(firm, vendor)
    assert firm.vendor_steps(vendor) == steps == ["creating", "created"]


def test_where_somebody_is_alike_a_person_decides(firm: VendorOffice) -> None:
    vendor, order = wanting(firm)
    alike = firm.supplier("Quovadra Lindex Holding B.V.", "905")
    firm.open(create_suppliers=True)
    assert firm.post(order).state == "review"
    assert firm.offered(vendor) == [alike]
    assert firm.accounts(vendor["name"]) == []


@pytest.mark.parametrize(
    "kind",
    ["timeout_before_commit", "timeout_after_commit", "server_error_after_commit", "garbage"],
)
def test_an_unknown_outcome_is_looked_for_before_anything_is_sent_again(
    firm: VendorOffice, kind: Kind
) -> None:
    vendor, order = wanting(firm)
    firm.open(create_suppliers=True)
    firm.exact.faults.append(ExactFault(kind, "POST", "crm/Accounts"))
    firm.post(order)
    for _ in range(4):
        firm.wait(minutes=3)
    assert len(firm.accounts(vendor["name"])) == 1
    assert firm.supplier_of(vendor) == firm.accounts(vendor["name"])[0]["ID"]
    assert firm.record(order).state == "posted"


def test_a_namesake_that_was_just_typed_in_is_not_doubled(firm: VendorOffice) -> None:
    vendor, order = wanting(firm)
    firm.open(create_suppliers=True)
    typed = firm.supplier(vendor["name"], "905")
    firm.post(order)
    assert len(firm.accounts(vendor["name"])) == 1
    assert firm.supplier_of(vendor) == typed
    firm.wait(minutes=1)
    assert firm.record(order).state == "posted"
    assert firm.open_codes(vendor) == []


def test_two_workers_make_one_supplier(firm: VendorOffice) -> None:
    vendor, order = wanting(firm)
    firm.open(create_suppliers=True)
    other = firm.mini.doors()
    met: list[str] = []

    def meanwhile(request: Request) -> None:
        """In the middle of one worker's call, another looks at the same vendor."""
        if request.method == "POST" and "crm" in request.path and not met:
            met.append(request.path)
            message = {"kind": "vendor", "connection": FIRM, "vendor": vendor["id"]}
            vendor_queue.handle(message, other)

    firm.exact.on_call = meanwhile
    firm.queue(order)
    for _ in range(6):
        try:
            firm.work()
        except Exception:  # noqa: BLE001  whoever lost the race is tried again
            firm.clock.move(400)
        firm.wait(minutes=3)
    assert met
    assert len(firm.accounts(vendor["name"])) == 1
    assert firm.record(order).state == "posted"


def test_a_vendor_is_made_for_a_supplier_that_appears(firm: VendorOffice) -> None:
    firm.open(create_vendors=True)
    before = set(firm.airbase.vendors)
    supplier = firm.supplier("Quovadra Lindex B.V.", "905", Email="ar@quovadra.example")
    firm.supplier("Cloudwerk Zuid B.V.", "906")  # somebody may be this one
    firm.airbase.faults.append(Fault("timeout_after_commit"))
    firm.read_exact()
    firm.wait(hours=4, minutes=1)
    (made,) = set(firm.airbase.vendors) - before
    vendor = firm.airbase.vendors[made]
    assert (vendor["name"], vendor["erp_reference_id"]) == ("Quovadra Lindex B.V.", supplier)
    assert firm.supplier_of(vendor) == supplier
    settle(firm, vendor)
    assert set(firm.airbase.vendors) - before == {made}
