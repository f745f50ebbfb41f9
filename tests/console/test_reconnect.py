"""Reconnect: who may, what they get, and that its link is nowhere but in their browser."""

import html
import json
import logging
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from local.demo.environment import FIRM, DemoEnvironment
from local.firm import ABROAD
from ml_connector import clock
from ml_connector.deeds import requests
from ml_connector.deeds.consent import ask_for_consent
from ml_connector.deeds.worker_stack import WorkerStack
from ml_connector.domain.console_access import AccessRules, Admin, Grant, Role
from ml_connector.domain.ids import Actor, ConnectionId
from ml_connector.domain.people import Person
from ml_connector.domain.records import Note
from ml_connector.infrastructure.consents import VALID_FOR, digest_of
from ml_connector.infrastructure.console_rules import ConsoleRules
from ml_connector.infrastructure.kept_reports import KeptReports
from ml_connector.infrastructure.ledger import CONNECTION
from ml_connector.infrastructure.secret_store import EXACT_APP
from ml_connector.messages.kinds import PersonRequest
from ml_connector.messages.sending import request_message
from ml_connector.settings.connection import Connection
from tests.console.browser import Browser, Page, browser_of

RECONNECT = "/health/reconnect"
DIGEST = "ab" * 32
OTHERS = ("u-reader", "u-clerk", "u-clerk-nl", "u-approver")


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoEnvironment]:
    """The demo firm, on three sites of Exact."""
    logging.disable(logging.CRITICAL)
    with DemoEnvironment(branches=ABROAD) as demo:
        demo.connect()
        yield demo
    logging.disable(logging.NOTSET)


@pytest.fixture
def admin(demo: DemoEnvironment) -> Browser:
    return browser_of(demo, "u-admin")


