"""Sessions, forms, and what is asked for in somebody's name."""

from datetime import UTC, datetime, timedelta
from itertools import count

import msgspec
import pytest

from local.demo.environment import FIRM, DemoEnvironment
from ml_connector.domain.people import Person, name_of, person_of
from ml_connector.infrastructure.console_sessions import ConsoleSessions, Session
from ml_connector.infrastructure.dynamodb import DynamoTable
from ml_console.settings import Settings
from tests.cli.terminal import Terminal
from tests.console.browser import Browser, Page, browser_of
from tests.console.orders import address_of, approve, record_of

SESSION = "__Host-console"
NUMBERS = count(5001)


@pytest.fixture
def terminal(demo: DemoEnvironment) -> Terminal:
    return Terminal({"CONNECTOR_STACK": None, **demo.stack.environment()})


@pytest.fixture
def order(demo: DemoEnvironment) -> str:
    """An order that waits for a decision, of this test alone; its number."""
    number = f"PO-{next(NUMBERS)}"
    approve(demo, number, "4600", "100.00")
    return number


def sessions(demo: DemoEnvironment) -> ConsoleSessions:
    table = demo.stack.outputs["ConsoleTable"]
    return ConsoleSessions(DynamoTable(demo.stack.client("dynamodb"), table))


# ------------------------------------------------------------ sessions


def test_only_the_hash_of_what_the_browser_has_is_stored(demo: DemoEnvironment) -> None:
    token = browser_of(demo, "u-reader").cookies[SESSION]
    assert len(token) >= 43, "256 bits"
    stored = demo.stack.client("dynamodb").scan(TableName=demo.stack.outputs["ConsoleTable"])
    assert stored["Items"]
    assert token not in str(stored["Items"])


def test_a_session_ends_half_an_hour_after_the_last_call(demo: DemoEnvironment) -> None:
    browser = browser_of(demo, "u-reader")
    for _ in range(3):
        demo.clock.move(29 * 60)
        assert browser.get("/").status == 200
    demo.clock.move(30 * 60 + 1)
    assert browser.get("/").status == 303


def test_a_session_ends_after_eight_hours_however_it_is_used(demo: DemoEnvironment) -> None:
    browser = browser_of(demo, "u-reader")
    for _ in range(8 * 3 - 1):
        demo.clock.move(20 * 60)
        assert browser.get("/").status == 200
    demo.clock.move(20 * 60)
    assert browser.get("/").status == 303


def test_a_session_lasts_as_long_as_the_stack_said_when_it_began(
    demo: DemoEnvironment,
) -> None:
    browser_of(demo, "u-admin")
    admin = next(each for each in sessions(demo).all() if each.person.subject == "u-admin")
    token = sessions(demo).begin(admin.person, admin.values, timedelta(hours=2))
    browser = Browser(demo.stack.console_url, {SESSION: token.reveal()})
    for _ in range(5):
        demo.clock.move(20 * 60)
        assert browser.get("/").status == 200
    demo.clock.move(20 * 60)
    assert browser.get("/").status == 303


def test_a_session_of_an_earlier_version_lasts_eight_hours() -> None:
    now = datetime(2026, 11, 30, 9, tzinfo=UTC)
    new = Session("d", Person("https://idp.example", "u", "Ada"), (), now, now, timedelta(hours=1))
    stored = msgspec.json.decode(msgspec.json.encode(new))
    assert msgspec.convert(stored, Session) == new
    del stored["lasts"]
    assert msgspec.convert(stored, Session).lasts == timedelta(hours=8)


def test_the_stack_says_how_long_sessions_last(demo: DemoEnvironment) -> None:
    environment = demo.stack.environment("ConsoleFunction")
    assert Settings.read(environment).lasts == timedelta(hours=8)
    signed_in = Browser(demo.stack.console_url).sign_in("u-reader")
    assert "Max-Age=28800" in signed_in.answer.headers["set-cookie"]
    for said in ("2", "2.5"):  # a Number of CloudFormation may have decimals
        read = Settings.read({**environment, "CONSOLE_SESSION_HOURS": said})
        assert read.lasts == timedelta(hours=float(said))


