"""Links from a record's page to the same record in Airbase and in Exact."""

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote, urlsplit

import pytest

from local.demo.environment import FIRM, DemoEnvironment
from local.firm import DE
from ml_connector.connections import changes
from ml_connector.domain.ids import Guid
from ml_connector.domain.records import ExactReference
from tests.console.browser import Browser, Page, browser_of
from tests.console.orders import address_of, approve, record_of

PEOPLE = ("u-reader", "u-clerk", "u-approver", "u-admin")
SETTINGS = (
    "airbase_order_page=https://books.airbase.test/orders/{id}?n={number}",
    "airbase_vendor_page=https://books.airbase.test/vendors/{id}",
    "nl.exact_order_page=https://exact.test/order?d={division}&id={id}&n={number}",
    "nl.exact_supplier_page=https://exact.test/account?d={division}&id={id}&c={code}",
)


def away(page: Page) -> list[str]:
    """Return where links lead that leave the console; each of them tells nobody from where."""
    found = re.findall(r"<a ([^>]*)>", page.html)
    outside = [each for each in found if 'href="http' in each]
    for each in outside:
        assert 'target="_blank"' in each
        assert 'rel="noopener noreferrer"' in each
    return [html.unescape(re.findall(r'href="([^"]+)"', each)[0]) for each in outside]


def set_(demo: DemoEnvironment, *assignments: str) -> None:
    connections = demo.services.connections
    found = connections.get(FIRM)
    assert found is not None
    connections.save(changes.changed(connections.whole(found), assignments))


@pytest.fixture
def linked(demo: DemoEnvironment) -> Iterator[DemoEnvironment]:
    set_(demo, *SETTINGS)
    yield demo
    set_(demo, *(f"{each.partition('=')[0]}=" for each in SETTINGS))


@pytest.fixture(scope="module")
def browsers(demo: DemoEnvironment) -> dict[str, Browser]:
    return {who: browser_of(demo, who) for who in PEOPLE}


@pytest.mark.parametrize("who", PEOPLE)
def test_an_order_has_no_link_before_its_address_is_set(
    demo: DemoEnvironment, browsers: dict[str, Browser], who: str
) -> None:
    page = browsers[who].get(address_of(demo, "PO-FINE"))
    assert away(page) == []
    assert "Open in" not in page.text
    assert "Number in Exact" in page.text


@pytest.mark.parametrize("who", PEOPLE)
def test_an_order_leads_to_itself_in_both_systems(
    linked: DemoEnvironment, browsers: dict[str, Browser], who: str
) -> None:
    record = record_of(linked, "PO-FINE")
    exact = record.facts.exact
    assert exact is not None
    page = browsers[who].get(address_of(linked, "PO-FINE"))
    id = record.key.partition("#")[2]
    assert away(page) == [
        f"https://books.airbase.test/orders/{id}?n=PO-FINE",
        f"https://exact.test/order?d=2101&id={exact.id}&n={exact.number}",
    ]
    assert "Open in Airbase ↗ (opens in a new tab) · Exact ↗ (opens in a new tab)" in page.text


def test_an_order_that_is_not_in_exact_leads_to_airbase_alone(
    linked: DemoEnvironment, browsers: dict[str, Browser]
) -> None:
    (there,) = away(browsers["u-clerk"].get(address_of(linked, "PO-NL")))
    assert urlsplit(there).netloc == "books.airbase.test"


def test_an_order_leads_into_its_own_division(
    linked: DemoEnvironment, browsers: dict[str, Browser]
) -> None:
    approve(linked, "PO-DE-FINE", "4100", "80.00", branch=DE)
    page = browsers["u-admin"].get(address_of(linked, "PO-DE-FINE"))
    assert away(page)[1].startswith("https://exact.test/order?d=2103&id=")


@pytest.mark.parametrize(
    "hostile",
    ["//evil.example/x", "@evil.example", '"><script>alert(1)</script>', "javascript:alert(1)"],
)
def test_hostile_numbers_stay_within_their_place(
    linked: DemoEnvironment, browsers: dict[str, Browser], hostile: str
) -> None:
    ledger, record = linked.services.ledger_of(FIRM), record_of(linked, "PO-FINE")
    known = record.facts.exact
    changed = replace(
        record.facts, title=hostile, exact=ExactReference(Guid(hostile), hostile, None)
    )
    address = address_of(linked, "PO-FINE")
    ledger.write(record.now(record.state, changed), "review")
    page = browsers["u-admin"].get(address)
    encoded = quote(hostile, safe="")
    airbase, exact = away(page)
    assert airbase.endswith(f"?n={encoded}")
    assert exact == f"https://exact.test/order?d=2101&id={encoded}&n={encoded}"
    assert "<script>alert" not in page.html
    again = ledger.read(record.key)
    ledger.write(again.now(record.state, replace(record.facts, exact=known)), "review")


def test_what_was_written_to_the_table_by_other_hands_leads_nowhere(
    linked: DemoEnvironment, browsers: dict[str, Browser]
) -> None:
    found = linked.services.connections.get(FIRM)
    assert found is not None
    whole = linked.services.connections.whole(found)
    bad = whole.model_copy(update={"airbase_order_page": "javascript:alert('{id}')"})
    linked.services.connections.save(bad)
    page = browsers["u-admin"].get(address_of(linked, "PO-FINE"))
    assert 'href="javascript' not in page.html
    assert [urlsplit(each).netloc for each in away(page)] == ["exact.test"]


@pytest.mark.parametrize("who", PEOPLE)
def test_a_vendor_leads_to_both_sides(
    linked: DemoEnvironment, browsers: dict[str, Browser], who: str
) -> None:
    name = "Schoonmaakbedrijf Zuid B.V."
    if name not in linked.firm.vendors:
        linked.firm.vendors[name] = linked.airbase.add_vendor(name)
        approve(linked, "PO-ALIKE", "4100", "840.00", vendor=name)
        clerk = browsers["u-clerk"]
        assert clerk.post("/vendors/read", clerk.get("/vendors").form("/vendors/read")).status
        linked.stack.drain()
    vendor = linked.firm.vendors[name]["airbase_id"]
    page = browsers[who].get("/vendors")
    there = away(page)
    assert f"https://books.airbase.test/vendors/{vendor}" in there
    suppliers = [each for each in there if each.startswith("https://exact.test/account?d=2101&id=")]
    assert [each for each in suppliers if each.endswith("&c=103")], there
    assert "Open in Airbase ↗" in page.text
    assert "Open the supplier in Exact ↗" in page.text
    card = browsers[who].get(f"/record?of={FIRM}&key=vendor%23{vendor}")
    assert away(card) == [f"https://books.airbase.test/vendors/{vendor}"]