def forms(page: Page) -> dict[str, dict[str, str]]:
    """Return the fields of each button to reconnect, by its site."""
    found = re.findall(rf'<form[^>]*action="{RECONNECT}".*?</form>', page.html, re.DOTALL)
    fields = (dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', f)) for f in found)
    return {each["site"]: each for each in fields}


def ask(browser: Browser, site: str = "be") -> str:
    """Press the button of a site; return the address of the page that follows."""
    sent = browser.post(RECONNECT, forms(browser.get("/health"))[site])
    assert sent.status == 303, sent.text
    return sent.to


def link_on(page: Page) -> str | None:
    """Return the link to Exact that a page shows."""
    found = re.findall(r'<a class="button" href="(http[^"]+)"', page.html)
    return html.unescape(found[0]) if found else None


def linked(demo: DemoEnvironment, browser: Browser, site: str = "be") -> tuple[str, str]:
    """Have a link made; return the address of the page, and the link."""
    address = ask(browser, site)
    demo.stack.drain()
    link = link_on(browser.get(address))
    assert link is not None, browser.get(address).text
    return address, link


def asked_at(address: str) -> datetime:
    """Return when the page of this address was asked for."""
    at = parse_qs(urlsplit(address).query)["at"][0]
    return datetime.fromtimestamp(int(at), UTC)


def valid_until(demo: DemoEnvironment, address: str) -> datetime:
    """Return until when the link is valid that was asked for with this address."""
    id = parse_qs(urlsplit(address).query)["asked"][0]
    outcome = KeptReports(demo.services.tables.mappings, FIRM).outcome(id)
    assert outcome is not None
    return datetime.fromisoformat(str(outcome.values["until"]))


def state_of(link: str) -> str:
    return parse_qs(urlsplit(link).query)["state"][0]


def stored(demo: DemoEnvironment) -> str:
    """Return everything that lies in the stack's tables."""
    dynamodb = demo.stack.client("dynamodb")
    scan = dynamodb.get_paginator("scan")
    names = dynamodb.list_tables()["TableNames"]
    return json.dumps([p["Items"] for n in names for p in scan.paginate(TableName=n)], default=str)


@pytest.mark.parametrize("who", OTHERS)
def test_only_an_administrator_may(demo: DemoEnvironment, admin: Browser, who: str) -> None:
    browser = browser_of(demo, who)
    page = browser.get("/health")
    assert page.status == 200
    assert forms(page) == {}
    form = forms(admin.get("/health"))["nl"] | {"token": page.form("/sign-out")["token"]}
    assert browser.post(RECONNECT, form).status == 403
    assert demo.stack.drain() == 0


def test_each_site_has_a_button_quietly_while_it_is_well(admin: Browser) -> None:
    page = admin.get("/health")
    assert list(forms(page)) == ["nl", "be", "de"]
    quiet = page.html.partition("Reconnect, before the consent ends")[2]
    assert quiet.count(f'action="{RECONNECT}"') == 3
    assert page.html.count(f'action="{RECONNECT}"') == 3


def test_a_lost_consent_is_given_again_from_the_page(demo: DemoEnvironment, admin: Browser) -> None:
    demo.sites["be"].revoke_consent()
    demo.wait(timedelta(hours=7))
    demo.stack.fire("TokenRefreshFunctionEverySixHours")
    demo.stack.drain()
    ledger = demo.services.ledger_of(FIRM)
    assert [h.code for h in ledger.connection().facts.halts.values()] == ["RECONNECT_NEEDED"]
    admin = browser_of(demo, "u-admin")
    page = admin.get("/health")
    urgent = page.html.partition("Reconnect, before the consent ends")[0]
    assert urgent.count(f'action="{RECONNECT}"') == 1
    assert 'name="site" value="be"' in urgent

    address = ask(admin)
    waiting = admin.get(address)
    due = (asked_at(address) + timedelta(minutes=2)).strftime("%H:%M")
    assert "In progress: it was queued in your name." in waiting.text
    assert f"It is due by {due} UTC." in waiting.text
    assert link_on(waiting) is None
    demo.stack.drain()
    page = admin.get(address)
    until = valid_until(demo, address).strftime("%H:%M")
    assert f"Open this link before {until} UTC" in page.text
    assert "Give the consent in Exact (be)" in page.text
    assert 'target="_blank" rel="noopener noreferrer"' in page.html
    assert page.answer.headers["cache-control"] == "no-store"
    link = link_on(page)
    assert link is not None
    assert link.startswith(demo.exact_urls["be"])

    given = httpx.get(link, follow_redirects=True)
    assert given.status_code == 200
    after = admin.get(address)
    assert "Exact (be) is connected again since" in after.text
    assert link_on(after) is None
    assert ledger.connection().facts.halts == {}
    assert "Needs attention" not in after.text
    trail = ledger.trail(CONNECTION)[-3:]
    person = Person(demo.identity_url, "u-admin", "Administrator").actor
    assert [(each.step, each.detail.get("site")) for each in trail] == [
        ("consent_asked", "be"), ("consent_brought", "be"), ("consent_given", "be"),
    ]  # fmt: skip
    assert trail[0].actor == person
    again = httpx.get(link, follow_redirects=True)
    assert again.status_code != 500
    assert [each.step for each in ledger.trail(CONNECTION)[-1:]] == ["consent_given"], "once"
    story = admin.get(f"/audit?of={FIRM}&name=connection&trail=1")
    assert "A link for a consent in Exact was asked for" in story.text


def test_the_link_is_shown_to_nobody_else_and_lies_nowhere(
    demo: DemoEnvironment, admin: Browser, capfd: pytest.CaptureFixture[str]
) -> None:
    logging.disable(logging.NOTSET)
    address, link = linked(demo, admin)
    state = state_of(link)
    assert len(state) == 43
    assert link_on(admin.get(address)) == link, "as often as it is looked at"
    elsewhere = browser_of(demo, "u-admin").get(address)
    assert state not in elsewhere.html
    assert "shown only in the browser, and the session, in which it was asked for" in elsewhere.text
    for who in OTHERS:
        page = browser_of(demo, who).get(address)
        assert state not in page.html
        assert "client_id" not in page.html
    for other in ("/", "/audit?name=connection&trail=1", "/health", "/people"):
        assert state not in admin.get(other).html
    export = admin.get(f"/audit.jsonl?of={FIRM}&key=connection")
    assert "consent_asked" in export.html
    assert state not in export.html
    assert state not in stored(demo)
    assert state not in "".join(capfd.readouterr())
    logging.disable(logging.CRITICAL)
    assert admin.post("/sign-out", admin.get("/").form("/sign-out")).status == 303
    assert state not in browser_of(demo, "u-admin").get(address).html, "another session"


def test_the_worker_is_not_told_it_either(
    demo: DemoEnvironment, admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Mapping[str, str]] = []

    def noted(stack: WorkerStack, actor: Actor, id: ConnectionId, values: Mapping[str, str]) -> Any:
        told.append(values)
        return ask_for_consent(stack, actor, id, values)

    monkeypatch.setattr(requests, "ask_for_consent", noted)
    _, link = linked(demo, admin)
    (values,) = told
    state = state_of(link)
    assert values == {"site": "be", "digest": digest_of(state)}


def test_who_is_no_administrator_any_more_sees_it_no_more(demo: DemoEnvironment) -> None:
    rules = ConsoleRules(demo.services.tables.mappings)
    before = rules.read()
    rules.change(lambda _: AccessRules(before.grants, (Admin("u-clerk", _note()),)))
    browser = browser_of(demo, "u-clerk")
    address, link = linked(demo, browser)
    rules.change(lambda _: before)
    page = browser.get(address)
    assert page.status == 200, "the same session, as a clerk"
    assert state_of(link) not in page.html


def test_a_link_expires(demo: DemoEnvironment) -> None:
    demo.clock.move(VALID_FOR)  # what was asked for before has expired
    admin = browser_of(demo, "u-admin")
    address, link = linked(demo, admin)
    demo.clock.move(VALID_FOR - timedelta(minutes=2))  # the clock goes on, too
    assert link_on(admin.get(address)) == link
    demo.clock.move(120)
    page = admin.get(address)
    assert link_on(page) is None
    assert "The link expired at" in page.text
    late = httpx.get(link, follow_redirects=True)
    assert late.status_code == 410
    last = demo.services.ledger_of(FIRM).trail(CONNECTION)[-1]
    assert last.step == "consent_asked", "nothing was exchanged"


def test_a_declined_consent_is_told(demo: DemoEnvironment) -> None:
    admin = browser_of(demo, "u-admin")
    other, of_other = linked(demo, admin, "nl")
    address, link = linked(demo, admin, "de")
    demo.sites["de"].oauth.denies = True
    assert httpx.get(link, follow_redirects=True).status_code == 403
    demo.sites["de"].oauth.denies = False
    assert "The consent was declined in Exact (de)" in admin.get(address).text
    assert link_on(admin.get(other)) == of_other, "that of another site goes on"


def test_the_button_pressed_twice_asks_once(demo: DemoEnvironment, admin: Browser) -> None:
    form = forms(admin.get("/health"))["nl"]
    to = {admin.post(RECONNECT, form).to.partition("asked=")[2] for _ in range(2)}
    assert len(to) == 1
    demo.stack.drain()
    trail = demo.services.ledger_of(FIRM).trail(CONNECTION)
    assert [each.step for each in trail[-2:]].count("consent_asked") == 1


def test_a_worker_that_is_stuck_is_told_with_when_it_was_due(
    demo: DemoEnvironment, admin: Browser
) -> None:
    address = ask(admin, "nl")
    due = (asked_at(address) + timedelta(minutes=2)).strftime("%H:%M")
    demo.clock.move(120)
    page = admin.get(address)
    assert f"In progress, and late: it should have been done by {due} UTC." in page.text
    demo.stack.drain()
    assert link_on(admin.get(address)), "it is done as soon as the worker works"


@pytest.mark.parametrize("at", ["", "x", "9" * 11, "-1"])
def test_an_address_that_says_no_moment_is_shown_without_one(
    demo: DemoEnvironment, admin: Browser, at: str
) -> None:
    page = admin.get(f"/health?of={FIRM}&asked={'f' * 24}&at={at}")
    assert page.status == 200
    assert "due by" not in page.text


@pytest.mark.parametrize(
    ("change", "status"),
    [({"site": "fr"}, 404), ({"site": ""}, 404), ({"of": "another"}, 404), ({"token": "x"}, 403)],
)
def test_a_changed_form_asks_for_nothing(
    demo: DemoEnvironment, admin: Browser, change: dict[str, str], status: int
) -> None:
    demo.stack.drain()
    form = forms(admin.get("/health"))["nl"] | change
    assert admin.post(RECONNECT, form).status == status
    assert demo.stack.drain() == 0


def test_the_administrator_of_a_division_reconnects_what_only_that_division_uses(
    demo: DemoEnvironment,
) -> None:
    rules = ConsoleRules(demo.services.tables.mappings)
    before = rules.read()
    given = Grant(Role.ADMIN, "finance-clerks-nl", _note(), ("nl.2101",))
    rules.change(lambda _: AccessRules((*before.grants, given), before.admins))
    browser = browser_of(demo, "u-clerk-nl")
    page = browser.get("/health")
    assert list(forms(page)) == ["nl"]
    assert browser.post(RECONNECT, forms(page)["nl"] | {"site": "be"}).status == 404
    config = demo.services_of().connection.model_dump(mode="json")
    shared = next(each for each in config["sites"] if each["exact_site"] == "nl")
    divisions = [{"division": 999, "subsidiaries": ["another"]}]
    other = {**shared, "id": "sharing", "shares_app_with": FIRM, "divisions": divisions}
    rest = {"id": "sharing", "airbase_base_url": config["airbase_base_url"], "sites": [other]}
    demo.services.connections.save(Connection.model_validate(rest))
    assert forms(browser.get("/health")) == {}
    assert browser.post(RECONNECT, forms(page)["nl"]).status == 403, "others use the app, too"
    admin = browser_of(demo, "u-admin")
    assert "it uses the consent of example-firm." in admin.get("/health").text
    sharing = forms(admin.get("/health"))["nl"] | {"of": "sharing"}
    assert admin.post(RECONNECT, sharing).status == 403
    demo.services.connections.remove(ConnectionId("sharing"))
    rules.change(lambda _: before)


# --- What the worker does not do -------------------------------------------------------------


def requested(demo: DemoEnvironment, number: int, id: ConnectionId = FIRM, /, **values: str) -> str:
    """Queue a request as a console would; return why it was not done, empty when it was."""
    person: Any = {"issuer": demo.identity_url, "subject": "u-admin", "person": "Administrator"}
    key = f"{number:024x}"
    request = PersonRequest(connection=id, request="consent", id=key, values=values, **person)
    demo.services.queues.send(request_message(request), key)
    demo.stack.drain()
    outcome = KeptReports(demo.services.tables.mappings, id).outcome(key)
    assert outcome is not None
    return str(outcome.values.get("why", ""))


@pytest.mark.parametrize(
    ("number", "site", "digest"),
    [(1, "fr", DIGEST), (2, "", DIGEST), (3, "nl", ""), (4, "nl", "x"), (5, "nl", DIGEST.upper())],
)
def test_a_request_for_no_site_or_without_a_digest_is_refused(
    demo: DemoEnvironment, number: int, site: str, digest: str
) -> None:
    why = requested(demo, number, site=site, digest=digest)
    assert why == "choose one of the connection's Exact sites"


def test_a_state_is_asked_for_once(demo: DemoEnvironment) -> None:
    assert requested(demo, 10, site="nl", digest=DIGEST) == ""
    assert requested(demo, 11, site="nl", digest=DIGEST).startswith("this link was asked for")


def test_the_first_consent_is_given_with_the_command(demo: DemoEnvironment) -> None:
    config = demo.services_of().connection.model_dump(mode="json")
    (site,) = [each for each in config["sites"] if each["exact_site"] == "nl"]
    fresh = {"id": "fresh", "airbase_base_url": config["airbase_base_url"]}
    demo.services.connections.save(
        Connection.model_validate(fresh | {"sites": [site | {"id": "fresh"}]})
    )
    app = json.dumps({"client_id": "i", "client_secret": "a-secret-of-this-test"})
    name = f"{demo.stack.name}/{EXACT_APP}/fresh"
    demo.stack.client("secretsmanager").create_secret(Name=name, SecretString=app)
    why = requested(demo, 20, ConnectionId("fresh"), site="nl", digest="cd" * 32)
    demo.services.connections.remove(ConnectionId("fresh"))
    assert "fresh has had no consent yet: give the first one with" in why
    assert "connection consent fresh" in why


def test_without_the_apps_credentials_there_is_no_link(demo: DemoEnvironment) -> None:
    secrets = demo.stack.client("secretsmanager")
    name = f"{demo.stack.name}/{EXACT_APP}/{FIRM}.be"
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    why = requested(demo, 30, site="be", digest="ef" * 32)
    assert "client id and secret of this connection are not stored" in why


def _note() -> Note:
    return Note("", Actor("test"), clock.now())