def test_a_cookie_that_was_stolen_is_worth_nothing_after_sign_out(demo: DemoEnvironment) -> None:
    browser = browser_of(demo, "u-reader")
    thief = Browser(browser.origin, dict(browser.cookies))
    form = browser.get("/").form("/sign-out")
    page = browser.post("/sign-out", form)
    assert (page.status, SESSION in browser.cookies) == (303, False)
    assert "You are signed out" in browser.get(page.to).text
    assert thief.get("/").status == 303


def test_nobody_can_be_given_a_session_beforehand(demo: DemoEnvironment) -> None:
    """Fixation: what an attacker puts into the browser never becomes a session."""
    attacker = browser_of(demo, "u-reader")
    planted = attacker.cookies[SESSION]
    victim = Browser(demo.stack.console_url, {SESSION: planted})
    assert victim.sign_in("u-admin").status == 303
    assert victim.cookies[SESSION] != planted
    assert attacker.get("/").status == 303, "and the session that was there has ended"
    invented = Browser(demo.stack.console_url, {SESSION: "x" * 43})
    assert invented.get("/").status == 303


def test_a_role_that_was_taken_away_is_gone_with_the_next_click(
    demo: DemoEnvironment, terminal: Terminal
) -> None:
    terminal.ok("console", "configure", "--admin", "u-nobody")
    browser = browser_of(demo, "u-nobody")
    assert browser.get("/").status == 200
    terminal.ok("console", "configure", "--no-admin", "u-nobody")
    page = browser.get("/")
    assert (page.status, "nobody has given you access" in page.text) == (403, True)
    assert browser.get("/").status == 303, "and the session has ended"


def test_ended_sessions_stay_ended_though_they_were_just_used(
    demo: DemoEnvironment, terminal: Terminal
) -> None:
    one, other = browser_of(demo, "u-reader"), browser_of(demo, "u-clerk")
    assert terminal.ok("console", "end-sessions", "--subject", "u-reader").out
    assert (one.get("/").status, other.get("/").status) == (303, 200)
    stale = next(each for each in sessions(demo).all() if each.person.subject == "u-clerk")
    terminal.ok("console", "end-sessions")
    sessions(demo)._replace(stale)  # a call that began before
    assert other.get("/").status == 303


# ------------------------------------------------------------ forms


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "same-origin", "origin": "https://evil.example"},
    ],
)
def test_a_form_of_another_site_does_nothing(
    demo: DemoEnvironment, order: str, headers: dict[str, str]
) -> None:
    browser = browser_of(demo, "u-clerk")
    form = browser.get(address_of(demo, order)).form("/record/retry")
    page = browser.post("/record/retry", form, headers)
    assert (page.status, "Nothing was done" in page.text) == (403, True)
    assert demo.stack.drain() == 0


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "same-origin"}, {"origin": "ours"}])
def test_a_browser_may_say_it_in_one_way_or_the_other(
    demo: DemoEnvironment, order: str, headers: dict[str, str]
) -> None:
    browser = browser_of(demo, "u-clerk")
    form = browser.get(address_of(demo, order)).form("/record/retry")
    said = {name: browser.origin if value == "ours" else value for name, value in headers.items()}
    assert browser.post("/record/retry", form, said).status == 303
    demo.stack.drain()


def test_the_token_of_a_form_is_that_of_the_session(demo: DemoEnvironment, order: str) -> None:
    browser = browser_of(demo, "u-clerk")
    form = browser.get(address_of(demo, order)).form("/record/retry")
    other = browser_of(demo, "u-clerk").get(address_of(demo, order)).form("/record/retry")
    assert form["token"] != other["token"]
    for token in ("", "x", other["token"], browser.cookies[SESSION]):
        assert browser.post("/record/retry", form | {"token": token}).status == 403
    assert demo.stack.drain() == 0


def test_a_session_that_ended_in_the_middle_of_a_form(demo: DemoEnvironment, order: str) -> None:
    browser = browser_of(demo, "u-clerk")
    form = browser.get(address_of(demo, order)).form("/record/retry")
    demo.clock.move(31 * 60)
    page = browser.post("/record/retry", form)
    assert page.status == 401
    assert "nothing was done" in page.text
    assert demo.stack.drain() == 0


