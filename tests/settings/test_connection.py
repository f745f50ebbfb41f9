"""An invalid or unsafe connection file is refused with a clear message."""

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from ml_connector.domain.ids import Division
from ml_connector.settings.connection import Connection
from ml_connector.settings.exact_sites import ANOTHER_SITE
from tests.domain.orders.builders import any_connection, any_division

DIVISIONS = [{"division": 101, "subsidiaries": ["sub-nl"]}]
BASE = {"id": "firm", "exact_site": "nl", "divisions": DIVISIONS}


def refused(changes: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        Connection.model_validate(BASE | changes)
    return str(caught.value)


def divisions(*each: tuple[int, list[str]]) -> dict[str, Any]:
    return {"divisions": [{"division": code, "subsidiaries": served} for code, served in each]}


# --- Addresses -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("site", "url"),
    [
        ("nl", "https://start.exactonline.nl"),
        ("be", "https://start.exactonline.be"),
        ("de", "https://start.exactonline.de"),
        ("fr", "https://start.exactonline.fr"),
        ("es", "https://start.exactonline.es"),
        ("co.uk", "https://start.exactonline.co.uk"),
        ("com", "https://start.exactonline.com"),
    ],
)
def test_a_site_gives_its_address(site: str, url: str) -> None:
    assert any_connection(exact_site=site).sites[0].exact_base_url == url


@pytest.mark.parametrize("site", ["us", "NL", "", None, "nl/evil", "evil.nl"])
def test_an_unknown_site_is_refused_with_the_known_ones(site: Any) -> None:
    message = refused({"exact_site": site})
    assert "name exact_site (one of nl, be, de, fr, es, co.uk, com) or exact_base_url" in message


@pytest.mark.parametrize(
    "url",
    [
        "https://exact.example.com",
        "https://exact.example.com:8443/base",
        "http://localhost:8001",
        "http://127.0.0.1:8001",
        "http://[::1]:8001",
    ],
)
def test_https_or_plain_http_to_this_machine_is_allowed(url: str) -> None:
    assert any_connection(exact_base_url=f"{url}/").sites[0].exact_base_url == url
    assert any_connection(airbase_base_url=url).airbase_base_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://exact.example.com",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://localhost@evil.example",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://127.0.0.2",
    ],
)
@pytest.mark.parametrize("name", ["exact_base_url", "airbase_base_url", "exact_callback_url"])
def test_plain_http_to_any_other_host_is_refused(url: str, name: str) -> None:
    assert "must use https (plain http only for loopback hosts)" in refused({name: url})


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://exact.example.com", "is not a web address"),
        ("file:///etc/passwd", "is not a web address"),
        ("exact.example.com", "is not a web address"),
        ("https://", "is not a web address"),
        ("https:///path", "is not a web address"),
        ("https://exact.example.com?a=b", "must be an address without user, query or fragment"),
        ("https://exact.example.com#a", "must be an address without user, query or fragment"),
        ("https://user@exact.example.com", "must be an address without user, query or fragment"),
        ("https://:secret@exact.example.com", "must be an address without user, query or fragment"),
    ],
)
def test_any_other_kind_of_url_is_refused(url: str, message: str) -> None:
    assert message in refused({"exact_base_url": url})


@pytest.mark.parametrize(
    "url",
    [
        "https://START.exactonline.nl",
        "HTTPS://start.exactonline.nl:443/",
        "https://start.exactonline.nl:",
    ],
)
def test_one_address_is_one_however_it_is_written(url: str) -> None:
    """Another connection that serves a division is found by it."""
    made = any_connection(exact_site=None, exact_base_url=url)
    assert made.sites[0].exact_base_url == "https://start.exactonline.nl"
    kept = any_connection(exact_base_url="https://Exact.test:8443/API").sites[0].exact_base_url
    assert kept == "https://exact.test:8443/API"


def test_a_port_that_is_none_is_refused() -> None:
    assert "has no usable port" in refused({"exact_base_url": "https://exact.example.com:x"})


def test_a_given_address_overrides_the_site() -> None:
    made = any_connection(exact_base_url="https://exact.example.com")
    assert made.sites[0].exact_base_url == "https://exact.example.com"


@pytest.mark.parametrize(
    ("given", "site"),
    [
        ({"exact_site": "co.uk"}, "co.uk"),
        ({"exact_site": None, "exact_base_url": "https://start.exactonline.be"}, "be"),
        ({"exact_site": None, "exact_base_url": "https://start.exactonline.co.uk/"}, "co.uk"),
        ({"exact_site": "de", "exact_base_url": "https://exact.example.com"}, "de"),
        ({"exact_site": None, "exact_base_url": "https://exact.example.com"}, ANOTHER_SITE),
        ({"exact_site": None, "exact_base_url": "https://nl"}, ANOTHER_SITE),
        ({"exact_site": None, "exact_base_url": "http://127.0.0.1:8803"}, ANOTHER_SITE),
    ],
)
def test_keys_name_the_site_or_that_it_is_another_server(given: Any, site: str) -> None:
    assert any_connection(**given).first_site == site


# --- Ids, divisions, subsidiaries ----------------------------------------------------------


