"""The machine's Chromium at the console of the demo firm; it fails without one, and never skips."""

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from local.demo.environment import FIRM, DemoEnvironment
from local.demo.scenario import Scenario
from ml_connector.connections import changes

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_CLERK = "u-clerk"

Open = Callable[..., Page]


def chromium_path() -> str:
    """Return where Chromium is; CHROMIUM names another. Raises `RuntimeError` without one."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        raise RuntimeError("the browser tests need Chromium: apt-get install chromium")
    return found


@pytest.fixture(scope="session")
def chromium(demo: DemoEnvironment) -> Iterator[Browser]:
    """Start after the stack: Playwright's event loop runs in this thread."""
    with sync_playwright() as playwright:
        # Containers give Chromium no sandbox of its own; it only opens our own pages.
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def demo() -> Iterator[DemoEnvironment]:
    """The demo firm with an order in Exact for each division, and several that wait."""
    logging.disable(logging.CRITICAL)
    with DemoEnvironment() as demo:
        demo.connect()
        link(demo)
        scenario = Scenario(demo, lambda _: None)
        scenario.one_order_per_division()
        scenario.orders_with_exceptions()
        scenario.changes_after_posting()
        demo.stack.rights.refusals.clear()
        yield demo


def link(demo: DemoEnvironment) -> None:
    """Say where both systems show records: every page is looked at with its links."""
    connections = demo.services.connections
    found = connections.get(FIRM)
    assert found is not None
    pages = [
        "airbase_order_page=https://books.airbase.test/orders/{id}",
        "airbase_vendor_page=https://books.airbase.test/vendors/{id}",
        "exact_order_page=https://exact.test/order?division={division}&id={id}",
        "exact_supplier_page=https://exact.test/account?division={division}&id={id}",
    ]
    connections.save(changes.changed(connections.whole(found), pages))


@pytest.fixture
def open_page(chromium: Browser, demo: DemoEnvironment) -> Iterator[Open]:
    """Return a function that opens a page as somebody: a new browser for each call."""
    contexts: list[BrowserContext] = []

    def opened(path: str, who: str = _CLERK, **options: object) -> Page:
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.goto(demo.stack.console_url + path)
        if "/sign-in" in urlsplit(page.url).path:
            page.locator("a.button").click()
            page.locator(f"a[href*='person={who}']").first.click()
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def changed_order(demo: DemoEnvironment) -> str:
    """Return the address of the order that somebody has changed in Exact."""
    return order_address(demo, "CHANGED_IN_EXACT")


def order_address(demo: DemoEnvironment, code: str) -> str:
    """Return the address of the order that has this exception."""
    orders = demo.services.ledger_of(FIRM).orders()
    found = next(each for each in orders if code in {one.code for one in each.problems})
    return f"/record?of={FIRM}&key=order%23{found.key.partition('#')[2]}"
