"""Changes of linked vendors and suppliers open exceptions, block orders, and can be reverted."""

import pytest

from local.firm import NL
from local.in_memory.environment import FIRM
from ml_connector.domain.ids import code_of
from ml_connector.vendors.review.decisions import accept, link, unlink
from tests.vendors.vendor_environment import CODE, Row, VendorEnvironment


def order_for(firm: VendorEnvironment, vendor: Row) -> Row:
    return firm.order("PO-7", NL, vendor=vendor["name"])


def assert_waits(firm: VendorEnvironment, order: Row, code: str = "VENDOR_LINK_IN_DOUBT") -> None:
    assert firm.post(order).state == "review"
    assert firm.codes(order) == [code]


def assert_resolved(firm: VendorEnvironment, vendor: Row, order: Row) -> None:
    """Assert that the exception is closed and the order was posted."""
    assert firm.open_codes(vendor) == []
    found = firm.link(vendor)
    assert found is not None
    assert found.doubt == ""
    assert firm.proposal(vendor) is None
    assert firm.record(order).state == "posted"
    assert firm.services.ledger_of(FIRM).find_break(firm.vendor_record(vendor)) is None


# ---------------------------------------------------------------- Exact's side


@pytest.mark.parametrize(
    ("change", "back"),
    [
        ({"Blocked": True}, {"Blocked": False}),
        ({"IsSupplier": False}, {"IsSupplier": True}),
        ({"EndDate": "/Date(1577836800000)/"}, {"EndDate": None}),
    ],
)
def test_an_unusable_supplier(firm: VendorEnvironment, change: Row, back: Row) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    firm.change_account(supplier, **change)
    assert firm.open_codes(vendor) == ["LINK_BROKEN"]
    order = order_for(firm, vendor)
    assert firm.post(order).state == "review"
    firm.change_account(supplier, **back)
    assert_resolved(firm, vendor, order)
    assert firm.vendor_steps(vendor) == ["linked", "doubted", "settled"]


def test_an_ended_supplier_is_found_by_the_daily_reconciliation(
    firm: VendorEnvironment,
) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    firm.change_account(supplier, EndDate=_date(firm, days=1))
    assert firm.open_codes(vendor) == []
    firm.clock.move(3 * 86_400)
    firm.reconcile()
    assert firm.open_codes(vendor) == ["LINK_BROKEN"]


def _date(firm: VendorEnvironment, days: int) -> str:
    return f"/Date({int((firm.clock() + days * 86_400) * 1000)})/"


def test_a_renamed_supplier(firm: VendorEnvironment) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    firm.change_account(supplier, Name="KANIMO BV")
    assert firm.open_codes(vendor) == []  # another spelling of the same name
    firm.change_account(supplier, Name="Zorendis GmbH")
    assert firm.open_codes(vendor) == ["NAME_CHANGED"]
    assert firm.offered(vendor) == [supplier]
    order = order_for(firm, vendor)
    assert_waits(firm, order)
    accept(firm.services_of(), firm.person, CODE, firm.vendor_id(vendor))
    firm.work()
    assert_resolved(firm, vendor, order)
    firm.reconcile()
    assert firm.open_codes(vendor) == []


def test_a_reverted_name_closes_the_exception(firm: VendorEnvironment) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    firm.change_account(supplier, Name="Zorendis GmbH")
    order = order_for(firm, vendor)
    assert_waits(firm, order)
    firm.change_account(supplier, Name="Kanimo B.V.")
    assert_resolved(firm, vendor, order)


def test_the_successor_of_a_merged_supplier_is_proposed(firm: VendorEnvironment) -> None:
    """The account is gone; another has its code or VAT number."""
    vendor, supplier = firm.pair(code="901")
    other, second = firm.pair("Zorendis GmbH", "902")
    firm.open()
    firm.exact.change(code_of(CODE), "crm/Accounts", second, VATNumber="NL004495445B01")
    firm.refresh()
    firm.exact.remove(code_of(CODE), "crm/Accounts", supplier)
    firm.exact.remove(code_of(CODE), "crm/Accounts", second)
    successor = firm.supplier("Kanimo Groep B.V.", "901")
    numbered = firm.supplier("Nova Zorendis", "77", VATNumber="NL004495445B01")
    firm.refresh()
    assert (firm.open_codes(vendor), firm.open_codes(other)) == (["LINK_BROKEN"],) * 2
    assert firm.offered(vendor)[0] == successor
    assert firm.offered(other)[0] == numbered
    order = order_for(firm, vendor)
    assert_waits(firm, order, "SUPPLIER_GONE")
    accept(firm.services_of(), firm.person, CODE, firm.vendor_id(vendor))
    firm.work()
    assert firm.supplier_of(vendor) == successor
    assert_resolved(firm, vendor, order)


def test_a_deleted_supplier(firm: VendorEnvironment) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    firm.remove_account(supplier)
    assert firm.open_codes(vendor) == ["LINK_BROKEN"]
    assert firm.offered(vendor) == []
    order = order_for(firm, vendor)
    assert_waits(firm, order, "SUPPLIER_GONE")
    new = firm.supplier("Somebody Else B.V.", "905")
    firm.refresh()
    link(firm.services_of(), firm.person, CODE, firm.vendor_id(vendor), "905", "by phone")
    firm.work()
    assert firm.supplier_of(vendor) == new
    assert_resolved(firm, vendor, order)