@pytest.mark.parametrize("id", ["a", "firm-nl", "0", "a" * 63])
def test_an_id_of_lower_case_letters_digits_and_dashes_is_allowed(id: str) -> None:
    assert any_connection(id=id).id == id


@pytest.mark.parametrize("id", ["", "Firm", "-a", "a b", "a#b", "a/b", "é", "a" * 64, "a\n", 7])
def test_any_other_id_is_refused(id: Any) -> None:
    assert "id" in refused({"id": id})


def test_a_division_cannot_be_listed_twice() -> None:
    message = refused(divisions((101, ["a"]), (102, ["b"]), (101, ["c"])))
    assert "division named twice: 101" in message


@pytest.mark.parametrize(
    "doubled", [divisions((101, ["a", "b"]), (102, ["b"])), divisions((101, ["b", "b"]))]
)
def test_a_subsidiary_cannot_be_listed_twice(doubled: dict[str, Any]) -> None:
    assert "subsidiary named twice: b" in refused(doubled)


def test_divisions_and_subsidiaries_cannot_be_empty() -> None:
    assert "divisions" in refused({"divisions": []})
    assert "subsidiaries" in refused(divisions((101, [])))


def test_a_division_is_found_by_its_code() -> None:
    made = any_connection(any_division(), any_division(division=102, subsidiaries=["b"]))
    found = made.division(Division("nl.102"))
    assert found
    assert found.subsidiaries == ("b",)
    assert made.division(Division("nl.103")) is None


@pytest.mark.parametrize("currency", ["eur", "EURO", "E1R", "", "EUR\n"])
def test_a_currency_is_an_iso_code(currency: str) -> None:
    division = DIVISIONS[0] | {"currency": currency}
    assert "currency" in refused({"divisions": [division]})
    division = DIVISIONS[0] | {"other_currencies": [currency]}
    assert "other_currencies" in refused({"divisions": [division]})


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": "x"},
        {"divisions": [DIVISIONS[0] | {"gl_accounts": {}}]},
        {"divisions": [DIVISIONS[0] | {"mappings": {"accounts": {}}}]},
        {"profile": {"orders": {}}},
        {"limits": {"calls": 1}},
    ],
)
def test_a_misspelt_setting_is_refused(changes: dict[str, Any]) -> None:
    assert "Extra inputs are not permitted" in refused(changes)


@pytest.mark.parametrize("limit", [0, -1, "many"])
def test_limits_are_positive(limit: Any) -> None:
    assert "calls_per_minute" in refused({"limits": {"calls_per_minute": limit}})


@pytest.mark.parametrize("minutes", [4, 0, -60, "often"])
def test_the_listing_is_read_at_most_every_five_minutes(minutes: Any) -> None:
    assert "airbase_sweep_minutes" in refused({"airbase_sweep_minutes": minutes})
    assert any_connection(airbase_sweep_minutes=5).airbase_sweep_minutes == 5


def test_the_first_day_of_approvals_is_a_date() -> None:
    assert any_connection(post_orders_from="2026-11-01").post_orders_from == date(2026, 11, 1)
    assert any_connection().post_orders_from is None
    assert "post_orders_from" in refused({"post_orders_from": "soon"})


def test_an_empty_path_means_no_listing() -> None:
    assert any_connection(profile={"orders_path": ""}).profile.orders_path is None
    assert any_connection(profile={"orders_path": None}).profile.orders_path is None


def test_exact_ids_are_normalised() -> None:
    key = "{5A000000-0000-4000-8000-00000000ABCD}"
    division = any_division(warehouse=key, mappings={"items": {"4406": key}})
    assert division.warehouse == key.strip("{}").lower()
    assert division.mappings.items == {"4406": division.warehouse}


# --- Webhooks ------------------------------------------------------------------------------

UNVERIFIED = {"verification": {"scheme": "none"}}


def test_unverified_webhooks_must_be_accepted_explicitly() -> None:
    message = refused({"profile": UNVERIFIED})
    assert "verification 'none' also needs accept_unverified_webhooks: true" in message
    assert any_connection(profile=UNVERIFIED, accept_unverified_webhooks=True)


def test_an_unverified_event_cannot_contain_the_order() -> None:
    changes = {"profile": UNVERIFIED | {"order_source": "event"}}
    message = refused(changes | {"accept_unverified_webhooks": True})
    assert "order_source 'event' needs verified webhooks" in message


def test_a_signed_event_can_contain_the_order() -> None:
    assert any_connection(profile={"order_source": "event"}).profile.order_source == "event"


# --- Tags ----------------------------------------------------------------------------------


def test_projects_need_a_tag_label() -> None:
    assert any_connection().tag_kinds == {"cost_centre", "cost_unit"}
    assert any_connection(tag_dimensions={"Project": "project"}).tag_kinds == {"project"}
    assert "tag_dimensions" in refused({"tag_dimensions": {"Team": "team"}})


def test_a_connection_is_unchanged_by_json() -> None:
    division = any_division(warehouse="5A000000-0000-4000-8000-00000000ABCD")
    made = any_connection(division, post_orders_from="2026-11-01")
    assert Connection.model_validate_json(made.model_dump_json()) == made
