import pytest

from ml_connector.domain.matching.identifiers import Kind, read


@pytest.mark.parametrize(
    ("kind", "one", "other", "country"),
    [
        ("vat_number", "NL 0044.95.445.B01", "nl004495445b01", ""),
        ("vat_number", "004495445B01", "NL004495445B01", "nl"),
        ("vat_number", "BE 428.759.497", "BE0428759497", "be"),
        ("vat_number", "428759497", "BE0428759497", "be"),
        ("vat_number", "DE 136 695 976", "136695976", "de"),
        ("vat_number", "ATU13585627", "U13585627", "at"),
        ("chamber_of_commerce", "KvK 01234567", "1234567", "nl"),
        ("chamber_of_commerce", "0428.759.497", "BE0428759497", "be"),
        ("chamber_of_commerce", "732 829 320", "73282932000074", "fr"),
        ("iban", "NL91 ABNA 0417 1643 00", "nl91abna0417164300", ""),
    ],
)
def test_spellings_of_one_number_are_the_same(
    kind: Kind, one: str, other: str, country: str
) -> None:
    first, second = read(kind, one, country), read(kind, other, country)
    assert first
    assert second
    assert first.same_as(second)


@pytest.mark.parametrize(
    ("kind", "text", "country"),
    [
        ("vat_number", "NL004495446B01", "nl"),
        ("vat_number", "DE136695977", ""),
        ("vat_number", "123", ""),
        ("chamber_of_commerce", "123", "nl"),
        ("chamber_of_commerce", "0428759498", "be"),
        ("iban", "NL91ABNA0417164301", ""),
    ],
)
def test_an_invalid_number_is_recognised(kind: Kind, text: str, country: str) -> None:
    number = read(kind, text, country)
    assert number
    assert not number.is_valid


@pytest.mark.parametrize("text", ["", "-", "n/a", "onbekend", "00000000", "NL"])
def test_placeholders_are_not_numbers(text: str) -> None:
    assert read("vat_number", text, "nl") is None
