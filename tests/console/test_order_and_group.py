"""From an order to its group and back: nothing is a dead end, and nothing typed is lost."""

import html
import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from local.demo.environment import FIRM, DemoEnvironment
from local.firm import NL
from ml_connector.domain.records import OrderState
from tests.console.browser import Browser, Page, browser_of
from tests.console.orders import address_of, approve, record_of

_GERMAN = {"accept-language": "de-DE"}
_LINES = "purchaseorder/PurchaseOrderLines"


@pytest.fixture(scope="module")
def clerk(demo: DemoEnvironment) -> Browser:
    """Return a clerk's browser, where two orders wait for one account."""
    approve(demo, "PO-NL2", "4600", "70.00")
    return browser_of(demo, "u-clerk")


def group_of(browser: Browser, demo: DemoEnvironment, number: str) -> Page:
    """Return the page of the group of an order, as its own page links to it."""
    links = browser.get(address_of(demo, number)).links("/group")
    return browser.get(links[-1])


def test_an_order_that_waits_leads_to_its_decision_alone_or_with_all_like_it(
    demo: DemoEnvironment, clerk: Browser
) -> None:
    order = clerk.get(address_of(demo, "PO-NL"))
    assert "Decide All 2 cases with this cause" in order.text
    alone = clerk.get(order.links("/group")[0])
    assert "This is about PO-NL alone." in alone.text
    assert "PO-NL2" not in alone.text
    assert alone.form("/group/decide")["chosen"] == record_of(demo, "PO-NL").key
    together = clerk.get(alone.links("/group")[0])
    assert {"PO-NL", "PO-NL2"} <= set(together.text.split())
    reader = browser_of(demo, "u-reader").get(address_of(demo, "PO-NL"))
    assert "Decide" not in reader.text
    assert "All 2 cases with this cause" in reader.text
    assert clerk.get(address_of(demo, "PO-FINE")).links("/group") == [], "it waits for nobody"


def test_what_is_asked_for_one_order_is_done_for_it_alone(
    demo: DemoEnvironment, clerk: Browser
) -> None:
    page = clerk.get(clerk.get(address_of(demo, "PO-NL")).links("/group")[0])
    form = page.form("/group/decide") | {"deed": "comment", "comment": "Ask the controller"}
    assert clerk.post("/group/decide", form).status == 303
    demo.stack.drain()
    demo.clock.move(75)
    demo.sweep()
    demo.stack.drain()
    assert "Ask the controller" in clerk.get(address_of(demo, "PO-NL")).text
    assert "Ask the controller" not in clerk.get(address_of(demo, "PO-NL2")).text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"deed": "decide"}, "Nothing was chosen, so nothing was done."),
        ({"deed": "dismiss"}, "Nothing was done: fill in the field"),
        ({"deed": "comment", "comment": "x" * 501}, "Nothing was done: fill in the field"),
    ],
)
def test_a_form_that_lacks_something_comes_back_as_it_was_filled_in(
    demo: DemoEnvironment, clerk: Browser, fields: dict[str, str], said: str
) -> None:
    page = group_of(clerk, demo, "PO-NL")
    key = record_of(demo, "PO-NL2").key
    filled = {"q": "Software", "chosen": key, "assignee": "Somebody", "days": "7"}
    answer = clerk.post("/group/decide", page.form("/group/decide") | filled | fields)
    assert answer.status == 400
    assert said in answer.text
    assert "GL account blocked" in answer.text
    assert 'name="q" type="search" value="Software"' in answer.html
    assert "Software subscriptions" in answer.text, "what was searched for is still found"
    assert f'value="{html.escape(key)}" checked' in answer.html
    assert 'value="Somebody"' in answer.html
    assert 'value="7" selected' in answer.html
    assert ("x" * 501 in answer.html) == ("comment" in fields)
    assert demo.stack.drain() == 0


def test_a_dismissal_without_a_reason_comes_back_to_its_order(
    demo: DemoEnvironment, clerk: Browser
) -> None:
    page = clerk.get(address_of(demo, "PO-NL"))
    for reason in ("", "x" * 501):
        answer = clerk.post("/record/dismiss", page.form("/record/dismiss") | {"reason": reason})
        assert answer.status == 400
        assert "Nothing was done: give a reason of at most 500 characters." in answer.text
        assert "GL account blocked" in answer.text
        assert reason in answer.html
    assert demo.stack.drain() == 0


