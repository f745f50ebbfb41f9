"""What approvers decide on the pages for mappings and vendors, up to what it changes."""

import re
from collections.abc import Mapping

import pytest

from local.demo.environment import FIRM, DemoEnvironment
from local.firm import NL
from tests.console.browser import Browser, Page, browser_of
from tests.console.orders import approve, record_of

Form = Mapping[str, str | list[str]]

VENDOR, ACCOUNT = "Fresh Paint B.V.", "9471"
RULES = {
    "/mappings/map": {
        "division": NL.key,
        "kind": "gl_accounts",
        "airbase": ACCOUNT,
        "exact": "4100",
    },
    "/mappings/import": {"csv": "division,kind,airbase,exact\n"},
    "/vendors/accept": {"chosen": f"{NL.key} v", "supplier": "s"},
    "/vendors/link": {"chosen": f"{NL.key} v", "supplier": "s", "reason": "why"},
    "/vendors/create": {"chosen": f"{NL.key} v"},
    "/vendors/reject": {"chosen": f"{NL.key} v", "supplier": "s", "reason": "why"},
}


@pytest.fixture(scope="module")
def waiting(demo: DemoEnvironment) -> DemoEnvironment:
    """An account that nobody has mapped, and a vendor that nobody knows; both pages were read."""
    demo.firm.vendors[VENDOR] = demo.airbase.add_vendor(VENDOR)
    approve(demo, "PO-PAINT", "4100", "300.00", vendor=VENDOR)
    approve(demo, "PO-ACCOUNT", ACCOUNT, "40.00")
    clerk = browser_of(demo, "u-clerk")
    for path in ("/vendors", "/mappings"):
        asked(demo, clerk, f"{path}/read", clerk.get(path).form(f"{path}/read"))
    return demo


def asked(demo: DemoEnvironment, browser: Browser, action: str, form: Form) -> Page:
    """Send a form, let the worker answer, and return the page with what came of it."""
    sent = browser.post(action, form)
    assert sent.status == 303, sent.text
    demo.stack.drain()
    return browser.get(sent.to)


def form_of(page: Page, action: str, named: str) -> dict[str, str]:
    """Return the hidden fields of the form with this action and value."""
    for found in re.findall(rf'<form[^>]*action="{action}".*?</form>', page.html, re.DOTALL):
        fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', found))
        if named in fields.values():
            return fields
    raise AssertionError(f"no form {action} of {named}")


def accounts(demo: DemoEnvironment) -> dict[str, str]:
    """Return how the accounts of the Dutch division are mapped."""
    connection = demo.services.connections.get(FIRM)
    assert connection
    division = demo.services.connections.whole(connection).division(NL.key)
    assert division
    return dict(division.mappings.gl_accounts)


@pytest.mark.parametrize("path", RULES)
@pytest.mark.parametrize("who", ["u-reader", "u-clerk", "u-clerk-nl"])
def test_who_may_not_say_what_holds_for_all_orders(
    waiting: DemoEnvironment, who: str, path: str
) -> None:
    browser = browser_of(waiting, who)
    page = browser.get(path.rpartition("/")[0])
    assert not page.has_form(path)
    refused = browser.post(path, {**page.form("/sign-out"), "of": FIRM, **RULES[path]})
    assert refused.status in (403, 404), refused.text
    assert waiting.stack.drain() == 0


def test_a_value_is_mapped_and_its_order_goes_on(waiting: DemoEnvironment) -> None:
    browser = browser_of(waiting, "u-approver")
    form = form_of(browser.get("/mappings"), "/mappings/map", ACCOUNT) | {"exact": "4100"}
    done = asked(waiting, browser, "/mappings/map", form)
    assert "was changed" in done.text
    assert accounts(waiting)[ACCOUNT] == "4100"
    assert record_of(waiting, "PO-ACCOUNT").state == "posted"


def test_a_file_is_tried_before_it_changes_anything(waiting: DemoEnvironment) -> None:
    browser = browser_of(waiting, "u-approver")
    line = f"division,kind,airbase,exact\n{NL.key},gl_accounts,8888,4100\n"
    form = {**browser.get("/mappings").form("/mappings/import"), "csv": line}
    tried = asked(waiting, browser, "/mappings/import", form)
    assert "8888" not in accounts(waiting)
    again = tried.form("/mappings/import")
    assert again["change"] == "1"
    asked(waiting, browser, "/mappings/import", again | {"csv": line})
    assert accounts(waiting)["8888"] == "4100"


