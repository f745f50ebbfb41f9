import gc
import random
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_connector.domain.matching.matcher import match
from ml_connector.domain.matching.party import MatchDecision, Party
from ml_connector.domain.matching.rules import are_one_vendor

VAT, OTHER_VAT = "NL004495445B01", "BE0428759497"
IBAN, OTHER_IBAN = "NL91ABNA0417164300", "DE89370400440532013000"
GUID = "4fe21e5c-3f2a-4b7e-9c1d-0a1b2c3d4e5f"


def decide(vendor: Party, *suppliers: Party) -> MatchDecision:
    return match([vendor], suppliers)[0]


def with_fields(party: Party, **fields: Any) -> Party:
    return replace(party, **fields)


def named(vendor: str, *suppliers: str) -> MatchDecision:
    parties = [Party(f"s{at}", name) for at, name in enumerate(suppliers)]
    return decide(Party("v", vendor), *parties)


@pytest.mark.parametrize(
    ("vendor", "supplier"),
    [
        ("Kanimo B.V.", "KANIMO BV"),
        ("Kanimo", "kanimo"),
        ("Kanimo Nederland BV", "Kanimo Nederland B.V."),
        ("K2 Vertrieb GmbH", "K2 VERTRIEB GmbH"),
        ("株式会社 山田電機", "株式会社 山田電機"),
        ("ООО Ромашка", "ООО «РОМАШКА»"),  # noqa: RUF001
        ("شركة الأمل", "شركة الأمل"),
    ],
)
def test_the_same_name_is_linked(vendor: str, supplier: str) -> None:
    found = named(vendor, supplier, "Zorendis GmbH")
    assert (found.outcome, found.supplier_id, found.rule) == ("link", "s0", "name")
    assert found.evidence == ("same name",)


@pytest.mark.parametrize(
    ("vendor", "supplier"),
    [
        ("Kanimo B.V.", "Kanimo Holding B.V."),
        ("Kanimo B.V.", "Kanimo Beheer B.V."),
        ("Kanimo B.V.", "Kanimo Group B.V."),
        ("Kanimo Nederland B.V.", "Kanimo B.V."),
        ("Kanimo Nederland", "Kanimo Deutschland"),
        ("Kanimo 1 B.V.", "Kanimo 2 B.V."),
        ("Kanimo 2018 B.V.", "Kanimo 2019 B.V."),
        ("Kanimo II", "Kanimo III"),
        ("Kanimo", "Kanimo Niederlassung"),
        ("Kanimo B.V.", "Kanimo N.V."),
        ("Kanimo GmbH", "Kanimo GmbH & Co. KG"),
        ("Kanimo Ltd", "Kanimo Co. Ltd"),
        ("Kanimo BVBA", "Kanimo BV"),
        ("Stichting Kanimo", "Kanimo B.V."),
    ],
)
def test_siblings_are_proposed_and_never_linked(vendor: str, supplier: str) -> None:
    for one, other in ((vendor, supplier), (supplier, vendor)):
        found = named(one, other)
        assert (found.outcome, found.supplier_id) == ("review", "")
        assert [each.id for each in found.candidates] == ["s0"]


@pytest.mark.parametrize("number", ["vat_number", "iban"])
@pytest.mark.parametrize(
    ("vendor", "supplier"),
    [("Kanimo B.V.", "Kanimo Holding B.V."), ("Kanimo 1", "Kanimo 2"), ("Kanimo NV", "Kanimo BV")],
)
def test_a_number_that_a_group_may_share_does_not_link_siblings(
    number: str, vendor: str, supplier: str
) -> None:
    value = {"vat_number": VAT, "iban": IBAN}[number]
    one = with_fields(Party("v", vendor), **{number: value})
    assert decide(one, with_fields(Party("s", supplier), **{number: value})).outcome == "review"


@pytest.mark.parametrize(
    "name",
    ["Bouw", "AB", "Transport B.V.", "***", "", "B.V.", "Hotel Gent", "K2", "De Schilders"],
)
def test_a_name_that_is_not_distinctive_does_not_link(name: str) -> None:
    assert named(name, name).outcome != "link"


