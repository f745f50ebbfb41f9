"""A division is named with its site, and read back in both forms."""

import pytest

from ml_connector.domain.ids import Division, SiteId, division_key, parse_division_key


@pytest.mark.parametrize(
    ("site", "division", "key"),
    [
        (SiteId("nl"), Division(2101), "nl.2101"),
        (SiteId("co.uk"), Division(7), "co.uk.7"),
        (None, Division(2101), "2101"),
    ],
)
def test_a_key_is_read_as_it_was_formed(site: SiteId | None, division: Division, key: str) -> None:
    assert division_key(site, division) == key
    assert parse_division_key(key) == (site, division)


@pytest.mark.parametrize("key", ["", "nl", "nl.", "nl.x"])
def test_another_text_is_none(key: str) -> None:
    with pytest.raises(ValueError, match="int"):
        parse_division_key(key)