# ---------------------------------------------------------------- Airbase's side


def test_a_renamed_vendor(firm: VendorEnvironment) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    order = order_for(firm, vendor)
    vendor["name"] = "Zorendis GmbH"
    firm.receive_webhook(vendor)
    assert firm.open_codes(vendor) == ["NAME_CHANGED"]
    assert_waits(firm, order)
    firm.change_account(supplier, Name="Zorendis G.m.b.H.")
    assert_resolved(firm, vendor, order)


def test_a_deactivated_vendor(firm: VendorEnvironment) -> None:
    vendor, _ = firm.pair()
    firm.open()
    order = order_for(firm, vendor)
    vendor["is_active"] = False
    firm.receive_webhook(vendor)
    assert firm.open_codes(vendor) == ["VENDOR_INACTIVE"]
    assert_waits(firm, order, "VENDOR_INACTIVE")
    vendor["is_active"] = True
    firm.receive_webhook(vendor)
    assert firm.open_codes(vendor) == []
    assert firm.post(order).state == "posted"


def test_a_vendor_created_again_is_linked_while_the_old_one_is_not_known_to_be_gone(
    firm: VendorEnvironment,
) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    firm.airbase.remove_vendor(vendor)
    again = firm.vendor("Kanimo BV")
    firm.reconcile()
    assert (firm.supplier_of(again), firm.open_codes(again)) == (supplier, [])
    assert firm.open_codes(vendor) == ["VENDOR_GONE"]


def test_a_vendor_created_again_is_proposed_its_old_supplier(firm: VendorEnvironment) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    firm.airbase.remove_vendor(vendor)
    again = firm.vendor("Kanimo BV")
    firm.receive_webhook(vendor)
    firm.receive_webhook(again)
    assert firm.open_codes(vendor) == ["VENDOR_GONE"]
    assert firm.open_codes(again) == ["VENDOR_RECREATED"]
    assert firm.offered(again) == [supplier]
    order = order_for(firm, again)
    assert_waits(firm, order, "UNKNOWN_VENDOR")
    accept(firm.services_of(), firm.person, CODE, firm.vendor_id(again))
    firm.work()
    assert_resolved(firm, again, order)
    assert firm.link(vendor) is None
    assert firm.open_codes(vendor) == []


def test_vendors_merged_into_one(firm: VendorEnvironment) -> None:
    kept, first = firm.pair()
    gone, _ = firm.pair("Zorendis GmbH", "902")
    firm.open()
    firm.airbase.remove_vendor(gone)
    firm.receive_webhook(gone)
    assert firm.open_codes(gone) == ["VENDOR_GONE"]
    assert (firm.supplier_of(kept), firm.open_codes(kept)) == (first, [])
    unlink(firm.services_of(), firm.person, CODE, firm.vendor_id(gone), "merged")
    firm.work()
    firm.reconcile()
    assert firm.open_codes(gone) == []


# ---------------------------------------------------------------- both


def test_two_vendors_of_one_supplier(firm: VendorEnvironment) -> None:
    vendor, supplier = firm.pair()
    other = firm.vendor("Kanimo Handelsnaam")
    firm.open()
    firm.open_with(mappings={"suppliers": {other["id"]: "901"}})
    assert firm.supplier_of(other) == supplier
    assert (firm.open_codes(vendor), firm.open_codes(other)) == (["SUPPLIER_SHARED"],) * 2
    order = order_for(firm, vendor)
    assert_waits(firm, order)
    firm.open_with()
    unlink(firm.services_of(), firm.person, CODE, firm.vendor_id(other), "not tsuccessors")
    firm.work()
    assert firm.open_codes(other) == []
    assert_resolved(firm, vendor, order)


def test_two_suppliers_of_one_vendor(firm: VendorEnvironment) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    named = firm.supplier("Zorendis GmbH", "902")
    firm.refresh()
    order = order_for(firm, vendor)
    vendor["erp_reference_id"] = named.upper()
    firm.receive_webhook(vendor)
    assert firm.open_codes(vendor) == ["LINK_DISPUTED"]
    assert firm.offered(vendor) == [named]
    assert_waits(firm, order)
    vendor["erp_reference_id"] = supplier
    firm.receive_webhook(vendor)
    assert_resolved(firm, vendor, order)


def test_the_connection_file_does_not_replace_a_link_by_hand(firm: VendorEnvironment) -> None:
    vendor, supplier = firm.pair()
    other = firm.supplier("Zorendis GmbH", "902")
    firm.open()
    link(firm.services_of(), firm.person, CODE, firm.vendor_id(vendor), supplier)
    firm.open_with(mappings={"suppliers": {vendor["id"]: "902"}})
    assert firm.supplier_of(vendor) == supplier  # a link by hand is never replaced
    assert firm.open_codes(vendor) == ["LINK_DISPUTED"]
    assert firm.offered(vendor) == [other]
