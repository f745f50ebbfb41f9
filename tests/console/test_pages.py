"""What each page shows, to whom; and that nothing of it changes anything."""

import re
from datetime import date

import pytest

from local.demo.environment import FIRM, DemoEnvironment
from local.firm import NL
from ml_connector.domain.exception_codes import problem
from ml_connector.languages.figures import day
from ml_connector.languages.locales import LOCALES
from ml_console.files import FILES
from ml_console.routes import ROUTES
from tests.console.browser import Browser, browser_of
from tests.console.orders import address_of, record_of

PEOPLE = ("u-reader", "u-clerk", "u-clerk-nl", "u-approver", "u-admin")
DECIDING = ("u-clerk", "u-clerk-nl", "u-approver", "u-admin")
PAGES = ("/", "/vendors", "/mappings", "/month", "/health", "/audit")


@pytest.fixture(scope="module")
def browsers(demo: DemoEnvironment) -> dict[str, Browser]:
    return {who: browser_of(demo, who) for who in PEOPLE}


@pytest.mark.parametrize("who", PEOPLE)
def test_the_inbox_lists_what_waits_with_cause_money_and_place(
    browsers: dict[str, Browser], who: str
) -> None:
    page = browsers[who].get("/")
    assert page.status == 200
    assert "PO-NL" in page.text
    assert "GL account blocked" in page.text
    assert "EUR 5,000.00" in page.text
    assert "Noorderlicht Nederland" in page.text
    assert "PO-FINE" not in page.text, "it needs nobody"


def test_a_clerk_of_one_division_sees_nothing_of_another(
    demo: DemoEnvironment, browsers: dict[str, Browser]
) -> None:
    browser = browsers["u-clerk-nl"]
    assert "PO-DE" in browsers["u-clerk"].get("/").text
    inbox = browser.get("/")
    assert "PO-DE" not in inbox.text
    assert "75.50" not in inbox.text
    assert "1 thing to decide" in inbox.text
    health = browser.get("/health").text
    assert "Deutschland" not in health
    assert "wait for a decision" not in health, "it would count those of others"
    assert "2 records wait for a decision" in browsers["u-clerk"].get("/health").text
    assert browser.get(address_of(demo, "PO-NL")).status == 200
    hidden = browser.get(address_of(demo, "PO-DE"))
    unknown = browser.get(f"/record?of={FIRM}&key=order%23never-heard-of")
    assert hidden.status == unknown.status == 404
    assert hidden.text == unknown.text, "nothing tells one from the other"


@pytest.mark.parametrize(
    "address",
    ["/record", "/record?of=another&key=order%23x", f"/record?of={FIRM}&key=nonsense", "/nowhere"],
)
def test_what_there_is_not_is_not_found(browsers: dict[str, Browser], address: str) -> None:
    page = browsers["u-admin"].get(address)
    assert page.status == 404
    assert "There is no such page" in page.text


@pytest.mark.parametrize("path", ["/vendors", "/mappings", "/month"])
def test_what_was_asked_for_is_followed_from_the_queue_to_its_answer(
    demo: DemoEnvironment, browsers: dict[str, Browser], path: str
) -> None:
    browser = browsers["u-clerk"]
    sent = browser.post(f"{path}/read", browser.get(path).form(f"{path}/read"))
    assert "In progress" in browser.get(sent.to).text
    demo.stack.drain()
    done = browser.get(sent.to)
    assert done.status == 200
    assert "In progress" not in done.text
    assert "As of" in done.text


@pytest.mark.parametrize("who", PEOPLE)
def test_an_order_says_what_is_wrong_what_to_do_and_its_story(
    demo: DemoEnvironment, browsers: dict[str, Browser], who: str
) -> None:
    page = browsers[who].get(address_of(demo, "PO-NL"))
    (found,) = record_of(demo, "PO-NL").problems
    for each in (found.cause, found.remedy, found.code, "Waits for a decision", "Cloudwerk"):
        assert " ".join(each.split()) in page.text
    assert "Reported by Airbase the connector" in page.text
    assert "The audit trail is intact" in page.text
    assert page.has_form("/record/retry") == (who in DECIDING)
    assert page.has_form("/record/dismiss") == (who in DECIDING)