def test_without_a_legal_form_only_the_sole_company_of_the_name_is_linked() -> None:
    vendor, supplier = Party("v", "Kanimo"), Party("s", "Kanimo NV")
    assert decide(vendor, supplier).outcome == "link"
    assert decide(vendor, supplier, Party("t", "Kanimo BV")).outcome == "review"
    assert decide(vendor, supplier, Party("t", "Kanimo Holding NV")).outcome == "review"
    assert decide(vendor, supplier, Party("t", "Kanimo Techniek NV")).outcome == "review"
    assert decide(vendor, supplier, Party("t", "Kanimo Zorendis NV")).outcome == "link"


def test_different_e_mail_domains_prevent_a_link_by_name() -> None:
    vendor = Party("v", "Kanimo B.V.", email="ar@kanimo.example")
    assert decide(vendor, Party("s", "Kanimo BV", email="info@kanimo.example")).outcome == "link"
    assert decide(vendor, Party("s", "Kanimo BV", email="info@zorendis.example")).outcome != "link"


def test_a_town_may_have_been_left_out_of_a_name() -> None:
    vendor, supplier = Party("v", "De Graaf Bouw B.V."), Party("s", "de Graaf Bouw BV", city="Gent")
    sister = Party("t", "De Graaf Bouw Amsterdam B.V.")
    assert decide(vendor, supplier).outcome == "link"
    assert decide(vendor, supplier, sister).outcome == "review"
    assert match([vendor, replace(sister, id="w")], [supplier])[0].outcome == "review"
    assert decide(replace(vendor, city="Gent"), supplier, sister).outcome == "link"


def test_a_sister_with_another_e_mail_domain_does_not_prevent_a_link() -> None:
    vendor = Party("v", "De Graaf Bouw B.V.", email="ar@degraaf.example")
    supplier = Party("s", "de Graaf Bouw BV", email="info@degraaf.example")
    sister = Party("t", "De Graaf Bouw Amsterdam B.V.")
    assert decide(vendor, supplier, sister).outcome == "review"
    assert decide(vendor, supplier, replace(sister, email=vendor.email)).outcome == "review"
    assert decide(vendor, supplier, replace(sister, email="x@noord.example")).outcome == "link"


def test_a_name_with_a_town_does_not_mean_a_sister_in_another_town() -> None:
    towns = ["Gemeente Kortrijk", "Gemeente Amsterdam", "Gemeente Rotterdam", "Gemeente"]
    for at, town in enumerate(towns[:3]):
        assert named(town, *towns).supplier_id == f"s{at}"
    assert named("Gemeente", *towns).outcome == "review"
    assert named("Gemeente Amsterdam", *towns, "Gemeente Amsterdam Holding").outcome == "review"


def test_a_link_names_its_rule() -> None:
    supplier = Party(
        GUID, "Kanimo B.V.", vat_number=VAT, iban=IBAN, code="  1042", country="NL",
        chamber_of_commerce="01234567",
    )  # fmt: skip
    vendors = {
        "external_id": Party("v", "Anything", external_id=f"{{{GUID.upper()}}}"),
        "account_code": Party("v", "Kanimo", external_id="1042"),
        "vat_number": Party("v", "Trade name", vat_number="NL 0044.95.445.B01"),
        "chamber_of_commerce": Party(
            "v", "Trade name", chamber_of_commerce="1234567", country="nl"
        ),
        "iban": Party("v", "Kanimo", iban=IBAN),
        "name": Party("v", "KANIMO BV"),
    }
    for rule, vendor in vendors.items():
        found = decide(vendor, supplier, Party("other", "Zorendis GmbH", code="7"))
        assert (found.outcome, found.rule, found.supplier_id) == ("link", rule, GUID)


