"""The address of a record's page: strictly checked when set, and led nowhere else by any value."""

from urllib.parse import unquote, urlsplit

import pytest
from pydantic import ValidationError

from ml_connector.connections import changes
from ml_connector.settings.airbase_profile import STORED
from ml_connector.settings.connection import Connection
from ml_connector.settings.record_pages import (
    AIRBASE_ORDER,
    AIRBASE_VENDOR,
    EXACT_ORDER,
    EXACT_SUPPLIER,
    PageOf,
    address_of,
    require_page,
)
from ml_connector.user_errors import UserError
from tests.domain.orders.builders import any_connection
from tests.settings.test_connection import BASE, refused

PAGE = "https://books.example/orders/{id}"
HOSTILE = (
    "x@evil.example",
    "//evil.example/",
    "\\\\evil.example\\",
    "javascript:alert(1)",
    "https://evil.example",
    "../../../logout",
    "a/../../logout",
    "?q=1#frag&x=y",
    "%2e%2e",
    "a\r\nLocation: https://evil.example",
    "\t\x00\u202e",
    '"><img src=x onerror=alert(1)>',
    "{number}{id}",
    "é 日本",
    "x" * 5_000,
)


@pytest.mark.parametrize(
    "template",
    [
        PAGE,
        "https://books.example:8443/orders/{number}?view=full",
        "HTTPS://books.example?o={id}",
        "https://books.example/#/orders/{id}/lines",
        "https://books/~a/{id};v=1",
    ],
)
def test_an_address_with_a_placeholder_behind_its_host_is_taken(template: str) -> None:
    assert require_page(template, AIRBASE_ORDER) == template


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("http://books.example/{id}", "it has to begin with https://"),
        ("javascript:alert('{id}')", "it has to begin with https://"),
        ("data:text/html,{id}", "it has to begin with https://"),
        ("//books.example/{id}", "it has to begin with https://"),
        ("{id}", "it has to begin with https://"),
        ("https:///{id}", "it names no host"),
        ("https:/books.example/{id}", "it names no host"),
        ("https:books.example/{id}", "it names no host"),
        ("https://:443/{id}", "it names no host"),
        ("https://books.example:99999/{id}", "it names no host"),
        ("https://books..example/{id}", "it names no host"),
        ("https://b%6foks.example/{id}", "it names no host"),
        ("https://me:secret@books.example/{id}", "it must not have a user or password"),
        ("https://{id}@books.example/", "it must not have a user or password"),
        ("https://{id}.books.example/", "a placeholder may stand behind the host alone"),
        ("https://books.example{id}", "a placeholder may stand behind the host alone"),
        ("https://books.example:{id}/", "a placeholder may stand behind the host alone"),
        ("https://books.example/{order}", "{order} is not known"),
        ("https://books.example/{id.__class__}", "{id.__class__} is not known"),
        ("https://books.example/{division}/{id}", "{division} is not known"),
        ("https://books.example/{}{id}", "{} is not known"),
        ("https://books.example/{id}/{", "a brace has no counterpart"),
        ("https://books.example/{{id}}", "a brace has no counterpart"),
        ("https://books.example/orders", "it needs {id} or {number}"),
        ("https://books.example/ {id}", "it is too long, or has a sign that no address has"),
        ("https://books.example/{id}\n", "it is too long, or has a sign that no address has"),
        ("https://books.example\\@evil/{id}", "it is too long, or has a sign that no address has"),
        ('https://books.example/"{id}', "it is too long, or has a sign that no address has"),
        ("https://bücher.example/{id}", "it is too long, or has a sign that no address has"),
        (f"https://books.example/{'x' * 1000}{{id}}", "it is too long, or has a sign"),
        ("https://[::1/{id}", "it is not an address"),
    ],
)
def test_anything_else_is_refused_with_an_example(template: str, why: str) -> None:
    with pytest.raises(ValueError, match="is not the address of a page") as caught:
        require_page(template, AIRBASE_ORDER)
    assert why in str(caught.value)
    assert "as in https://airbase.example/orders/{id}" in str(caught.value)


@pytest.mark.parametrize(
    ("of", "needed"),
    [(AIRBASE_ORDER, "id"), (AIRBASE_VENDOR, "id"), (EXACT_ORDER, "id"), (EXACT_SUPPLIER, "id")],
)
def test_the_example_in_a_refusal_is_an_address_itself(of: PageOf, needed: str) -> None:
    assert require_page(of.example, of) == of.example
    with pytest.raises(ValueError, match=f"it needs {{{needed}}}"):
        require_page("https://books.example/", of)


