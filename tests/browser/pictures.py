"""Write docs/pictures: the inbox, an order, vendors and a month, from the demo's data.

Run by `make pictures`.
"""

import logging
import os
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from local.demo.environment import DemoEnvironment
from local.demo.scenario import Scenario
from local.firm import NL
from tests.browser.conftest import chromium_path, order_address

OUT = Path(__file__).parents[2] / "docs" / "pictures"
_SIZE = {"width": 1120, "height": 780}


def main() -> None:
    """Play the demo's month, and take the pictures as an approver sees the pages."""
    logging.disable(logging.CRITICAL)
    os.environ.setdefault("POWERTOOLS_METRICS_DISABLED", "true")  # metrics are log lines too
    OUT.mkdir(exist_ok=True)
    with DemoEnvironment() as demo, sync_playwright() as playwright:
        demo.connect()
        Scenario(demo, lambda _: None).play()
        demo.stack.rights.refusals.clear()
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        take(demo, browser)
        browser.close()


def take(demo: DemoEnvironment, browser: Browser) -> None:
    """Sign in, have all read that the pages show, and write a picture of each."""
    _propose(demo)
    page = browser.new_page(viewport=_SIZE)
    page.goto(demo.stack.console_url)
    page.locator("a.button").click()
    page.locator("a[href*='person=u-approver']").first.click()
    order = order_address(demo, "CHANGED_IN_EXACT")
    for path, button in (
        ("/vendors", "Read both lists again"),
        ("/month", "Reconcile it now"),
        (order, "Read it in Airbase"),
    ):
        _ask(demo, page, path, button)
    pages = {"inbox": "/", "order": f"{order}#sides", "vendors": "/vendors", "month": "/month"}
    for name, path in pages.items():
        page.goto(demo.stack.console_url + path)
        page.screenshot(path=OUT / f"{name}.png")


def _propose(demo: DemoEnvironment) -> None:
    """Add a vendor that resembles a supplier, with an order that waits for it."""
    vendor = demo.airbase.add_vendor("Schoonmaakbedrijf Zuid B.V.")
    line = demo.airbase.line("4300", "840.00", "Windows")
    demo.airbase.approve(demo.airbase.add_order("PO-1100", NL.subsidiary, vendor, [line]))
    demo.stack.drain()


def _ask(demo: DemoEnvironment, page: Page, path: str, button: str) -> None:
    page.goto(demo.stack.console_url + path)
    page.get_by_role("button", name=button).click()
    demo.stack.drain()


if __name__ == "__main__":
    main()
