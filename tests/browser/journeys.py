"""Journeys in a real browser: by mouse, by keyboard alone, without JavaScript; and what axe finds.

Run by `make browser-test`; the name keeps it out of `make test`, which needs no browser.
"""

import re
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Request, Response, Route, expect

from local.demo.environment import DemoEnvironment
from local.firm import NL
from tests.browser.conftest import Open, order_address

PAGES = ("/", "/vendors", "/mappings", "/month", "/health", "/audit?name=connection&trail=1")
READ = {
    "/vendors": "Read both lists again",
    "/mappings": "Read both systems again",
    "/month": "Reconcile it now",
    "/health": "Ask both systems now",
}
_WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_LARGEST = 100_000
_NARROW = ({"width": 390, "height": 800}, {"width": 320, "height": 640})
_CUT = """
() => [...document.querySelectorAll("body, main, main *")]
  .filter((each) => each.clientWidth && each.scrollWidth > each.clientWidth + 1)
  .filter((each) => !["inline", "none"].includes(getComputedStyle(each).display))
  .filter((each) => !each.matches("select, input, textarea, .unseen"))
  .filter((each) => !each.closest(".stacks thead"))
  .map((each) => `${each.tagName}.${each.className}: ${each.innerText.slice(0, 60)}`)
"""
"""What is wider than its place: it would be cut, or have to be scrolled to."""
_SQUEEZED = """
() => [...document.querySelectorAll("main td, main th, main .what")]
  .filter((each) => !each.closest(".stacks thead"))
  .filter((each) => each.innerText.trim().length > 3 && each.clientWidth && each.clientWidth < 40)
  .map((each) => each.innerText)
"""


def findings(page: Page) -> list[str]:
    """Return what axe-core finds against WCAG 2.2 A and AA; in the dark, colours alone differ."""
    page.emulate_media(color_scheme="light")
    light = found_by(page, {"type": "tag", "values": _WCAG})
    page.emulate_media(color_scheme="dark")
    return light + found_by(page, {"type": "rule", "values": ["color-contrast"]})


def found_by(page: Page, rules: dict[str, object]) -> list[str]:
    """Return what axe-core finds against these rules."""
    found = Axe().run(page, options={"runOnly": rules})
    return [
        f"{each['id']}: {node['html'][:200]}"
        for each in found.response["violations"]
        for node in each["nodes"]
    ]


def groups(inbox: Page) -> list[str]:
    """Return the address of each group that the inbox shows."""
    found = inbox.locator("a.title[href^='/group']").all()
    addresses = [str(each.get_attribute("href")) for each in found]
    assert addresses
    return addresses


def asked(page: Page, demo: DemoEnvironment) -> str:
    """Let the worker do what was asked for; return what the page says of it."""
    demo.stack.drain()
    page.goto(page.url)
    return str(page.locator("[role=status]").first.inner_text())


@pytest.mark.parametrize("path", READ)
def test_what_a_page_shows_is_read_on_a_button(
    open_page: Open, demo: DemoEnvironment, path: str
) -> None:
    page = open_page(path)
    page.get_by_role("button", name=READ[path]).click()
    expect(page.get_by_text("In progress")).to_be_visible()
    asked(page, demo)
    expect(page.get_by_text("As of")).to_be_visible()
    expect(page.get_by_text("In progress")).to_have_count(0)


def test_the_answer_appears_without_loading_the_page_again(
    open_page: Open, demo: DemoEnvironment
) -> None:
    page = open_page("/vendors")
    page.get_by_role("button", name=READ["/vendors"]).click()
    expect(page.get_by_text("In progress")).to_be_visible()
    demo.stack.drain()
    expect(page.get_by_role("status").get_by_text("Both lists were read again")).to_be_visible()


def test_an_order_shows_all_sides_and_marks_what_exact_changed(
    open_page: Open, demo: DemoEnvironment, changed_order: str
) -> None:
    page = open_page(changed_order)
    page.get_by_role("button", name="Read it in Airbase").click()
    asked(page, demo)
    changed = page.locator("td.changed").filter(has_text="≠")
    assert {each.inner_text().split("\n")[0].strip()[:1] for each in changed.all()} == {"≠"}
    expect(changed.first).to_contain_text("changed in Exact")
    expect(page.get_by_text("The audit trail is intact")).to_be_visible()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save it for an auditor").click()
    assert saved.value.suggested_filename.endswith(".jsonl")


