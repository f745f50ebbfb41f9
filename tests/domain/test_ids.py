"""A division is named with its site; older versions stored its code alone."""

import pytest

from ml_connector.domain.ids import (
    AppId,
    ConnectionId,
    Division,
    Scope,
    SiteId,
    app_at,
    code_of,
    connection_of,
    division_at,
    halting_keys,
    named_scope,
    parse_division,
    site_in,
    site_of,
)

NL, UK = SiteId("nl"), SiteId("co.uk")


@pytest.mark.parametrize(
    ("site", "code", "division"),
    [(NL, 2101, "nl.2101"), (UK, 7, "co.uk.7"), (NL, 10_000_001, "nl.10000001")],
)
def test_a_division_tells_its_site_and_code(site: SiteId, code: int, division: str) -> None:
    found = division_at(site, code)
    assert (found, site_of(found), code_of(found)) == (division, site, code)
    assert parse_division(found, SiteId("de")) == found


def test_a_code_alone_is_of_the_first_site() -> None:
    assert parse_division("2101", NL) == "nl.2101"


@pytest.mark.parametrize("key", ["", "nl", "nl.", "nl.x"])
def test_another_text_is_no_division(key: str) -> None:
    with pytest.raises(ValueError, match="int"):
        parse_division(key, NL)


@pytest.mark.parametrize(
    ("scope", "site", "name"),
    [
        (None, None, ""),
        (UK, UK, "site co.uk"),
        (Division("co.uk.7"), UK, "division co.uk.7"),
        (Division("nl.2101"), NL, "division nl.2101"),
    ],
)
def test_what_a_halt_stops(scope: Scope, site: SiteId | None, name: str) -> None:
    assert (site_in(scope), named_scope(scope or "")) == (site, name)


def test_a_division_is_stopped_with_its_site_and_with_everything() -> None:
    assert halting_keys(Division("co.uk.7")) == ("", "co.uk", "co.uk.7")


def test_an_app_is_named_by_its_connection_and_site() -> None:
    assert app_at(ConnectionId("firm"), UK) == "firm.co.uk"
    assert connection_of(app_at(ConnectionId("firm"), UK)) == "firm"
    assert connection_of(AppId(ConnectionId("firm"))) == "firm"