def test_the_group_and_the_vendors_page_propose_the_same_suppliers(
    demo: DemoEnvironment, clerk: Browser
) -> None:
    for number, name in (("PO-ALIKE", "Schoonmaakbedrijf Zuid B.V."), ("PO-NEW", "Qyx Wubbel")):
        demo.firm.vendors[name] = demo.airbase.add_vendor(name)
        approve(demo, number, "4100", "840.00", vendor=name)
    page = clerk.get("/vendors")
    assert clerk.post("/vendors/read", page.form("/vendors/read")).status == 303
    demo.stack.drain()
    vendors = clerk.get("/vendors")
    alike, unlike = group_of(clerk, demo, "PO-ALIKE"), group_of(clerk, demo, "PO-NEW")
    for each in (vendors, alike):
        assert "Schoonmaak Zuid" in each.text
        assert "86 % alike" in each.text
    assert "103 Schoonmaak Zuid 86 % alike" in alike.text
    assert "No supplier in Exact looks like this vendor." in unlike.text
    assert "No supplier in Exact looks like this vendor." not in alike.text
    (there,) = alike.links("/vendors?")
    assert f'id="{there.partition("#")[2]}"' in vendors.html, "it leads to the vendor's card"
    orders = vendors.links("/record")
    assert address_of(demo, "PO-ALIKE") in orders
    assert address_of(demo, "PO-NEW") in orders


def test_a_supplier_is_searched_for_by_any_word_of_its_name(
    demo: DemoEnvironment, clerk: Browser
) -> None:
    address = clerk.get(address_of(demo, "PO-ALIKE")).links("/group")[-1]
    for typed in ("Zuid", "103", "schoonmaak zuid"):
        page = clerk.get(f"{address}&{urlencode({'q': typed})}")
        assert "103 Schoonmaak Zuid" in page.text, typed
    assert "Nothing in Exact has this code" in clerk.get(f"{address}&q=Wubbel").text


def test_a_page_in_german_writes_values_in_german(demo: DemoEnvironment, clerk: Browser) -> None:
    exact = record_of(demo, "PO-FINE").facts.exact
    assert exact is not None
    (order,) = [
        each
        for each in demo.exact.purchase_orders(NL.division)
        if each["PurchaseOrderID"] == exact.id
    ]
    demo.exact.change(NL.division, _LINES, order["lines"][0]["ID"], UnitPrice=612.5)
    demo.stack.fire("TokenRefreshFunctionEverySixHours")  # subscribes to Exact's webhooks
    demo.exact.change(NL.division, "purchaseorder/PurchaseOrders", order["PurchaseOrderID"])
    demo.stack.drain()
    demo.wait(timedelta(minutes=1))
    approve(demo, "PO-SUM", "4100", "100.00", total="1100.01")
    assert record_of(demo, "PO-FINE").state == OrderState.POSTED
    page = clerk.get(address_of(demo, "PO-FINE"), **_GERMAN)
    assert "Zeile 1, Stückpreis: 1.250,00, in Exact 612,50" in page.text
    assert "Jemand muss entscheiden: In Exact geändert" in page.text
    assert "≠ 612,50" in page.text
    total = clerk.get(address_of(demo, "PO-SUM"), **_GERMAN)
    assert "Die Zeilen ergeben 100,00, die Bestellsumme ist aber 1.100,01 EUR." in total.text
    for english in ("line 1", "UnitPrice", "Changed in Exact", "EUR 1100"):
        told = re.sub(r"<pre.*?</pre>", "", page.html + total.html, flags=re.DOTALL)
        assert english not in told, english


def test_a_month_shows_how_an_amount_differs_and_leads_to_the_order(
    demo: DemoEnvironment, clerk: Browser
) -> None:
    page = clerk.get(f"/month?of={FIRM}")
    form = page.form("/month/read")
    assert clerk.post("/month/read", form).status == 303
    demo.stack.drain()
    month = clerk.get("/month")
    (differing,) = [
        row for row in re.findall(r"<tr>.*?</tr>", month.html, re.DOTALL) if "PO-FINE" in row
    ]
    amounts = re.findall(r'data-label="(Airbase|Exact)">([^<]+?)\s*<', differing)
    assert amounts == [("Airbase", "EUR 1,250.00"), ("Exact", "EUR 612.50")], "amounts differ"
    assert address_of(demo, "PO-FINE") in month.links("/record")
    owed = month.text.partition("Not invoiced yet")[2].partition("To look into")[0]
    assert "Noorderlicht Nederland 1 EUR 612.50 EUR 0.00" in owed