def test_an_order_in_exact_has_its_number(
    demo: DemoEnvironment, browsers: dict[str, Browser]
) -> None:
    page = browsers["u-reader"].get(address_of(demo, "PO-FINE"))
    exact = record_of(demo, "PO-FINE").facts.exact
    assert exact is not None
    assert f"Posted in Exact as {exact.number}" in page.text
    assert "In Exact" in page.text


@pytest.mark.parametrize("who", PEOPLE)
def test_health_is_in_words(demo: DemoEnvironment, browsers: dict[str, Browser], who: str) -> None:
    page = browsers[who].get("/health")
    assert page.status == 200
    assert "Noorderlicht Orders go through" in page.text
    # Not today's: midnight may have passed since.
    last = date.fromisoformat(demo.services.ledger_of(FIRM).groups.last_through()[NL.key])
    shown = day(last, LOCALES["en"])
    assert f"Noorderlicht Nederland nl.2101 {shown} Everything could be read" in page.text
    if who != "u-clerk-nl":
        assert "nl.2102 none in the last 31 days" in page.text


def test_health_says_which_checks_are_green_in_each_division_that_somebody_sees(
    demo: DemoEnvironment, browsers: dict[str, Browser]
) -> None:
    page = browsers["u-clerk"].get("/health")
    assert browsers["u-clerk"].post("/health/ping", page.form("/health/ping")).status == 303
    demo.stack.drain()
    page = browsers["u-clerk"].get("/health")
    shown = re.findall(
        r"<summary>(.*?)</summary>\s*<ul class=\"checks\">(.*?)</ul>", page.html, re.DOTALL
    )
    names = {re.sub("<[^>]+>", "", summary).partition(":")[0]: checks for summary, checks in shown}
    assert {"Connection", "Noorderlicht Nederland", "Noorderlicht Deutschland"} <= names.keys()
    german = names["Noorderlicht Deutschland"]
    assert german.count("<li>") == german.count("✓") > 5
    assert "Suppliers of Exact</b> works" in german
    ours = browsers["u-clerk-nl"].get("/health").html
    assert "<bdi>Noorderlicht Nederland</bdi>:" in ours
    assert "Deutschland" not in ours


def test_looking_at_everything_calls_nobody_and_changes_nothing(
    demo: DemoEnvironment, browsers: dict[str, Browser]
) -> None:
    before = len(demo.exact.calls), len(demo.airbase.calls), record_of(demo, "PO-NL").version
    for address in (*PAGES, address_of(demo, "PO-NL")):
        assert browsers["u-admin"].get(address).status == 200
    for method, path in ROUTES.private:
        if method == "POST":
            assert browsers["u-admin"].get(path).status == 404, "a link only opens"
    assert demo.stack.drain() == 0
    after = len(demo.exact.calls), len(demo.airbase.calls), record_of(demo, "PO-NL").version
    assert after == before


@pytest.mark.parametrize("path", sorted({path for _, path in ROUTES.private}))
def test_nobody_sees_anything_without_signing_in(demo: DemoEnvironment, path: str) -> None:
    browser = browser_of(demo)
    page = browser.get(path)
    posted = browser.post(path, {})
    if ("GET", path) in ROUTES.private:
        assert (page.status, page.html) == (303, "")
        assert page.to.startswith("/sign-in")
    if ("POST", path) in ROUTES.private:
        assert posted.status == 401
        assert "nothing was done" in posted.text


def test_every_answer_has_the_headers_of_a_careful_site(
    demo: DemoEnvironment, browsers: dict[str, Browser]
) -> None:
    somebody = browser_of(demo)
    pages = [browsers["u-admin"].get(each) for each in (*PAGES, "/nowhere")]
    pages += [somebody.get("/sign-in"), somebody.get("/"), somebody.post("/sign-out", {})]
    for page in pages:
        headers = page.answer.headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "base-uri 'none'" in policy
        assert "unsafe" not in policy
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["strict-transport-security"].startswith("max-age=")
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("path", PAGES)
def test_a_page_runs_no_script_or_style_of_its_own_and_is_small(
    browsers: dict[str, Browser], path: str
) -> None:
    page = browsers["u-admin"].get(path)
    assert len(page.answer.content) < 100_000
    assert "style=" not in page.html
    assert not re.search(r" on[a-z]+=", page.html)
    assert re.findall(r"<script(?! src=)", page.html) == []
    assert '<html lang="en">' in page.html