def test_a_code_or_bank_account_alone_needs_a_related_name() -> None:
    assert (
        decide(Party("v", "Zorendis", code="7"), Party("s", "Kanimo", code="7")).outcome == "review"
    )
    assert (
        decide(Party("v", "Zorendis", iban=IBAN), Party("s", "Kanimo", iban=IBAN)).outcome
        == "review"
    )


def test_an_invalid_number_does_not_link() -> None:
    bad = "NL004495446B01"
    found = decide(Party("v", "Zorendis", vat_number=bad), Party("s", "Kanimo", vat_number=bad))
    assert found.outcome == "none"


def test_several_matches_on_either_side_are_proposed() -> None:
    one, other = Party("a", "Kanimo BV", vat_number=VAT), Party("b", "Kanimo B.V.", vat_number=VAT)
    assert decide(one, one, other).outcome == "review"


def test_an_unusable_supplier_is_not_linked() -> None:
    blocked = Party("s", "Kanimo BV", is_usable=False)
    found = decide(Party("v", "Kanimo BV"), blocked)
    assert found.outcome == "review"
    assert "blocked" in found.doubts[-1]


def test_a_reference_to_an_unknown_supplier_prevents_a_link_by_name() -> None:
    vendor = Party("v", "Kanimo BV", external_id=GUID)
    assert decide(vendor, Party("another", "Kanimo BV")).outcome == "review"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Knaimo Techniek", "Kanimo Techniek B.V."),
        ("Kanimmo", "Kanimo GmbH"),
        ("KanimoTechneik", "Kanimo Techniek"),
        ("Techniek Kanimo", "Kanimo Techniek BV"),
        ("Kanimo", "Aannemersbedrijf Kanimo en Zonen"),
        ("Ромаш", "Ромашка"),
    ],
)
def test_similar_names_are_proposed_best_first(written: str, meant: str) -> None:
    found = named(written, "Zorendis GmbH", meant, "Bouwbedrijf de Wit")
    assert found.outcome == "review"
    assert found.candidates[0].id == "s1"
    assert 0 < found.score <= 1


def test_at_most_three_are_proposed() -> None:
    found = named("Kanimo", *(f"Kanimo {at} BV" for at in range(6)))
    assert len(found.candidates) == 3


def doubts_of(vendor: Party, *suppliers: Party) -> str:
    found = decide(vendor, *suppliers)
    assert found.outcome == "review"
    return "; ".join(found.doubts)


@pytest.mark.parametrize(
    "supplier", ["Stichting Kanimo", "Kanimo V.O.F.", "Kanimo Coöperatie U.A."]
)
def test_without_its_form_a_foundation_or_partnership_may_be_a_company(supplier: str) -> None:
    assert "a company may have this name" in doubts_of(Party("v", "Kanimo"), Party("s", supplier))


@pytest.mark.parametrize("name", ["J. de Vries", "Piet Jansen", "A.B. Smit"])
def test_the_name_of_a_person_needs_a_second_proof(name: str) -> None:
    vendor, supplier = Party("v", name, email="x@gmail.com"), Party("s", f"{name} B.V.")
    assert "many persons" in doubts_of(vendor, supplier)
    assert decide(vendor, replace(supplier, email=vendor.email)).outcome == "link"
    assert named(f"{name} B.V.", f"{name} BV").outcome == "link"


@pytest.mark.parametrize(
    ("vendor", "supplier"),
    [
        ("QT Vertrieb", "QT Vertrieb GmbH"),
        ("2M Techniek", "2M Techniek B.V."),
        ("Bouwbedrijf Q.T.", "Bouwbedrijf Q.T. B.V."),
        ("K2 Vertrieb", "K2 Vertrieb"),
        ("X-Flow", "X-Flow B.V."),
        ("J. Kanimo Installatietechniek", "J. Kanimo Installatietechniek B.V."),
        ("Stichting Jan Kanimo", "STICHTING JAN KANIMO"),
    ],
)
def test_a_few_letters_and_a_trade_are_the_name_of_one_company(vendor: str, supplier: str) -> None:
    assert named(vendor, supplier, "Zorendis GmbH").supplier_id == "s0"


