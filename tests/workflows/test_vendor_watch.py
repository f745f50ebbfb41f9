"""What happens to a linked vendor or supplier is seen, makes its orders wait, and closes itself."""

import pytest

from local.firm import NL
from local.office import FIRM
from ml_connector.workflows.vendors.decisions import accept, link, unlink
from tests.workflows.vendor_office import CODE, Row, VendorOffice


def order_for(firm: VendorOffice, vendor: Row) -> Row:
    return firm.order("PO-7", NL, vendor=vendor["name"])


def assert_waits(firm: VendorOffice, order: Row, code: str = "VENDOR_LINK_IN_DOUBT") -> None:
    assert firm.post(order).state == "review"
    assert firm.codes(order) == [code]


def assert_settled(firm: VendorOffice, vendor: Row, order: Row) -> None:
    """The exception is closed, and the order went on without a hand."""
    assert firm.open_codes(vendor) == []
    found = firm.link(vendor)
    assert found is not None
    assert found.doubt == ""
    assert firm.proposal(vendor) is None
    assert firm.record(order).state == "posted"
    assert firm.doors.ledger.find_break(firm.vendor_record(vendor)) is None


# ---------------------------------------------------------------- Exact's side


@pytest.mark.parametrize(
    ("change", "back"),
    [
        ({"Blocked": True}, {"Blocked": False}),
        ({"IsSupplier": False}, {"IsSupplier": True}),
        ({"EndDate": "/Date(1577836800000)/"}, {"EndDate": None}),
    ],
)
def test_a_supplier_that_cannot_be_used(firm: VendorOffice, change: Row, back: Row) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    firm.change_account(supplier, **change)
    assert firm.open_codes(vendor) == ["LINK_BROKEN"]
    order = order_for(firm, vendor)
    assert firm.post(order).state == "review"
    firm.change_account(supplier, **back)
    assert_settled(firm, vendor, order)
    assert firm.vendor_steps(vendor) == ["linked", "doubted", "settled"]


def test_a_supplier_that_ends_with_the_day_is_found_by_the_daily_comparison(
    firm: VendorOffice,
) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    firm.change_account(supplier, EndDate=_date(firm, days=1))
    assert firm.open_codes(vendor) == []
    firm.clock.move(3 * 86_400)
    firm.compare()
    assert firm.open_codes(vendor) == ["LINK_BROKEN"]


def _date(firm: VendorOffice, days: int) -> str:
    return f"/Date({int((firm.clock() + days * 86_400) * 1000)})/"


def test_a_renamed_supplier(firm: VendorOffice) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    firm.change_account(supplier, Name="KANIMO BV")
    assert firm.open_codes(vendor) == []  # the same name, spelt otherwise
    firm.change_account(supplier, Name="Zorendis GmbH")
    assert firm.open_codes(vendor) == ["NAME_CHANGED"]
    assert firm.offered(vendor) == [supplier]
    order = order_for(firm, vendor)
    assert_waits(firm, order)
    accept(firm.doors, firm.person, FIRM, CODE, firm.vendor_id(vendor))
    firm.work()
    assert_settled(firm, vendor, order)
    firm.compare()
    assert firm.open_codes(vendor) == []


def test_a_renaming_taken_back_closes_itself(firm: VendorOffice) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    firm.change_account(supplier, Name="Zorendis GmbH")
    order = order_for(firm, vendor)
    assert_waits(firm, order)
    firm.change_account(supplier, Name="Kanimo B.V.")
    assert_settled(firm, vendor, order)


def test_a_merged_supplier_is_proposed_its_heir(firm: VendorOffice) -> None:
    """The account is gone; another one took over its code, or its VAT number."""
    vendor, supplier = firm.pair(code="901")
    other, second = firm.pair("Zorendis GmbH", "902")
    firm.open()
    firm.exact.change(CODE, "crm/Accounts", second, VATNumber="NL004495445B01")
    firm.read_exact()
    firm.exact.remove(CODE, "crm/Accounts", supplier)
    firm.exact.remove(CODE, "crm/Accounts", second)
    heir = firm.supplier("Kanimo Groep B.V.", "901")
    numbered = firm.supplier("Nova Zorendis", "77", VATNumber="NL004495445B01")
    firm.read_exact()
    assert (firm.open_codes(vendor), firm.open_codes(other)) == (["LINK_BROKEN"],) * 2
    assert firm.offered(vendor)[0] == heir
    assert firm.offered(other)[0] == numbered
    order = order_for(firm, vendor)
    assert_waits(firm, order, "SUPPLIER_GONE")
    accept(firm.doors, firm.person, FIRM, CODE, firm.vendor_id(vendor))
    firm.work()
    assert firm.supplier_of(vendor) == heir
    assert_settled(firm, vendor, order)