def test_a_vendor_is_linked_by_its_suppliers_code(waiting: DemoEnvironment) -> None:
    browser = browser_of(waiting, "u-approver")
    vendor = waiting.firm.vendors[VENDOR]["id"]
    form = form_of(browser.get("/vendors"), "/vendors/link", f"{NL.key} {vendor}")
    more = {"supplier": code_of(waiting, "Cloudwerk"), "reason": "One firm"}
    done = asked(waiting, browser, "/vendors/link", form | more)
    assert "is linked to" in done.text
    assert record_of(waiting, "PO-PAINT").state == "posted"


def test_a_vendor_is_created_in_exact_once_and_its_order_goes_on(waiting: DemoEnvironment) -> None:
    waiting.firm.vendors["Brandnew"] = waiting.airbase.add_vendor("Brandnew Quilts")
    approve(waiting, "PO-QUILT", "4100", "55.00", vendor="Brandnew")
    browser = browser_of(waiting, "u-approver")
    asked(waiting, browser, "/vendors/read", browser.get("/vendors").form("/vendors/read"))
    vendor = waiting.firm.vendors["Brandnew"]["id"]
    # Only where an order waits for it.
    form = form_of(browser.get("/vendors"), "/vendors/create", f"{NL.key} {vendor}")
    done = asked(waiting, browser, "/vendors/create", form)
    assert "Brandnew Quilts was created in Exact as" in done.text
    again = asked(waiting, browser, "/vendors/create", form | {"id": "f" * 24})
    assert "linked to a supplier in division" in again.text
    suppliers = waiting.exact.world.divisions[NL.division].table("crm/Accounts").values()
    made = [each for each in suppliers if each["Name"] == "Brandnew Quilts"]
    assert len(made) == 1
    waiting.stack.drain()
    assert record_of(waiting, "PO-QUILT").state == "posted"
    assert not waiting.stack.rights.refusals


def test_a_vendor_that_stands_twice_is_one_card_and_one_decision(waiting: DemoEnvironment) -> None:
    twins = [waiting.airbase.add_vendor("Zilverlicht Kaarsen B.V.") for _ in range(2)]
    for at, each in enumerate(twins):
        waiting.firm.vendors[f"twin{at}"] = each
        approve(waiting, f"PO-TWIN{at}", "4100", "70.00", vendor=f"twin{at}")
    browser = browser_of(waiting, "u-approver")
    page = asked(waiting, browser, "/vendors/read", browser.get("/vendors").form("/vendors/read"))
    (card,) = [each for each in cards(page) if "Zilverlicht" in each]
    assert "and 1 other vendor" in card
    assert "stands in Airbase several times" in card
    assert "140.00" in card
    ticked = re.findall(r'type="checkbox" name="chosen" value="([^"]+)" checked', card)
    assert set(ticked) == {f"{NL.key} {each['id']}" for each in twins}
    form = page.form("/vendors/link") | {"supplier": code_of(waiting, "Cloudwerk"), "reason": "It"}
    done = asked(waiting, browser, "/vendors/link", form | {"chosen": sorted(ticked)})
    assert "2 orders go on" in done.text, done.text[:600]
    assert not [each for each in cards(done) if "Zilverlicht" in each]
    assert {record_of(waiting, f"PO-TWIN{at}").state for at in range(2)} == {"posted"}


def test_a_vendor_that_stands_twice_gets_one_new_supplier(waiting: DemoEnvironment) -> None:
    for at in range(2):
        waiting.firm.vendors[f"new{at}"] = waiting.airbase.add_vendor("Kersvers Papier N.V.")
        approve(waiting, f"PO-NEW{at}", "4100", "70.00", vendor=f"new{at}")
    browser = browser_of(waiting, "u-approver")
    page = asked(waiting, browser, "/vendors/read", browser.get("/vendors").form("/vendors/read"))
    (card,) = [each for each in cards(page) if "Kersvers" in each]
    ticked = re.findall(r'name="chosen" value="([^"]+)" checked', card.split("/vendors/create")[1])
    asked(waiting, browser, "/vendors/create", page.form("/vendors/create") | {"chosen": ticked})
    suppliers = waiting.exact.world.divisions[NL.division].table("crm/Accounts").values()
    assert len([each for each in suppliers if each["Name"] == "Kersvers Papier N.V."]) == 1
    waiting.stack.drain()
    assert {record_of(waiting, f"PO-NEW{at}").state for at in range(2)} == {"posted"}


