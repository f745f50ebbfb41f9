"""Reference data are found by every key, and outdated look-up rows are skipped."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.in_memory.tables import InMemoryTable
from ml_connector.domain.ids import ConnectionId, Division, Guid, VendorId
from ml_connector.domain.orders.order import Reference
from ml_connector.domain.orders.reference_data import Code, CodeKind, GLAccount, Item, Supplier
from ml_connector.infrastructure.reference_store import (
    ReferenceStore,
    StoredDivisionData,
    StreamCursor,
    plain_name,
)
from ml_connector.infrastructure.vendor_links import Link, VendorLinks
from tests.site import keys_of

FIRM = ConnectionId("firm")
NL, BE = Division("nl.101"), Division("nl.102")
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def guid(number: int) -> Guid:
    return Guid(f"5a000000-0000-4000-8000-{number:012x}")


SUPPLIER = Supplier(
    guid(1),
    "60001",
    "Papierhandel B.V.",
    start=date(2020, 1, 1),
    end=date(2030, 12, 31),
    vat_code="4",
    payment_condition="30",
    currency="EUR",
)
ACCOUNT = GLAccount(guid(2), "4406", "Office", use_cost_centre=1, use_cost_unit=2, vat_code="4")
ITEM = Item(guid(3), "GL-4406", "Office", gl_costs=guid(2), start=date(2020, 1, 1), unit="pc")


@pytest.fixture
def table() -> InMemoryTable:
    return InMemoryTable("reference")


@pytest.fixture
def mappings() -> InMemoryTable:
    return InMemoryTable("mappings")


@pytest.fixture
def links(mappings: InMemoryTable) -> VendorLinks:
    return VendorLinks(mappings, keys_of(FIRM))


@pytest.fixture
def data(table: InMemoryTable) -> ReferenceStore:
    return ReferenceStore(table, keys_of(FIRM), NL)


class Fresh:
    """Makes new division data for each question, as for each order."""

    def __init__(self, data: ReferenceStore, links: VendorLinks) -> None:
        self._parts = data, links

    @property
    def division_data(self) -> StoredDivisionData:
        return StoredDivisionData(*self._parts, NL)


@pytest.fixture
def fresh(data: ReferenceStore, links: VendorLinks) -> Fresh:
    return Fresh(data, links)


# --- Found by every key --------------------------------------------------------------------


@pytest.mark.parametrize("key", [SUPPLIER.id, SUPPLIER.id.upper(), "60001", " 60001 "])
def test_a_supplier_is_found_by_guid_and_by_code(
    data: ReferenceStore, fresh: Fresh, key: str
) -> None:
    data.store("supplier", [SUPPLIER])
    assert fresh.division_data.supplier(key) == SUPPLIER


@pytest.mark.parametrize("key", [ACCOUNT.id, "4406"])
def test_a_gl_account_is_found_by_guid_and_by_code(
    data: ReferenceStore, fresh: Fresh, key: str
) -> None:
    data.store("gl_account", [ACCOUNT])
    assert fresh.division_data.gl_account(key) == ACCOUNT


def test_an_item_is_found_by_guid_and_by_its_gl_account(data: ReferenceStore, fresh: Fresh) -> None:
    other = replace(ITEM, id=guid(4), gl_costs=guid(9))
    data.store("item", [ITEM, other, replace(ITEM, id=guid(5), gl_costs=None)])
    assert fresh.division_data.item(ITEM.id) == ITEM
    assert fresh.division_data.carriers(guid(2)) == [ITEM]
    assert fresh.division_data.carriers(guid(8)) == []


@pytest.mark.parametrize("key", ["", "6000", "600011", "60001#", "#", guid(7), "Papierhandel"])
def test_another_key_finds_nothing(data: ReferenceStore, fresh: Fresh, key: str) -> None:
    data.store("supplier", [SUPPLIER, replace(SUPPLIER, id=guid(6), code="A#60001")])
    assert fresh.division_data.supplier(key) is None
    assert fresh.division_data.gl_account("60001") is None


def test_a_code_that_contains_the_separator_is_found(data: ReferenceStore, fresh: Fresh) -> None:
    odd = replace(SUPPLIER, id=guid(6), code="60001#A")
    data.store("supplier", [SUPPLIER, odd])
    assert fresh.division_data.supplier("60001") == SUPPLIER
    assert fresh.division_data.supplier("60001#A") == odd


@given(st.lists(st.text("01#A ", min_size=1, max_size=4).map(str.strip), unique=True, max_size=6))
def test_every_code_finds_its_own_supplier(codes: list[str]) -> None:
    data = ReferenceStore(InMemoryTable(), keys_of(FIRM), NL)
    stored = [replace(SUPPLIER, id=guid(n), code=code) for n, code in enumerate(codes)]
    data.store("supplier", stored)
    division_data = StoredDivisionData(data, VendorLinks(InMemoryTable(), keys_of(FIRM)), NL)
    assert [division_data.supplier(code) for code in codes] == stored


def test_divisions_and_connections_are_separate(table: InMemoryTable, data: ReferenceStore) -> None:
    data.store("supplier", [SUPPLIER])
    data.store_supplier_items([(ITEM.id, SUPPLIER.id)])
    for other in (
        ReferenceStore(table, keys_of(FIRM), BE),
        ReferenceStore(table, keys_of(ConnectionId("x")), NL),
    ):
        assert other.get("supplier", SUPPLIER.id, Supplier) is None
        assert not other.is_linked(ITEM.id, SUPPLIER.id)


def test_an_item_is_linked_to_the_suppliers_that_deliver_it(
    data: ReferenceStore, fresh: Fresh
) -> None:
    data.store_supplier_items([(ITEM.id, SUPPLIER.id)])
    assert fresh.division_data.is_linked(ITEM.id, SUPPLIER.id)
    assert not fresh.division_data.is_linked(ITEM.id, guid(9))


# --- Outdated look-up rows -----------------------------------------------------------------


def test_a_supplier_with_a_new_code_is_not_found_by_the_old_one(
    data: ReferenceStore, fresh: Fresh
) -> None:
    data.store("supplier", [SUPPLIER])
    data.store("supplier", [replace(SUPPLIER, code="70001")])
    assert fresh.division_data.supplier("60001") is None
    assert fresh.division_data.supplier("70001") == replace(SUPPLIER, code="70001")


def test_a_code_that_moved_to_another_supplier_finds_that_one(
    data: ReferenceStore, fresh: Fresh
) -> None:
    new_owner = replace(SUPPLIER, id=guid(9))
    data.store("supplier", [SUPPLIER])
    data.store("supplier", [replace(SUPPLIER, code="70001"), new_owner])
    assert fresh.division_data.supplier("60001") == new_owner


def test_a_renamed_supplier_is_like_its_new_name_only(data: ReferenceStore, fresh: Fresh) -> None:
    data.store("supplier", [SUPPLIER])
    renamed = replace(SUPPLIER, name="Kantoorhandel")
    data.store("supplier", [renamed])
    assert fresh.division_data.suppliers_like("Papierhandel") == []
    assert fresh.division_data.suppliers_like("Kantoorhandel") == [renamed]


def test_an_item_that_moved_carries_its_new_account_only(
    data: ReferenceStore, fresh: Fresh
) -> None:
    data.store("item", [ITEM])
    moved = replace(ITEM, gl_costs=guid(9))
    data.store("item", [moved])
    assert fresh.division_data.carriers(guid(2)) == []
    assert fresh.division_data.carriers(guid(9)) == [moved]
    data.store("item", [replace(ITEM, gl_costs=None)])
    assert fresh.division_data.carriers(guid(9)) == []


def test_a_removed_entity_is_found_by_no_key(data: ReferenceStore, fresh: Fresh) -> None:
    data.store("supplier", [SUPPLIER])
    data.store("item", [ITEM])
    data.remove("supplier", SUPPLIER.id)
    data.remove("item", ITEM.id)
    assert fresh.division_data.supplier("60001") is None
    assert fresh.division_data.supplier(SUPPLIER.id) is None
    assert fresh.division_data.suppliers_like("Papierhandel") == []
    assert fresh.division_data.carriers(guid(2)) == []
    data.remove("supplier", SUPPLIER.id)


# --- Similar names -------------------------------------------------------------------------


def named(*names: str) -> list[Supplier]:
    return [replace(SUPPLIER, id=guid(n), code=str(n), name=one) for n, one in enumerate(names)]


def names_like(fresh: Fresh, name: str) -> list[str]:
    return [one.name for one in fresh.division_data.suppliers_like(name)]


def test_the_most_similar_comes_first(data: ReferenceStore, fresh: Fresh) -> None:
    data.store("supplier", named("Bakker Transport", "Bakker & Zn.", "Bakkerij Jansen", "Slager"))
    assert names_like(fresh, "BAKKER & ZN") == [
        "Bakker & Zn.",
        "Bakkerij Jansen",
        "Bakker Transport",
    ]


def test_case_accents_and_punctuation_do_not_matter(data: ReferenceStore, fresh: Fresh) -> None:
    data.store("supplier", named("Café-Crème S.à r.l."))
    assert names_like(fresh, "CAFE CREME") == ["Café-Crème S.à r.l."]


def test_an_account_that_is_not_a_supplier_is_no_candidate(
    data: ReferenceStore, fresh: Fresh
) -> None:
    data.store("supplier", [replace(SUPPLIER, is_supplier=False)])
    assert names_like(fresh, "Papierhandel") == []


def test_the_same_name_is_found_among_hundreds_with_the_same_first_word(
    data: ReferenceStore, fresh: Fresh
) -> None:
    data.store("supplier", named(*(f"Stichting {n:03}" for n in range(300)), "Stichting Zuid"))
    found = names_like(fresh, "Stichting Zuid")
    assert found[0] == "Stichting Zuid"
    assert len(found) <= 100


@pytest.mark.parametrize("name", ["", " ", "...", "#", "&"])
def test_a_name_without_a_word_is_like_none(data: ReferenceStore, fresh: Fresh, name: str) -> None:
    data.store("supplier", named("Papierhandel", "...", ""))
    assert names_like(fresh, name) == []


@given(st.text(max_size=20))
def test_a_plain_name_does_not_change_again(name: str) -> None:
    plain = plain_name(name)
    assert plain == " ".join(plain.split())
    assert "#" not in plain
    assert plain_name(plain.upper().lower()) == plain_name(plain)


# --- Linked suppliers ----------------------------------------------------------------------


def test_a_link_counts_and_not_the_erp_reference(links: VendorLinks, fresh: Fresh) -> None:
    vendor = Reference("ven-1", "60001", "Papierhandel")
    assert fresh.division_data.linked_supplier(vendor) is None
    assert fresh.division_data.linked_supplier(Reference("", "60001", "Papierhandel")) == "60001"
    links.save(Link(NL, VendorId("ven-1"), guid(9), "by_hand"))
    assert fresh.division_data.linked_supplier(vendor) == guid(9)


def test_a_link_is_in_doubt_for_its_own_supplier_only(links: VendorLinks, fresh: Fresh) -> None:
    vendor = Reference("ven-1")
    links.save(Link(NL, VendorId("ven-1"), guid(9), "name", doubt="LINK_BROKEN"))
    assert fresh.division_data.doubt(vendor, guid(9)) == "LINK_BROKEN"
    assert fresh.division_data.doubt(vendor, guid(8)) == ""
    assert fresh.division_data.doubt(Reference("", "60001"), guid(9)) == ""


def test_a_vendor_without_a_link_in_the_division_has_no_supplier(
    links: VendorLinks, mappings: InMemoryTable, fresh: Fresh
) -> None:
    links.save(Link(BE, VendorId("ven-1"), guid(9), "by_hand"))
    others = VendorLinks(mappings, keys_of(ConnectionId("x")))
    others.save(Link(NL, VendorId("ven-1"), guid(9), "by_hand"))
    assert fresh.division_data.linked_supplier(Reference("ven-1", "", "Papierhandel")) is None
    assert fresh.division_data.linked_supplier(Reference("", "", "Papierhandel")) is None


# --- Codes ---------------------------------------------------------------------------------

HIGH = Code("4", "High rate", percentage_is_included=True, is_for_purchase=False)
IT = Code("IT", "Information", guid(8), is_blocked=True, end=date(2026, 1, 1))


def test_codes_are_found_by_kind_and_code(data: ReferenceStore, fresh: Fresh) -> None:
    assert data.replace_all("vat_code", [HIGH])
    assert data.replace_all("cost_centre", [IT])
    assert fresh.division_data.code("vat_code", "4") == HIGH
    assert fresh.division_data.code("cost_centre", "IT") == IT
    assert fresh.division_data.code("cost_unit", "IT") is None


def test_codes_that_are_not_listed_any_more_are_removed(data: ReferenceStore, fresh: Fresh) -> None:
    data.replace_all("cost_centre", [IT, Code("HR")])
    data.replace_all("cost_unit", [Code("IT")])
    assert data.replace_all("cost_centre", [Code("HR"), Code("FIN")])
    kinds: list[CodeKind] = ["cost_centre", "cost_unit"]
    assert [fresh.division_data.code(kind, "IT") for kind in kinds] == [None, Code("IT")]
    assert fresh.division_data.code("cost_centre", "HR") == Code("HR")
    assert data.replace_all("cost_centre", [])
    assert fresh.division_data.code("cost_centre", "HR") is None


def test_only_a_difference_counts_as_a_change(data: ReferenceStore) -> None:
    assert not data.replace_all("cost_centre", [])
    assert data.replace_all("cost_centre", [IT, Code("HR")])
    assert not data.replace_all("cost_centre", [Code("HR"), IT])
    assert data.replace_all("cost_centre", [Code("HR"), replace(IT, is_blocked=False)])


def test_division_data_do_not_change_while_an_order_is_mapped(
    data: ReferenceStore, fresh: Fresh
) -> None:
    data.replace_all("vat_code", [HIGH])
    division_data = fresh.division_data
    assert division_data.code("vat_code", "4") == HIGH
    data.replace_all("vat_code", [])
    assert division_data.code("vat_code", "4") == HIGH
    assert fresh.division_data.code("vat_code", "4") is None


# --- Cursors and notes ---------------------------------------------------------------------


@given(st.lists(st.integers(-5, 10**18), min_size=1))
def test_a_stream_is_never_read_backwards(timestamps: list[int]) -> None:
    known = StreamCursor()
    for timestamp in timestamps:
        before = known.timestamp
        known = known.reached(timestamp)
        assert known.timestamp >= before
    assert known.timestamp == max(1, *timestamps)


def test_each_stream_has_its_own_cursor(table: InMemoryTable, data: ReferenceStore) -> None:
    cursor = StreamCursor().reached(10**18).ended(NOON)
    data.save_cursor("sync/CRM/Accounts", cursor)
    data.save_cursor("sync/Deleted", StreamCursor().reached(3))
    assert data.cursor("sync/CRM/Accounts") == cursor
    assert data.cursors() == {"sync/CRM/Accounts": cursor, "sync/Deleted": StreamCursor(3)}
    assert data.cursor("sync/Logistics/Items") == StreamCursor()
    assert ReferenceStore(table, keys_of(FIRM), BE).cursors() == {}


def test_a_note_is_about_one_division(table: InMemoryTable, data: ReferenceStore) -> None:
    assert data.noted_at("your_ref_filter_refused") is None
    data.note("your_ref_filter_refused")
    assert data.noted_at("your_ref_filter_refused")
    assert ReferenceStore(table, keys_of(FIRM), BE).noted_at("your_ref_filter_refused") is None