def test_a_deleted_supplier(firm: VendorOffice) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    firm.remove_account(supplier)
    assert firm.open_codes(vendor) == ["LINK_BROKEN"]
    assert firm.offered(vendor) == []
    order = order_for(firm, vendor)
    assert_waits(firm, order, "SUPPLIER_GONE")
    new = firm.supplier("Somebody Else B.V.", "905")
    firm.read_exact()
    link(firm.doors, firm.person, FIRM, CODE, firm.vendor_id(vendor), "905", "told by phone")
    firm.work()
    assert firm.supplier_of(vendor) == new
    assert_settled(firm, vendor, order)


# ---------------------------------------------------------------- Airbase's side


def test_a_renamed_vendor(firm: VendorOffice) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    order = order_for(firm, vendor)
    vendor["name"] = "Zorendis GmbH"
    firm.hear(vendor)
    assert firm.open_codes(vendor) == ["NAME_CHANGED"]
    assert_waits(firm, order)
    firm.change_account(supplier, Name="Zorendis G.m.b.H.")
    assert_settled(firm, vendor, order)


def test_a_deactivated_vendor(firm: VendorOffice) -> None:
    vendor, _ = firm.pair()
    firm.open()
    order = order_for(firm, vendor)
    vendor["is_active"] = False
    firm.hear(vendor)
    assert firm.open_codes(vendor) == ["VENDOR_INACTIVE"]
    assert_waits(firm, order, "VENDOR_INACTIVE")
    vendor["is_active"] = True
    firm.hear(vendor)
    assert firm.open_codes(vendor) == []
    assert firm.post(order).state == "posted"


@pytest.mark.parametrize("by", ["webhook", "daily comparison"])
def test_a_vendor_made_anew_is_proposed_the_old_ones_supplier(firm: VendorOffice, by: str) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    firm.airbase.remove_vendor(vendor)
    again = firm.vendor("Kanimo BV")
    if by == "webhook":
        firm.hear(vendor)
        firm.hear(again)
    else:
        firm.compare()
    assert firm.open_codes(vendor) == ["VENDOR_GONE"]
    assert firm.open_codes(again) == ["VENDOR_RECREATED"]
    assert firm.offered(again) == [supplier]
    order = order_for(firm, again)
    assert_waits(firm, order, "UNKNOWN_VENDOR")
    accept(firm.doors, firm.person, FIRM, CODE, firm.vendor_id(again))
    firm.work()
    assert_settled(firm, again, order)
    assert firm.link(vendor) is None
    assert firm.open_codes(vendor) == []


def test_vendors_merged_into_one(firm: VendorOffice) -> None:
    kept, first = firm.pair()
    gone, _ = firm.pair("Zorendis GmbH", "902")
    firm.open()
    firm.airbase.remove_vendor(gone)
    firm.hear(gone)
    assert firm.open_codes(gone) == ["VENDOR_GONE"]
    assert (firm.supplier_of(kept), firm.open_codes(kept)) == (first, [])
    unlink(firm.doors, firm.person, FIRM, CODE, firm.vendor_id(gone), "merged")
    firm.work()
    firm.compare()
    assert firm.open_codes(gone) == []


# ---------------------------------------------------------------- both


def test_two_vendors_of_one_supplier(firm: VendorOffice) -> None:
    vendor, supplier = firm.pair()
    other = firm.vendor("Kanimo Handelsnaam")
    firm.open()
    firm.open_with(mappings={"suppliers": {other["id"]: "901"}})
    assert firm.supplier_of(other) == supplier
    assert (firm.open_codes(vendor), firm.open_codes(other)) == (["SUPPLIER_SHARED"],) * 2
    order = order_for(firm, vendor)
    assert_waits(firm, order)
    firm.open_with()
    unlink(firm.doors, firm.person, FIRM, CODE, firm.vendor_id(other), "not theirs")
    firm.work()
    assert firm.open_codes(other) == []
    assert_settled(firm, vendor, order)


def test_two_suppliers_of_one_vendor(firm: VendorOffice) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    named = firm.supplier("Zorendis GmbH", "902")
    firm.read_exact()
    order = order_for(firm, vendor)
    vendor["erp_reference_id"] = named.upper()
    firm.hear(vendor)
    assert firm.open_codes(vendor) == ["LINK_DISPUTED"]
    assert firm.offered(vendor) == [named]
    assert_waits(firm, order)
    vendor["erp_reference_id"] = supplier
    firm.hear(vendor)
    assert_settled(firm, vendor, order)


def test_the_file_and_a_person_may_disagree(firm: VendorOffice) -> None:
    vendor, supplier = firm.pair()
    other = firm.supplier("Zorendis GmbH", "902")
    firm.open()
    link(firm.doors, firm.person, FIRM, CODE, firm.vendor_id(vendor), supplier)
    firm.open_with(mappings={"suppliers": {vendor["id"]: "902"}})
    assert firm.supplier_of(vendor) == supplier  # what a person linked is never replaced
    assert firm.open_codes(vendor) == ["LINK_DISPUTED"]
    assert firm.offered(vendor) == [other]
