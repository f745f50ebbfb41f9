"""Links, rejections and proposals are stored per division and found from both ends."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from local.in_memory.tables import InMemoryTable
from ml_connector.domain.ids import ConnectionId, Division, OrderId, VendorId
from ml_connector.infrastructure.connection_store import ConnectionNotes
from ml_connector.infrastructure.vendor_links import (
    Link,
    ProposedSupplier,
    SupplierProposal,
    SupplierProposals,
    VendorLinks,
)
from tests.domain.orders.builders import another_guid
from tests.site import keys_of

FIRM, OTHER = ConnectionId("firm"), ConnectionId("firm-2")
NL, BE = Division("nl.101"), Division("nl.102")
VENDOR, NEXT = VendorId("ven-1"), VendorId("ven-2")
SUPPLIER, ANOTHER = another_guid(1), another_guid(2)
AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def table() -> InMemoryTable:
    return InMemoryTable("mappings")


@pytest.fixture
def links(table: InMemoryTable) -> VendorLinks:
    return VendorLinks(table, keys_of(FIRM))


@pytest.fixture
def proposals(table: InMemoryTable) -> SupplierProposals:
    return SupplierProposals(table, keys_of(FIRM))


def any_link(vendor: VendorId = VENDOR) -> Link:
    return Link(NL, vendor, SUPPLIER, "vat_number", ("same VAT number",), "anna", AT, "X")


def any_proposal(vendor: VendorId = VENDOR) -> SupplierProposal:
    candidates = (ProposedSupplier(SUPPLIER, "101", "Vos", 0.91),)
    return SupplierProposal(NL, vendor, "De Vos", candidates, "similar_name", ("alike",), AT)


def test_a_link_is_stored_in_full_for_one_division(
    links: VendorLinks, table: InMemoryTable
) -> None:
    links.save(any_link())
    assert links.get(NL, VENDOR) == any_link()
    assert links.get(BE, VENDOR) is None
    assert VendorLinks(table, keys_of(OTHER)).get(NL, VENDOR) is None


def test_a_new_link_replaces_the_old_one_from_both_ends(
    links: VendorLinks, table: InMemoryTable
) -> None:
    links.save(any_link())
    links.save(replace(any_link(), supplier=ANOTHER))
    assert links.vendors_of(NL, SUPPLIER) == []
    assert links.vendors_of(NL, ANOTHER) == [VENDOR]
    assert len(table.items()) == 2
    links.remove(NL, VENDOR)
    links.remove(NL, VENDOR)
    assert table.items() == []


def test_a_supplier_leads_to_all_its_vendors(links: VendorLinks) -> None:
    for vendor in (VENDOR, NEXT, VendorId("ven#3")):
        links.save(any_link(vendor))
    assert set(links.vendors_of(NL, SUPPLIER)) == {VENDOR, NEXT, "ven#3"}
    assert links.vendors_of(BE, SUPPLIER) == []


@pytest.mark.parametrize("vendor", ["ven-1", "a#b#c", "é 漢", "102#ven"])
def test_all_are_listed_with_any_vendor_id(
    links: VendorLinks, proposals: SupplierProposals, table: InMemoryTable, vendor: str
) -> None:
    id = VendorId(vendor)
    links.save(any_link(id))
    links.save(replace(any_link(id), division=BE))
    proposals.save(any_proposal(id))
    ConnectionNotes(table, FIRM).note_posted("exact-1", OrderId("po-1"))
    assert [link.division for link in links.all()] == [NL, BE]
    assert list(links.all(NL)) == [any_link(id)]
    assert list(proposals.all()) == list(proposals.all(NL)) == [any_proposal(id)]
    others = VendorLinks(table, keys_of(OTHER)), SupplierProposals(table, keys_of(OTHER))
    assert [*others[0].all(), *others[1].all(), *proposals.all(BE)] == []


def test_a_rejection_is_about_one_pair(links: VendorLinks) -> None:
    now = AT
    links.reject(NL, VENDOR, SUPPLIER, "d1", "anna", now, "not them")
    links.reject(NL, VendorId("ven-1#2"), SUPPLIER, "d2", "anna", now)
    (found,) = links.rejections(NL, VENDOR)
    assert (found.supplier, found.digest, found.by, found.reason) == (
        SUPPLIER, "d1", "anna", "not them",
    )  # fmt: skip
    assert found.at == now
    links.reject(NL, VENDOR, SUPPLIER, "d3", "bert", now)
    assert [each.digest for each in links.rejections(NL, VENDOR)] == ["d3"]
    assert links.rejections(BE, VENDOR) == []


def test_a_proposal_is_replaced_and_removed(proposals: SupplierProposals) -> None:
    proposals.save(any_proposal())
    better = replace(any_proposal(), rule="name")
    proposals.save(better)
    assert proposals.get(NL, VENDOR) == better
    proposals.remove(NL, VENDOR)
    proposals.remove(NL, VENDOR)
    assert proposals.get(NL, VENDOR) is None


def test_a_pointer_that_is_older_than_the_link_names_no_vendor(
    links: VendorLinks, table: InMemoryTable
) -> None:
    links.save(any_link())
    table.put({"pk": FIRM, "sk": f"linked#{NL}#{ANOTHER}#{VENDOR}", "vendor": VENDOR})
    assert links.vendors_of(NL, ANOTHER) == []
    assert links.vendors_of(NL, SUPPLIER) == [VENDOR]