@pytest.mark.parametrize(
    ("vendor", "supplier"),
    [
        ("ICT Services", "ICT Services B.V."),
        ("De Schilders", "De Schilders B.V."),
        ("QT", "QT B.V."),
        ("Kanimo B.V. Holding", "Kanimo B.V."),
    ],
)
def test_common_words_and_other_marks_are_not(vendor: str, supplier: str) -> None:
    assert named(vendor, supplier, "Zorendis GmbH").outcome == "review"


@pytest.mark.parametrize(
    ("country", "other"),
    [("Türkei", "TR"), ("Pays-Bas", "nl"), ("Verenigd Koninkrijk", "GBR"), ("IJsland", "ISL")],
)
def test_a_country_is_the_same_in_any_language(country: str, other: str) -> None:
    vendor, supplier = Party("v", "Kanimo", country=country), Party("s", "Kanimo", country=other)
    assert decide(vendor, supplier).outcome == "link"
    assert decide(vendor, replace(supplier, country="BE")).outcome == "review"


@pytest.mark.parametrize("is_enabled", [True, False])
def test_matching_leaves_the_collector_of_garbage_as_it_was(is_enabled: bool) -> None:
    def fail(_: int) -> None:
        raise LookupError

    was_enabled = gc.isenabled()
    (gc.enable if is_enabled else gc.disable)()
    try:
        with pytest.raises(LookupError):
            match([Party("v", "Kanimo")], [Party("s", "Kanimo")], fail)
        assert gc.isenabled() == is_enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()


def test_a_vendor_that_stands_twice_is_linked_twice() -> None:
    supplier = Party("s", "Kanimo B.V.")
    one, again = Party("a", "Kanimo BV"), Party("b", "KANIMO B.V.", email="ar@kanimo.example")
    assert [each.supplier_id for each in match([one, again], [supplier])] == ["s", "s"]
    other = replace(one, email="ar@zorendis.example")
    assert [each.supplier_id for each in match([other, again], [supplier])] == ["", ""]
    bare = Party("b", "Kanimo")
    assert [each.supplier_id for each in match([one, bare], [supplier])] == ["s", ""]


@pytest.mark.parametrize("field", ["vat_number", "iban"])
def test_companies_with_words_of_their_own_may_share_a_number(field: str) -> None:
    number = {field: VAT if field == "vat_number" else IBAN}
    vendor = with_fields(Party("v", "Kanimo Installatie"), **number)
    sister = with_fields(Party("s", "Kanimo Bouw"), **number)
    assert "one group may share" in doubts_of(vendor, sister)
    assert decide(vendor, replace(sister, name="Kanimo Instalatie B.V.")).outcome == "link"


def test_one_trade_name_in_two_countries_is_two_companies() -> None:
    vendor = Party("v", "Kanimo GmbH", email="ar@kanimo.de")
    supplier = Party("s", "Kanimo GmbH", email="info@kanimo.at")
    assert "different countries" in doubts_of(vendor, supplier)
    for mail in ("info@kanimo.com", "info@kanimo.de"):
        assert decide(vendor, replace(supplier, email=mail)).outcome == "link"


def test_an_italian_partnership_is_no_french_company() -> None:
    assert named("Rossi Zorendis S.a.s.", "ROSSI ZORENDIS S.a.s.").outcome == "link"
    assert named("Rossi Zorendis S.a.s.", "Rossi Zorendis SAS").outcome == "review"


@pytest.mark.parametrize(
    ("vendor", "supplier"),
    [
        ("Gebr. Kanimo B.V.", "Gebroeders Kanimo BV"),
        ("Kanimo Intl B.V.", "Kanimo International B.V."),
        ("Kanimo AB (publ)", "Kanimo Aktiebolag"),
        ("AB Kanimo", "Kanimo AB"),
        ("Techniek Kanimo B.V.", "Kanimo Techniek BV"),
        ("Kanimo GmbH Deutschland", "Kanimo GmbH"),
        ("Kanimo UAB", "UAB Kanimo"),
        ("Kanimo Sp. z o.o.", "KANIMO SP ZOO"),
        ("Kanimo Oy Ab", "Oy Kanimo Ab"),
    ],
)
def test_another_way_of_writing_the_same_name_and_form(vendor: str, supplier: str) -> None:
    for one, other in ((vendor, supplier), (supplier, vendor)):
        assert named(one, other).outcome == "link"


