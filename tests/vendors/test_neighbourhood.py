"""Deciding one vendor among its neighbours links exactly what deciding among all does."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ml_connector.vendors.matching import match
from ml_connector.vendors.neighbourhood import (
    decide,
    supplier_keys,
    suppliers_touched_by_vendor,
    vendor_keys,
    vendors_touched_by_supplier,
)
from ml_connector.vendors.party import Party
from tests.vendors.test_matching import FORMS, IBAN, OTHER_IBAN, OTHER_VAT, VAT

CORES = st.lists(
    st.sampled_from(["Kanimo", "Zorendis", "Bouw", "Müller", "Mueller", "de", "Techniek"]),
    min_size=1,
    max_size=3,
)
MARKS = st.sampled_from(["", "", "Nederland", "Holding", "II", "Amsterdam", "&", "***"])
FAMILY = st.sampled_from(
    ["Kanimo", "Kanimo", "Kanimo BV", "Kanimo Techniek", "Kanimo Amsterdam", "Kanimo Holding BV",
     "Zorendis", "Zorendis Kanimo", "Müller", "Mueller GmbH"]
)  # fmt: skip
MIXED = st.builds(lambda core, mark, form: " ".join([*core, mark, form]), CORES, MARKS, FORMS)
NAMES = FAMILY | FAMILY | FAMILY | MIXED
SUPPLIERS = st.builds(
    Party,
    id=st.sampled_from(["S1", "s2", "s3", "s4", "s5", "s6"]),
    name=NAMES,
    vat_number=st.sampled_from([*[""] * 6, VAT, OTHER_VAT]),
    chamber_of_commerce=st.sampled_from([*[""] * 6, "01234567"]),
    iban=st.sampled_from([*[""] * 6, IBAN, OTHER_IBAN]),
    country=st.sampled_from([*[""] * 6, "NL", "BE"]),
    city=st.sampled_from(["", "Gent", "Gent", "Gent", "Breda"]),
    code=st.sampled_from([*[""] * 4, "7", " 8"]),
    is_usable=st.sampled_from([*[True] * 6, False]),
)
VENDORS = st.builds(
    lambda party, own, told: replace(party, id=own, code="", external_id=told),
    SUPPLIERS,
    st.sampled_from(["v1", "v2", "v3", "v4", "v5", "v6"]),
    st.sampled_from([*[""] * 8, "7", "s1", "{S2}", "S3", "nowhere"]),
)
VENDOR_LISTS = st.lists(VENDORS, min_size=1, max_size=4, unique_by=lambda party: party.id)
SUPPLIER_LISTS = st.lists(SUPPLIERS, max_size=4, unique_by=lambda party: party.id.casefold())


def finder(
    parties: Iterable[Party], keys: Callable[[Party], set[str]]
) -> Callable[[Iterable[str]], list[Party]]:
    posted = defaultdict(list)
    for party in parties:
        for key in keys(party):
            posted[key].append(party)
    return lambda asked: list({p.id: p for key in asked for p in posted.get(key, ())}.values())


@settings(max_examples=600, deadline=None)
@given(VENDOR_LISTS, SUPPLIER_LISTS)
def test_one_vendor_among_its_neighbours_gets_the_link_it_gets_among_all(
    vendors: list[Party], suppliers: list[Party]
) -> None:
    find_vendors, find_suppliers = finder(vendors, vendor_keys), finder(suppliers, supplier_keys)
    for vendor, whole in zip(vendors, match(vendors, suppliers), strict=True):
        alone = decide(vendor, find_vendors, find_suppliers)
        assert (alone.verdict == "link", alone.supplier_id) == (
            whole.verdict == "link",
            whole.supplier_id,
        )
        if whole.verdict == "link":
            assert (alone.rule, alone.evidence) == (whole.rule, whole.evidence)


@settings(max_examples=300, deadline=None)
@given(VENDOR_LISTS, SUPPLIER_LISTS, SUPPLIERS)
def test_a_supplier_sways_only_vendors_that_it_touches(
    vendors: list[Party], suppliers: list[Party], more: Party
) -> None:
    more = replace(more, id="further")
    find = finder(vendors, vendor_keys)
    touched = {each.id for each in find(vendors_touched_by_supplier(more))}
    before = {each.vendor_id: each.supplier_id for each in match(vendors, suppliers)}
    after = {each.vendor_id: each.supplier_id for each in match(vendors, [*suppliers, more])}
    assert {id for id in before if before[id] != after[id]} <= touched


@settings(max_examples=300, deadline=None)
@given(VENDOR_LISTS, SUPPLIER_LISTS, VENDORS)
@example(
    [Party("v1", "Kanimo", city="Gent")],
    [Party("s1", "Kanimo", city="Gent")],
    Party("v2", "Kanimo Techniek"),
)
def test_a_vendor_sways_only_those_that_share_a_supplier_with_it(
    vendors: list[Party], suppliers: list[Party], more: Party
) -> None:
    more = replace(more, id="further")
    find_vendors, find_suppliers = finder(vendors, vendor_keys), finder(suppliers, supplier_keys)
    near = find_suppliers(suppliers_touched_by_vendor(more))
    touched = {
        vendor.id for each in near for vendor in find_vendors(vendors_touched_by_supplier(each))
    }
    before = {each.vendor_id: each.supplier_id for each in match(vendors, suppliers)}
    after = {each.vendor_id: each.supplier_id for each in match([*vendors, more], suppliers)}
    assert {id for id in before if before[id] != after[id]} <= touched