@pytest.mark.parametrize(
    ("system", "there"),
    [
        ("Airbase", "https://books.airbase.test/orders/"),
        ("Exact", "https://exact.test/order?division="),
    ],
)
def test_an_order_opens_in_the_other_system_which_is_not_told_from_where(
    open_page: Open, changed_order: str, system: str, there: str
) -> None:
    page = open_page(changed_order)
    calls: list[Request] = []

    def answer(route: Route) -> None:
        calls.append(route.request)
        route.fulfill(body="<title>The order</title>", content_type="text/html")

    page.context.route(f"{there.partition('?')[0]}**", answer)
    with page.context.expect_page() as opened:
        page.get_by_role("link", name=f"{system} (opens in a new tab)", exact=True).click()
    opened.value.wait_for_load_state()
    assert opened.value.url.startswith(there)
    assert opened.value.title() == "The order"
    assert opened.value.evaluate("window.opener") is None
    assert "referer" not in calls[0].all_headers()
    assert urlsplit(page.url).path == "/record", "the console stays open"


def test_axe_finds_nothing(open_page: Open, demo: DemoEnvironment, changed_order: str) -> None:
    page = open_page("/", "u-admin")
    for path in (*PAGES, *groups(page), changed_order, "/people", "/nowhere"):
        page.goto(demo.stack.console_url + path)
        for each in page.locator("main details").all():
            each.evaluate("details => { details.open = true; }")
        assert findings(page) == [], path
    door = open_page("/sign-in")
    door.goto(demo.stack.console_url + "/sign-in")
    assert findings(door) == []


@pytest.mark.parametrize("language", ["en", "nl", "de", "fr"])
def test_nothing_is_cut_on_a_telephone_in_any_language(
    open_page: Open, demo: DemoEnvironment, changed_order: str, language: str
) -> None:
    page = open_page("/", "u-admin", viewport=_NARROW[0], locale=language)
    for path in (*PAGES, *groups(page), changed_order, "/people"):
        answer = page.goto(demo.stack.console_url + path)
        assert answer is not None
        assert answer.ok, path
        assert page.locator("html").get_attribute("lang") == language
        for size in _NARROW:
            page.set_viewport_size(size)
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], path
            assert page.evaluate(_CUT) == [], path
            assert page.evaluate(_SQUEEZED) == [], path


def test_from_an_order_to_its_decision_and_nothing_typed_is_lost(
    open_page: Open, demo: DemoEnvironment
) -> None:
    page = open_page(order_address(demo, "COST_CENTRE_MISSING"))
    page.get_by_role("link", name="Decide").click()
    page.locator("summary").filter(has_text="Comment").click()
    page.get_by_label("What the next person should know").fill("Ask the controller")
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was chosen")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Cost centre missing")
    assert page.get_by_label("What the next person").input_value() == "Ask the controller"
    assert findings(page) == []


def test_every_page_without_cache_is_small(
    open_page: Open, demo: DemoEnvironment, changed_order: str
) -> None:
    page = open_page("/", "u-admin")
    for path in (*PAGES, groups(page)[0], changed_order, "/people"):
        answers: list[Response] = []
        fresh = page.context.browser
        assert fresh is not None
        context = fresh.new_context(storage_state=page.context.storage_state())
        tab = context.new_page()
        tab.on("response", lambda answer, answers=answers: answers.append(answer))
        tab.goto(demo.stack.console_url + path, wait_until="networkidle")
        assert 0 < sum(len(each.body()) for each in answers) < _LARGEST, path
        context.close()


def test_without_javascript_a_vendor_is_linked(open_page: Open, demo: DemoEnvironment) -> None:
    page = open_page("/vendors", "u-approver", java_script_enabled=False)
    page.get_by_role("button", name=READ["/vendors"]).click()
    asked(page, demo)
    card = page.get_by_role("article", name="Nieuwkomer Catering")
    card.get_by_text("Link it to a supplier").click()
    card.get_by_label("Its account code in Exact").fill("102")
    card.get_by_label("Why it is this supplier").fill("The same company")
    card.get_by_role("button", name="Link it").click()
    said = asked(page, demo)
    assert "Nieuwkomer Catering is linked to 102 Cloudwerk now. 1 order goes on." in said


def test_by_keyboard_alone_a_month_is_reconciled(open_page: Open, demo: DemoEnvironment) -> None:
    page = open_page("/month")
    reach(page, "Reconcile it now")
    page.keyboard.press("Enter")
    expect(page.get_by_text("In progress")).to_be_visible()
    asked(page, demo)
    reach(page, "Posted and equal")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("category=equal"))