@pytest.mark.parametrize("body", ["x" * 70_000, "&".join(f"a{n}=1" for n in range(200))])
def test_a_body_that_no_form_of_ours_sends(demo: DemoEnvironment, body: str) -> None:
    event = {
        "rawPath": "/record/retry",
        "body": body,
        "headers": {"content-type": "application/x-www-form-urlencoded"},
        "requestContext": {"domainName": "x", "http": {"method": "POST"}},
    }
    assert demo.stack.invoke("ConsoleFunction", event)["statusCode"] == 400
    event["headers"] = {"content-type": "text/plain"}
    assert demo.stack.invoke("ConsoleFunction", event)["statusCode"] == 400


# ------------------------------------------------------------ deeds


def ask(browser: Browser, address: str, deed: str, **fields: str) -> Page:
    form = browser.get(address).form(f"/record/{deed}")
    return browser.post(f"/record/{deed}", form | fields)


def test_a_retry_is_done_by_the_worker_in_the_name_of_the_person(
    demo: DemoEnvironment, order: str
) -> None:
    browser = browser_of(demo, "u-clerk")
    address = address_of(demo, order)
    page = ask(browser, address, "retry")
    assert page.status == 303
    assert "In progress" in browser.get(page.to).text
    demo.stack.drain()
    assert "In progress" not in browser.get(page.to).text
    assert "Asked to be tried again Clerk" in browser.get(page.to).text
    ledger = demo.services.ledger_of(FIRM)
    (asked,) = (e for e in ledger.trail(record_of(demo, order).key) if e.step == "retry_asked")
    assert person_of(asked.actor) == Person(demo.identity_url, "u-clerk", "Clerk")


def test_an_exception_is_dismissed_with_a_reason_by_name(demo: DemoEnvironment, order: str) -> None:
    browser = browser_of(demo, "u-approver")
    address = address_of(demo, order)
    assert ask(browser, address, "dismiss", reason=" ").status == 400
    assert ask(browser, address, "dismiss", reason="x" * 501).status == 400
    page = ask(browser, address, "dismiss", reason="Entered by  hand")
    demo.stack.drain()
    record = record_of(demo, order)
    assert record.state == "set_aside"
    (note,) = record.facts.dismissed.values()
    assert (note.reason, name_of(note.by)) == ("Entered by hand", "Approver")
    shown = browser.get(page.to).text
    assert "dismissed by Approver" in shown
    assert "Set aside" in shown
    assert order not in browser.get("/").text


def test_twice_the_same_click_does_it_once(demo: DemoEnvironment, order: str) -> None:
    browser = browser_of(demo, "u-clerk")
    form = browser.get(address_of(demo, order)).form("/record/retry")
    for _ in range(2):
        assert browser.post("/record/retry", form).status == 303
    demo.stack.drain()
    steps = [e.step for e in demo.services.ledger_of(FIRM).trail(record_of(demo, order).key)]
    assert steps.count("retry_asked") == 1


def test_what_somebody_else_decided_meanwhile_is_shown_and_not_overwritten(
    demo: DemoEnvironment, order: str
) -> None:
    one, other = browser_of(demo, "u-clerk"), browser_of(demo, "u-approver")
    address = address_of(demo, order)
    seen = one.get(address).form("/record/dismiss")
    ask(other, address, "dismiss", reason="It is right")
    demo.stack.drain()
    page = one.post("/record/dismiss", seen | {"reason": "Mine"})
    assert page.status == 303
    shown = one.get(page.to).text
    assert "Nothing was asked for" in shown
    assert "dismissed by Approver" in shown
    assert demo.stack.drain() == 0