def test_files_are_kept_for_good_under_a_name_of_their_content(
    browsers: dict[str, Browser],
) -> None:
    named = re.findall(r'"(/static/[^"]+)"', browsers["u-admin"].get("/").html)
    assert set(named) == set(FILES)
    for address in named:
        page = browsers["u-admin"].get(address)
        assert "immutable" in page.answer.headers["cache-control"]
        assert re.search(r"\.[0-9a-f]{12}\.(css|js|svg)$", address)
        assert len(page.html) > 100


def test_hostile_words_are_shown_as_text(
    demo: DemoEnvironment, browsers: dict[str, Browser]
) -> None:
    from dataclasses import replace  # noqa: PLC0415

    vendor = "<img src=x onerror=alert(1)>\u202e\x00evil" + "x" * 10_000
    ledger = demo.services.ledger_of(FIRM)
    record = record_of(demo, "PO-FINE")
    facts = replace(record.facts, vendor=vendor, problems=(problem("LINK_BROKEN", vendor[:30]),))
    ledger.write(record.now(record.state, facts), "review")
    for page in (
        browsers["u-admin"].get("/"),
        browsers["u-admin"].get(address_of(demo, "PO-FINE")),
    ):
        assert page.status == 200
        assert "<img" not in page.html
        assert "&lt;img src=x onerror=alert(1)&gt;" in page.html
        assert "\x00" not in page.html
        assert "\u202e" not in page.html
        assert len(page.answer.content) < 100_000
    assert "Show all" in page.text


def test_the_bills_of_an_orders_vendor_stand_there_for_reference(
    demo: DemoEnvironment, browsers: dict[str, Browser]
) -> None:
    vendor = demo.firm.vendors["Cloudwerk"]
    for at in range(102):
        demo.airbase.add_bill(vendor, f"R-{at:03}", "40.00", entry_date="2026-10-01")
    last = {"entry_date": "2026-11-02", "erp_reference_id": "9", "currency": "USD"}
    demo.airbase.add_bill(vendor, "<b>R-LAST</b>", "1060.00", **last)
    demo.airbase.add_bill(vendor, "R-ODD", "many", entry_date="2026-11-03")
    address, before = address_of(demo, "PO-FINE"), len(demo.exact.calls)
    page = browsers["u-clerk"].get(address)
    assert "for reference" in page.text
    assert "nothing here posts or changes one" in page.text
    sent = browsers["u-clerk"].post("/record/bills", page.form("/record/bills"))
    assert sent.status == 303
    demo.stack.drain()
    for who in ("u-clerk", "u-reader"):
        shown = browsers[who].get(address).text
        assert "<b>R-LAST</b> 2 Nov 2026 USD 1,060.00" in shown, who
        assert shown.index("R-LAST") < shown.index("R-101") < shown.index("R-003")
        assert "R-002" not in shown
        assert "3 older bills are not shown." in shown
        assert "1 entry of Airbase could not be read." in shown
    assert "The vendor's bills were read in Airbase." in browsers["u-clerk"].get(sent.to).text
    assert len(demo.exact.calls) == before, "nothing is written or read in Exact"


def test_a_reader_has_no_bills_read(demo: DemoEnvironment, browsers: dict[str, Browser]) -> None:
    page = browsers["u-reader"].get(address_of(demo, "PO-FINE"))
    assert not page.has_form("/record/bills")
    key = record_of(demo, "PO-FINE").key
    form = {**page.form("/sign-out"), "of": FIRM, "key": key}
    assert browsers["u-reader"].post("/record/bills", form).status == 403
    assert demo.stack.drain() == 0