def test_by_keyboard_alone_a_decision_is_made_and_taken_back(
    open_page: Open, demo: DemoEnvironment
) -> None:
    page = open_page("/")
    titles = page.locator("article a.title[href^='/group']")
    expect(page.locator("#keys")).to_be_visible()  # the script has run
    page.keyboard.press("j")
    expect(titles.first).to_be_focused()
    page.keyboard.press("j")
    expect(titles.first).not_to_be_focused()
    page.keyboard.press("k")
    expect(titles.first).to_be_focused()
    for _ in range(20):
        if "Cost centre" in page.locator(":focus").inner_text():
            break
        page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Cost centre")
    page.keyboard.press("1")
    choices = page.locator("input[type=radio][name=exact]")
    expect(choices.first).to_be_checked()
    page.keyboard.press("2")
    expect(choices.nth(1)).to_be_checked()
    page.keyboard.press("d")
    expect(page.get_by_role("heading", name="In progress")).to_be_visible()
    assert findings(page) == []
    assert "It acts for 1 case" in asked(page, demo)
    reach(page, "Take it back")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "Taken back: nothing was done." in asked(page, demo)
    assert findings(page) == []


def test_keys_lead_to_pages_and_to_what_they_do(open_page: Open) -> None:
    page = open_page("/month")
    keys = page.locator("#keys")
    expect(keys).to_be_visible()  # the script has run
    page.keyboard.press("?")
    expect(keys).to_be_focused()
    for key, path in (("v", "/vendors"), ("m", "/mappings"), ("i", "/")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_url(lambda url, path=path: urlsplit(url).path == path)
        expect(keys).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("j")
    expect(page.locator("article a.title").first).not_to_be_focused()
    keys.click()
    page.keyboard.press("g")
    page.keyboard.press("v")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Inbox")


def test_an_order_that_never_came_is_fetched(open_page: Open, demo: DemoEnvironment) -> None:
    line = demo.airbase.line("4100", "12.00")
    vendor = demo.firm.vendors["Cloudwerk"]
    order = demo.airbase.add_order("PO-LOST", NL.subsidiary, vendor, [line])
    order |= {"status": "approved", "approved_date": demo.airbase.now()}
    page = open_page("/audit")
    page.get_by_label("Order number").fill(str(order["id"]))
    page.get_by_role("button", name="Find").click()
    assert findings(page) == []
    page.get_by_role("button", name="Fetch it from Airbase").click()
    expect(page.get_by_text("In progress")).to_be_visible()
    demo.stack.drain()
    expect(page.get_by_role("heading", level=1)).to_contain_text("PO-LOST")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_consent_is_given_again_from_the_health_page(
    open_page: Open, demo: DemoEnvironment, scripts: bool
) -> None:
    page = open_page("/health", "u-admin", java_script_enabled=scripts, viewport=_NARROW[1])
    page.get_by_text("Reconnect, before the consent ends").click()
    page.get_by_role("button", name="Reconnect Exact (nl)").click()
    expect(page.get_by_text("It is due by")).to_be_visible()
    demo.stack.drain()
    if not scripts:
        page.get_by_role("link", name="Look again").click()
    link = page.get_by_role("link", name="Give the consent in Exact (nl)")
    expect(link).to_be_visible()
    if scripts:
        assert findings(page) == []
        assert page.evaluate(_CUT) == []
    with page.context.expect_page() as opened:
        link.click()
    opened.value.wait_for_load_state()
    page.get_by_role("link", name="Look whether it was given").click()
    expect(page.get_by_text("Exact (nl) is connected again since")).to_be_visible()
    expect(link).to_have_count(0)


def test_a_session_that_ends_in_the_middle_of_a_form(
    open_page: Open, demo: DemoEnvironment
) -> None:
    page = open_page("/vendors")
    page.context.clear_cookies(name="__Host-console")
    page.get_by_role("button", name=READ["/vendors"]).click()
    expect(page.get_by_role("heading", name="You were signed out")).to_be_visible()
    assert demo.stack.drain() == 0, "nothing was asked for"


def test_a_language_is_chosen_and_kept(open_page: Open, demo: DemoEnvironment) -> None:
    page = open_page("/health")
    page.get_by_role("button", name="Nederlands").click()
    expect(page.get_by_role("heading", name="Toestand")).to_be_visible()
    page.goto(demo.stack.console_url + "/month")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Maand")


def test_a_reader_decides_nothing(open_page: Open, demo: DemoEnvironment) -> None:
    page = open_page("/", "u-reader")
    for path in (*READ, "/audit"):
        page.goto(demo.stack.console_url + path)
        assert page.locator("main form[method=post]").locator("button").count() == 0, path


def reach(page: Page, name: str) -> None:
    """Press Tab until the button or link with this name has the focus, as people see it."""
    for _ in range(80):
        page.keyboard.press("Tab")
        focused = page.locator(":is(a, button, summary):focus")
        if focused.count() and name in focused.inner_text():
            expect(focused).to_be_visible()
            return
    raise AssertionError(f"the keyboard does not reach {name!r}")