def test_of_vendors_that_claim_one_supplier_those_are_linked_that_are_ticked(
    waiting: DemoEnvironment,
) -> None:
    claims = ["Schoonmaakbedrijf Zuid B.V.", "Schoonmaakbedrijf Zuid V.O.F."]
    for name in claims:
        waiting.firm.vendors[name] = waiting.airbase.add_vendor(name)
        approve(waiting, f"PO-{name}", "4100", "20.00", vendor=name)
    browser = browser_of(waiting, "u-approver")
    page = asked(waiting, browser, "/vendors/read", browser.get("/vendors").form("/vendors/read"))
    (card,) = [each for each in cards(page) if "Schoonmaakbedrijf" in each]
    assert all(name in card for name in claims)
    assert "tick those that it is" in card
    accept = re.findall(r'<form[^>]*action="/vendors/accept".*?</form>', card, re.DOTALL)[0]
    offered = re.findall(r'name="chosen" value="([^"]+)"( checked)?', accept)
    assert [bool(ticked) for _, ticked in offered] == [True, False]
    fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', accept))
    nobody = browser.post("/vendors/accept", fields)
    assert nobody.to.endswith("missing=1")
    done = asked(waiting, browser, "/vendors/accept", fields | {"chosen": [offered[1][0]]})
    assert "is linked to" in done.text
    states = [record_of(waiting, f"PO-{name}").state for name in claims]
    assert sorted(states) == ["posted", "review"]


def cards(page: Page) -> list[str]:
    """Return the HTML of each card of the vendors' page."""
    return re.findall(r"<article.*?</article>", page.html, re.DOTALL)


def code_of(demo: DemoEnvironment, name: str) -> str:
    """Return the account code of the supplier whose name has this word."""
    suppliers = demo.exact.world.divisions[NL.division].table("crm/Accounts").values()
    return next(str(row["Code"]).strip() for row in suppliers if name in row["Name"])


def test_an_order_whose_webhook_never_came_is_fetched_by_its_id(waiting: DemoEnvironment) -> None:
    firm, airbase = waiting.firm, waiting.airbase
    lines = [airbase.line("4100", "12.00")]
    order = airbase.add_order("PO-LOST", NL.subsidiary, firm.vendors["Cloudwerk"], lines)
    order |= {"status": "approved", "approved_date": airbase.now()}
    clerk = browser_of(waiting, "u-clerk")
    page = clerk.get(f"/audit?of={FIRM}&name={order['id']}")
    assert "Nothing of this name is known here" in page.text
    shown = asked(waiting, clerk, "/audit/fetch", page.form("/audit/fetch"))
    assert shown.status == 303
    story = clerk.get(shown.to)
    assert "PO-LOST" in story.text
    assert "Asked to be fetched from Airbase Clerk" in story.text
    assert record_of(waiting, "PO-LOST").state == "posted"


def test_an_id_that_airbase_does_not_know_is_told_and_leaves_nothing(
    waiting: DemoEnvironment,
) -> None:
    clerk, address = browser_of(waiting, "u-clerk"), f"/audit?of={FIRM}&name=<b>PO-9</b>"
    form = clerk.get(address).form("/audit/fetch")
    told = asked(waiting, clerk, "/audit/fetch", form)
    assert "Airbase has no order with the id '<b>PO-9</b>'; nothing was queued" in told.text
    assert "<b>PO-9" not in told.html
    again = clerk.post("/audit/fetch", form)
    waiting.stack.drain()
    dutch = clerk.get(again.to, **{"accept-language": "nl"})
    assert "Airbase heeft geen order met de id '<b>PO-9</b>'" in dutch.text
    assert "Nothing of this name is known here" in clerk.get(address).text


@pytest.mark.parametrize("who", ["u-reader", "u-clerk-nl"])
def test_who_does_not_see_every_division_fetches_nothing(
    waiting: DemoEnvironment, who: str
) -> None:
    browser = browser_of(waiting, who)
    page = browser.get(f"/audit?of={FIRM}&name=PO-9")
    assert not page.has_form("/audit/fetch")
    form = {**page.form("/sign-out"), "of": str(FIRM), "name": "PO-9"}
    assert browser.post("/audit/fetch", form).status in (403, 404)
    assert waiting.stack.drain() == 0