def test_a_division_alone_names_no_record() -> None:
    with pytest.raises(ValueError, match="differs from record to record"):
        require_page("https://books.example/{division}", EXACT_ORDER)


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize(
    "template",
    [
        "https://books.example/{id}",
        "https://books.example/orders/{id}/of/{division}?n={number}",
        "https://books.example?n={number}&id={id}",
        "https://books.example/#/{id}",
    ],
)
def test_no_value_leads_to_another_host_or_page(template: str, value: str) -> None:
    values = {"id": value, "number": value, "division": value}
    address = address_of(template, EXACT_ORDER, values)
    assert address is not None
    assert address.isascii()
    filled, plain = urlsplit(address), urlsplit(template)
    assert (filled.scheme, filled.netloc) == ("https", "books.example")
    for part in ("path", "query", "fragment"):
        in_template, in_address = getattr(plain, part), getattr(filled, part)
        assert in_address.count("/") == in_template.count("/")
        assert in_address.count("&") == in_template.count("&")
        expected = in_template
        for name in values:
            expected = expected.replace(f"{{{name}}}", "\x01")
        assert unquote(in_address) == expected.replace("\x01", value)


@pytest.mark.parametrize("value", ["", ".", "..", "..."])
def test_a_value_that_is_missing_or_a_step_up_gives_no_link(value: str) -> None:
    assert address_of(PAGE, AIRBASE_ORDER, {"id": value, "number": "PO-1"}) is None
    assert address_of(PAGE, AIRBASE_ORDER, {"number": "PO-1"}) is None


@pytest.mark.parametrize("template", ["", "javascript:alert('{id}')", "http://books.example/{id}"])
def test_a_template_that_could_not_be_set_gives_no_link(template: str) -> None:
    assert address_of(template, AIRBASE_ORDER, {"id": "1", "number": "2"}) is None


# --- As settings ---------------------------------------------------------------------------


def test_a_connection_has_none_unless_they_are_set_and_is_stored_as_older_versions_read_it() -> (
    None
):
    connection = any_connection()
    assert connection.airbase_order_page is None
    assert connection.sites[0].exact_order_page is None
    stored = connection.model_dump(mode="json")
    assert not [name for name in stored if name.endswith("_page")]
    assert Connection.model_validate(stored, context=STORED) == connection


def test_they_are_stored_beside_the_others_and_under_each_site() -> None:
    one = any_connection(airbase_order_page=PAGE, exact_order_page=PAGE)
    stored = one.model_dump(mode="json")
    assert (stored["airbase_order_page"], stored["exact_order_page"]) == (PAGE, PAGE)
    assert "exact_supplier_page" not in stored
    assert Connection.model_validate(stored, context=STORED) == one
    sites = [
        {"exact_site": site, "divisions": [{"division": 7, "subsidiaries": [site]}]}
        for site in ("nl", "be")
    ]
    sites[1]["exact_order_page"] = PAGE
    two = Connection.model_validate({"id": "firm", "sites": sites})
    assert [each.exact_order_page for each in two.sites] == [None, PAGE]
    assert "exact_order_page" not in two.model_dump(mode="json")["sites"][0]
    assert Connection.model_validate(two.model_dump(mode="json"), context=STORED) == two


@pytest.mark.parametrize(
    "name",
    ["airbase_order_page", "airbase_vendor_page", "exact_order_page", "exact_supplier_page"],
)
def test_a_file_with_an_unsafe_one_is_refused(name: str) -> None:
    assert "it has to begin with https://" in refused({name: "http://books.example/{id}"})
    connection = Connection.model_validate(BASE | {name: ""})
    assert getattr(connection, name, None) or connection.model_dump().get(name) is None


def test_one_that_a_later_version_would_not_take_does_not_stop_a_stored_connection() -> None:
    stored = any_connection().model_dump(mode="json") | {"airbase_order_page": "ftp://x/{id}"}
    assert Connection.model_validate(stored, context=STORED).airbase_order_page == "ftp://x/{id}"
    with pytest.raises(ValidationError):
        Connection.model_validate(stored)


def test_they_are_set_one_by_one_and_taken_out_again() -> None:
    before = any_connection()
    given = f"airbase_order_page={PAGE}"
    after = changes.changed(before, [given, f"exact_order_page={PAGE}&d={{division}}"])
    assert after.airbase_order_page == PAGE
    assert after.sites[0].exact_order_page == f"{PAGE}&d={{division}}"
    assert changes.own_settings(after)["airbase_order_page"] == PAGE
    gone = changes.changed(after, ["airbase_order_page=", "exact_order_page="])
    assert not [key for key in changes.own_settings(gone) if key.endswith("_page")]
    with pytest.raises(UserError, match="airbase_order_page: is not the address of a page"):
        changes.changed(before, ["airbase_order_page=https://books.example/orders"])
