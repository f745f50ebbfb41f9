"""What approvers decide on the pages for mappings and vendors, up to what it changes."""

import re

import pytest

from local.demo.environment import FIRM, DemoEnvironment
from local.firm import NL
from tests.console.browser import Browser, Page, browser_of
from tests.console.orders import approve, record_of

VENDOR, ACCOUNT = "Fresh Paint B.V.", "9471"
RULES = {
    "/mappings/map": {
        "division": NL.key,
        "kind": "gl_accounts",
        "airbase": ACCOUNT,
        "exact": "4100",
    },
    "/mappings/import": {"csv": "division,kind,airbase,exact\n"},
    "/vendors/accept": {"vendor": "v", "divisions": NL.key, "supplier": "s"},
    "/vendors/link": {"vendor": "v", "divisions": NL.key, "supplier": "s", "reason": "why"},
    "/vendors/create": {"vendor": "v", "divisions": NL.key},
    "/vendors/reject": {"vendor": "v", "divisions": NL.key, "supplier": "s", "reason": "why"},
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


def asked(demo: DemoEnvironment, browser: Browser, action: str, form: dict[str, str]) -> Page:
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
    form = form_of(browser.get("/vendors"), "/vendors/link", vendor)
    suppliers = waiting.exact.world.divisions[NL.division].table("crm/Accounts").values()
    code = next(str(row["Code"]).strip() for row in suppliers if "Cloudwerk" in row["Name"])
    done = asked(waiting, browser, "/vendors/link", form | {"supplier": code, "reason": "One firm"})
    assert "is linked to" in done.text
    assert record_of(waiting, "PO-PAINT").state == "posted"


def test_a_vendor_is_created_in_exact_once_and_its_order_goes_on(waiting: DemoEnvironment) -> None:
    waiting.firm.vendors["Brandnew"] = waiting.airbase.add_vendor("Brandnew Quilts")
    approve(waiting, "PO-QUILT", "4100", "55.00", vendor="Brandnew")
    browser = browser_of(waiting, "u-approver")
    asked(waiting, browser, "/vendors/read", browser.get("/vendors").form("/vendors/read"))
    vendor = waiting.firm.vendors["Brandnew"]["id"]
    form = form_of(browser.get("/vendors"), "/vendors/create", vendor)
    assert form["divisions"] == NL.key, "only where an order waits for it"
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