def test_two_who_decide_at_once(demo: DemoEnvironment, order: str) -> None:
    """Both saw the same; the second deed is refused in words, in the record's story."""
    one, other = browser_of(demo, "u-clerk"), browser_of(demo, "u-approver")
    address = address_of(demo, order)
    demo.clock.move(61)
    one_form = one.get(address).form("/record/dismiss")
    ask(other, address, "retry")
    one.post("/record/dismiss", one_form | {"reason": "Mine"})
    ask(other, address, "dismiss", reason="Also mine", version=one_form["version"])
    demo.stack.drain()
    assert len(record_of(demo, order).facts.dismissed) == 1


@pytest.mark.parametrize("deed", ["retry", "dismiss"])
def test_a_reader_cannot_ask_for_anything(demo: DemoEnvironment, order: str, deed: str) -> None:
    reader, clerk = browser_of(demo, "u-reader"), browser_of(demo, "u-clerk")
    form = clerk.get(address_of(demo, order)).form(f"/record/{deed}")
    own = reader.get("/").form("/sign-out")["token"]
    page = reader.post(f"/record/{deed}", form | {"token": own, "reason": "x"})
    assert (page.status, "needs the role Clerk" in page.text) == (403, True)
    assert demo.stack.drain() == 0


def test_a_clerk_of_another_division_cannot_ask_for_anything(demo: DemoEnvironment) -> None:
    clerk, of_nl = browser_of(demo, "u-clerk"), browser_of(demo, "u-clerk-nl")
    form = clerk.get(address_of(demo, "PO-DE")).form("/record/retry")
    own = of_nl.get("/").form("/sign-out")["token"]
    assert of_nl.post("/record/retry", form | {"token": own}).status == 404
    assert demo.stack.drain() == 0


# ------------------------------------------------------------ who has access


def test_who_has_access_and_why(demo: DemoEnvironment, terminal: Terminal) -> None:
    terminal.ok("console", "end-sessions")
    browser_of(demo, "u-clerk-nl")
    terminal.ok("console", "configure", "--grant", "approver:nl.2102=buyers")
    found = terminal.ok("console", "access", "--json").data
    assert {each["subject"] for each in found["admins"]} == {"u-admin"}
    granted = {(each["role"], each["value"]): each["divisions"] for each in found["grants"]}
    assert granted["approver", "buyers"] == ["nl.2102"]
    assert granted["clerk", "finance-clerks"] == []
    (session,) = found["sessions"]
    assert (session["name"], session["role"]) == ("Clerk of the Netherlands", "clerk")
    assert session["why"] == ["finance-clerks-nl"]
    text = terminal.ok("console", "access").out
    assert "value buyers" in text
    terminal.ok("console", "configure", "--no-grant", "buyers")
    assert "buyers" not in terminal.ok("console", "access").out
    steps = [each.step for each in demo.services.ledger_of(FIRM).trail("connection")]  # type: ignore[arg-type]
    assert steps.count("console_access_set") >= 2, "and it stands in the audit trail"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--grant", "boss=everybody"), "roles: reader, clerk, approver, admin"),
        (("--grant", "clerk"), "write it like reader=VALUE"),
        (("--grant", "clerk:nl.9999=x"), "nl.2101"),
        (("--no-grant", "never-given"), "there is no grant for 'never-given'"),
        (("--no-admin", "never-named"), "there is no administrator 'never-named'"),
        (("--admin", " "), "neither a subject nor a value"),
    ],
)
def test_wrong_use_is_told_in_words(terminal: Terminal, words: tuple[str, str], says: str) -> None:
    assert says in terminal.refused("console", "configure", *words)


@pytest.mark.parametrize(
    ("actor", "name"),
    [
        (Person("https://idp.example", "a b(c) d", "X (y) <z>").actor, "X (y) <z>"),
        (Person("https://idp.example", "s", "console https://x admin (Boss)").actor,
         "console https://x admin (Boss)"),
        ("connector arn:aws:sts::1:assumed-role/Finance/jan@example.com", "jan@example.com"),
        ("po_posting", "po_posting"),
    ],
)  # fmt: skip
def test_who_acted_is_read_back_and_no_name_is_taken_for_an_identity(actor: str, name: str) -> None:
    assert name_of(actor) == name
    person = person_of(actor)
    assert person is None or person.issuer == "https://idp.example"