def test_a_sister_that_has_its_own_counterpart_is_not_meant() -> None:
    vendors = [Party("a", "Kanimo"), Party("b", "Kanimo Holding")]
    suppliers = [Party("s", "Kanimo B.V."), Party("t", "Kanimo Holding B.V.")]
    assert [each.supplier_id for each in match(vendors, suppliers)] == ["s", "t"]
    assert match(vendors[:1], suppliers)[0].outcome == "review"


def test_a_name_that_nothing_else_has_may_have_moved() -> None:
    vendor = Party("v", "Kanimo Zorendis B.V.", city="Gent")
    supplier = Party("s", "Kanimo Zorendis BV", city="Breda")
    assert decide(vendor, supplier).outcome == "link"
    assert decide(vendor, supplier, Party("t", "Kanimo Zorendis Holding BV")).outcome == "review"


@pytest.mark.parametrize(
    ("short", "meant"),
    [
        ("Kanimo Tech", "Kanimo Technologies Group PLC"),
        ("KZI", "Kanimo Zorendis Instrumenten NV"),
        ("Kanimo RE", "Kanimo Real Estate Fund"),
    ],
)
def test_a_shortened_name_is_proposed(short: str, meant: str) -> None:
    found = named(short, "Lindex Oravit SRL", meant, "Nova Brekel GmbH")
    assert (found.outcome, found.candidates[0].id) == ("review", "s1")


def test_a_group_is_proposed_by_the_word_in_front_of_its_names() -> None:
    other = "Zorendis Contract Logistics B.V."
    found = named("Kanimo Contract Logistics B.V.", other, "Kanimo Warehousing B.V.")
    assert [each.id for each in found.candidates] == ["s1", "s0"]
    trades = ["Bouw", "Zorg", "Media", "Garage", "Taxi", "Hotel", "Verhuur", "Advies", "Events"]
    many = [f"Kanimo {trade} B.V." for trade in trades]
    found = named("Kanimo Contract Logistics B.V.", other, *many)
    assert found.candidates[0].id == "s0"


def test_what_is_alike_is_named_though_it_is_not_proposed() -> None:
    found = named("Kanimo Advies", "Kanimolen Groothandel B.V.")
    assert (found.outcome, found.is_unlike_all) == ("none", False)
    assert named("Kanimo Advies", "Quovadra Lindex SRL").is_unlike_all


def test_the_last_that_is_proposed_is_of_no_other_vendor() -> None:
    names = ["Zorendisse", "Zorendiss", "Zorendis", "Zorendi"]
    suppliers = [Party(f"s{at}", f"{name} B.V.") for at, name in enumerate(names)]
    vendors = [Party("a", "Zorendisse BV"), Party("b", "Zorendis BV"), Party("v", "Zorendissen")]
    found = match(vendors, suppliers)
    assert [each.supplier_id for each in found] == ["s0", "s2", ""]
    assert [each.id for each in found[2].candidates] == ["s0", "s1", "s3"]


def test_namesakes_that_are_of_other_vendors_do_not_keep_a_supplier_from_being_compared() -> None:
    trades = ["Bouw", "Zorg", "Media", "Garage", "Taxi", "Hotel", "Verhuur", "Advies", "Events"]
    names = [f"Kanimo Lindex {trade} B.V." for trade in trades]
    vendors = [Party(f"v{at}", name) for at, name in enumerate(names)]
    suppliers = [Party(f"s{at}", name) for at, name in enumerate(names)]
    vendor = Party("v", "Kanimo Lindex Logistiek")
    found = match([*vendors, vendor], [*suppliers, Party("right", "Canimo Lindex")])
    assert "right" in [each.id for each in found[-1].candidates]


