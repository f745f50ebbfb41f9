import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.domain.matching.distinguishing_words import conflict
from ml_connector.domain.matching.names import read_name

FORMS = {
    "bv": ["Acme B.V.", "ACME BV", "acme b.v", "B.V. Acme", "Acme Besloten Vennootschap"],
    "nv": ["Acme N.V.", "Acme naamloze vennootschap"],
    "vof": ["Acme V.O.F.", "Acme vof", "Acme Vennootschap onder firma"],
    "stichting": ["Stichting Acme", "Acme Stichting"],
    "cooperatie": ["Coöperatie Acme", "Acme Coöperatie U.A.", "Acme U.A."],
    "bvba": ["Acme BVBA", "Acme b.v.b.a."],
    "vzw": ["Acme vzw", "VZW Acme"],
    "nv/sa": ["Acme NV/SA", "Acme S.A./N.V."],
    "gmbh": ["Acme GmbH", "Acme G.m.b.H.", "Acme Gesellschaft mit beschränkter Haftung"],
    "gmbh co kg": ["Acme GmbH & Co. KG", "Acme GmbH und Co KG", "ACME GMBH & CO.KG"],
    "ug": ["Acme UG", "Acme UG (haftungsbeschränkt)"],
    "ev": ["Acme e.V."],
    "sarl": ["SARL Acme", "Acme S.A.R.L.", "Acme Sàrl", "Acme Société à responsabilité limitée"],
    "sas": ["Acme SAS", "Acme S.A.S.", "SAS Acme"],
    "sa": ["Acme S.A.", "Acme Société Anonyme", "Acme sociedad anónima"],
    "sl": ["Acme S.L.", "Acme SL", "Acme Sociedad Limitada"],
    "slu": ["Acme S.L.U.", "Acme SLU"],
    "ltd": ["Acme Ltd", "Acme Ltd.", "ACME LIMITED"],
    "plc": ["Acme plc", "Acme Public Limited Company"],
    "llp": ["Acme LLP"],
    "inc": ["Acme Inc.", "Acme, Incorporated"],
    "llc": ["Acme LLC", "Acme L.L.C."],
    "corp": ["Acme Corp.", "Acme Corporation"],
}


@pytest.mark.parametrize("form", FORMS)
def test_spellings_of_a_legal_form_are_the_same(form: str) -> None:
    for text in FORMS[form]:
        name = read_name(text)
        assert (name.keys[0], name.legal_form) == ("acme", form), text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Müller & Söhne GmbH", "MULLER UND SOHNE GMBH"),
        ("Mueller GmbH", "Müller GmbH"),
        ("Bakker en Zonen", "Bakker & Zonen"),
        ("Smith and Sons", "Smith + Sons"),
        ("García y Hijos", "GARCIA & HIJOS"),
        ("L'Oréal", "LOREAL"),
        ("A.B.C. Bouw", "ABC Bouw"),
        ("E-Trade", "E Trade"),
        ("Straße", "STRASSE"),
        ("Acme GmbH Deutschland", "Acme Deutschland GmbH"),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER A}cme", "Acme"),
        ("Ромашка", "РОМАШКА"),
        ("Αθήνα", "ΑΘΗΝΑ"),
        ("cafe\N{COMBINING ACUTE ACCENT}", "Café"),
    ],
)
def test_spellings_of_one_name_share_a_key(one: str, other: str) -> None:
    assert set(read_name(one).keys) & set(read_name(other).keys)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Muller", "Mueller"),
        ("Fonds 1 23", "Fonds 12 3"),
        ("が", "か"),
        ("किताब", "कताब"),
        ("Galerie Y", "Galerie and"),
        ("Jansen & Co", "Jansen"),
    ],
)
def test_different_names_share_no_key(one: str, other: str) -> None:
    assert not set(read_name(one).keys) & set(read_name(other).keys)


@pytest.mark.parametrize("text", ["", "***", "B.V.", "  ", "-", "\N{ZERO WIDTH SPACE}"])
def test_a_name_without_words_has_no_key(text: str) -> None:
    assert read_name(text).keys == ()


@pytest.mark.parametrize(
    ("text", "family", "word"),
    [
        ("Acme Holding B.V.", "acme", "group:holding"),
        ("Acme Beheer B.V.", "acme", "group:beheer"),
        ("Holding Acme", "acme", "group:holding"),
        ("Acme Nederland B.V.", "acme", "country:nl"),
        ("Acme (UK) Ltd", "acme", "country:gb"),
        ("Acme United Kingdom Ltd", "acme", "country:gb"),
        ("Acme Ibérica S.L.", "acme", "country:es"),
        ("Acme Den Haag", "acme", "place:denhaag"),
        ("Acme II B.V.", "acme", "number:2"),
        ("Acme 2019", "acme", "number:2019"),
        ("Acme Filiaal Gent", "acme", "branch"),
        ("Acme Zweigniederlassung", "acme", "branch"),
    ],
)
def test_distinguishing_words_of_a_family(text: str, family: str, word: str) -> None:
    name = read_name(text)
    assert name.family == family
    assert word in name.distinguishing


def test_a_place_in_front_is_part_of_the_name() -> None:
    assert read_name("France Telecom").distinguishing == frozenset()
    assert read_name("De Boer Bouw").distinguishing == frozenset()
    assert read_name("Van Hessen").distinguishing == frozenset()
    assert read_name("Hotel van Hessen").distinguishing == {"place:hessen"}


def test_an_omitted_country_does_not_conflict_but_another_one_does() -> None:
    of = {
        text: read_name(text).distinguishing for text in ("A NL", "A UK", "A", "A Holding", "A 2")
    }
    assert not conflict(of["A"], of["A NL"])
    assert conflict(of["A UK"], of["A NL"])
    assert conflict(of["A"], of["A Holding"])
    assert conflict(of["A"], of["A 2"])


@given(st.text(max_size=60))
def test_any_text_can_be_read_and_case_does_not_matter(text: str) -> None:
    name = read_name(text)
    assert all(name.keys) or not name.keys
    if text.isascii():
        assert read_name(text.upper()) == read_name(text.lower())
