"""Matching a vendor within its block makes the same link as matching it among all."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ml_connector.domain.matching.blocking import (
    affected_supplier_keys,
    affected_vendor_keys,
    match_one,
    supplier_keys,
    vendor_keys,
)
from ml_connector.domain.matching.matcher import match
from ml_connector.domain.matching.party import Party
from tests.domain.matching.test_matcher import FORMS, IBAN, OTHER_IBAN, OTHER_VAT, VAT

CORES = st.lists(
    st.sampled_from(["Kanimo", "Zorendis", "Bouw", "Müller", "Mueller", "de", "Techniek"]),
    min_size=1,
    max_size=3,
)
QUALIFIERS = st.sampled_from(["", "", "Nederland", "Holding", "II", "Amsterdam", "&", "***"])
FAMILY = st.sampled_from(
    ["Kanimo", "Kanimo", "Kanimo BV", "Kanimo Techniek", "Kanimo Amsterdam", "Kanimo Holding BV",
     "Zorendis", "Zorendis Kanimo", "Müller", "Mueller GmbH"]
)  # fmt: skip
MIXED = st.builds(
    lambda core, qualifier, form: " ".join([*core, qualifier, form]), CORES, QUALIFIERS, FORMS
)
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
    lambda party, vendor_id, reference: replace(
        party, id=vendor_id, code="", external_id=reference
    ),
    SUPPLIERS,
    st.sampled_from(["v1", "v2", "v3", "v4", "v5", "v6"]),
    st.sampled_from([*[""] * 8, "7", "s1", "{S2}", "S3", "nowhere"]),
)
VENDOR_LISTS = st.lists(VENDORS, min_size=1, max_size=4, unique_by=lambda party: party.id)
SUPPLIER_LISTS = st.lists(SUPPLIERS, max_size=4, unique_by=lambda party: party.id.casefold())


def finder(
    parties: Iterable[Party], keys: Callable[[Party], set[str]]
) -> Callable[[Iterable[str]], list[Party]]:
    indexed = defaultdict(list)
    for party in parties:
        for key in keys(party):
            indexed[key].append(party)
    return lambda wanted: list({p.id: p for key in wanted for p in indexed.get(key, ())}.values())


@settings(max_examples=600, deadline=None)
@given(VENDOR_LISTS, SUPPLIER_LISTS)
def test_a_vendor_gets_the_same_link_within_its_block_as_among_all(
    vendors: list[Party], suppliers: list[Party]
) -> None:
    find_vendors, find_suppliers = finder(vendors, vendor_keys), finder(suppliers, supplier_keys)
    for vendor, among_all in zip(vendors, match(vendors, suppliers), strict=True):
        in_block = match_one(vendor, find_vendors, find_suppliers)
        assert (in_block.outcome == "link", in_block.supplier_id) == (
            among_all.outcome == "link",
            among_all.supplier_id,
        )
        if among_all.outcome == "link":
            assert (in_block.rule, in_block.evidence) == (among_all.rule, among_all.evidence)


@settings(max_examples=300, deadline=None)
@given(VENDOR_LISTS, SUPPLIER_LISTS, SUPPLIERS)
def test_a_new_supplier_changes_only_links_of_vendors_under_its_affected_keys(
    vendors: list[Party], suppliers: list[Party], more: Party
) -> None:
    more = replace(more, id="further")
    find = finder(vendors, vendor_keys)
    affected = {each.id for each in find(affected_vendor_keys(more))}
    before = {each.vendor_id: each.supplier_id for each in match(vendors, suppliers)}
    after = {each.vendor_id: each.supplier_id for each in match(vendors, [*suppliers, more])}
    assert {id for id in before if before[id] != after[id]} <= affected


@settings(max_examples=300, deadline=None)
@given(VENDOR_LISTS, SUPPLIER_LISTS, VENDORS)
@example(
    [Party("v1", "Kanimo", city="Gent")],
    [Party("s1", "Kanimo", city="Gent")],
    Party("v2", "Kanimo Techniek"),
)
def test_a_new_vendor_changes_only_links_of_vendors_that_share_a_possible_supplier(
    vendors: list[Party], suppliers: list[Party], more: Party
) -> None:
    more = replace(more, id="further")
    find_vendors, find_suppliers = finder(vendors, vendor_keys), finder(suppliers, supplier_keys)
    related = find_suppliers(affected_supplier_keys(more))
    affected = {
        vendor.id for each in related for vendor in find_vendors(affected_vendor_keys(each))
    }
    before = {each.vendor_id: each.supplier_id for each in match(vendors, suppliers)}
    after = {each.vendor_id: each.supplier_id for each in match([*vendors, more], suppliers)}
    assert {id for id in before if before[id] != after[id]} <= affected