def test_a_person_who_looks_at_a_vendor_sees_what_would_not_be_proposed_alone() -> None:
    found = named("Vander Kim", "VanderSol B.V.", "Van der Kim Engineering B.V.")
    assert [(each.id, each.score > 0.65) for each in found.candidates] == [
        ("s0", True),
        ("s1", False),
    ]
    assert named("Vander Kim", "Van der Kim Engineering B.V.").outcome == "none"


FIRST = ["Kanimo", "Zorendis", "Bouw", "Smit", "Müller", "Mueller"]
WORDS = st.sampled_from([*FIRST, "Nederland", "Holding", "II", "2019", "&", "en"])
FORMS = st.sampled_from(["", "", "B.V.", "BV", "N.V.", "GmbH"])
NAMES = st.builds(
    lambda words, form: " ".join([*words, form]), st.lists(WORDS, min_size=1, max_size=3), FORMS
)
PARTIES = st.builds(
    Party,
    id=st.uuids().map(str),
    name=NAMES,
    vat_number=st.sampled_from(["", "", VAT, OTHER_VAT]),
    iban=st.sampled_from(["", "", "", IBAN, OTHER_IBAN]),
    country=st.sampled_from(["", "", "NL", "BE"]),
    city=st.sampled_from(["", "Gent", "Breda"]),
)
LISTS = st.lists(PARTIES, max_size=8, unique_by=lambda party: party.id)


@settings(max_examples=150, deadline=None)
@given(LISTS, LISTS, st.randoms(use_true_random=False))
def test_the_order_of_the_lists_does_not_matter(
    vendors: list[Party], suppliers: list[Party], rng: random.Random
) -> None:
    before = {each.vendor_id: each for each in match(vendors, suppliers)}
    rng.shuffle(vendors)
    rng.shuffle(suppliers)
    after = match(vendors, suppliers)
    assert [each.vendor_id for each in after] == [party.id for party in vendors]
    assert {each.vendor_id: each for each in after} == before


@settings(max_examples=150, deadline=None)
@given(LISTS, LISTS)
def test_an_unrelated_supplier_changes_no_link(
    vendors: list[Party], suppliers: list[Party]
) -> None:
    more = [*suppliers, Party("unrelated", "Quovadra Lindex SRL", iban="GB82WEST12345698765432")]
    before = {each.vendor_id: each.supplier_id for each in match(vendors, suppliers)}
    assert {each.vendor_id: each.supplier_id for each in match(vendors, more)} == before


@settings(max_examples=150, deadline=None)
@given(LISTS, LISTS)
def test_vendors_share_a_supplier_only_if_they_are_one_and_nothing_contradicts_a_link(
    vendors: list[Party], suppliers: list[Party]
) -> None:
    by_id = {party.id: party for party in suppliers}
    links = [
        (vendor, by_id[each.supplier_id])
        for vendor, each in zip(vendors, match(vendors, suppliers), strict=True)
        if each.outcome == "link"
    ]
    for (vendor, supplier), (other, same) in combinations(links, 2):
        assert supplier.id != same.id or are_one_vendor(vendor, other)
    for vendor, supplier in links:
        for field in ("vat_number", "iban", "country"):
            assert len({getattr(vendor, field), getattr(supplier, field)} - {""}) < 2


@settings(max_examples=100, deadline=None)
@given(NAMES, st.sampled_from(["vat_number", "iban", "country"]))
def test_a_contradiction_always_prevents_a_link(name: str, field: str) -> None:
    values = {
        "vat_number": (VAT, OTHER_VAT), "iban": (IBAN, OTHER_IBAN), "country": ("NL", "BE"),
    }[field]  # fmt: skip
    agreeing = {"chamber_of_commerce": "12345678", "external_id": "s"}
    vendor = with_fields(Party("v", name), **{field: values[0]}, **agreeing)
    supplier = with_fields(Party("s", name), **{field: values[1]}, chamber_of_commerce="12345678")
    assert decide(vendor, supplier).outcome != "link"
