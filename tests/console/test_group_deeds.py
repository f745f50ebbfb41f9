"""What people decide about a group of exceptions, from the inbox to orders on their way."""

import re
from dataclasses import replace
from datetime import timedelta
from itertools import count
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from local.demo.environment import FIRM, DemoEnvironment
from local.firm import DE, NL
from ml_connector import clock
from ml_connector.domain.ids import RecordKey
from ml_connector.domain.people import name_of
from ml_connector.domain.records import WAITING_DEEDS, OrderState
from tests.console.browser import Browser, Page, browser_of
from tests.console.orders import address_of, approve, record_of
from tests.exceptions.test_duplicates import enter_by_hand

NUMBERS = count(7001)


def group_page(browser: Browser, text: str) -> str:
    """Return the address of the group on the inbox whose card says this."""
    for address in dict.fromkeys(browser.get("/").links("/group")):
        if text in browser.get(address).text:
            return address
    raise AssertionError(f"no card says {text!r}")


def send(browser: Browser, page: Page, **fields: str) -> Page:
    """Press a button of the group's page; return the page of what was asked for."""
    answer = browser.post("/group/decide", page.form("/group/decide") | {"scope": "these"} | fields)
    assert answer.status == 303, answer.text
    return browser.get(answer.to)


def let_act(demo: DemoEnvironment, browser: Browser, page: Page) -> Page:
    """Wait for ten seconds, and let the page's own follow-up send it on."""
    demo.stack.drain()
    address = str(page.answer.request.url).removeprefix(browser.origin)
    page = browser.get(address)
    demo.clock.move(11)
    assert browser.post("/deed/go", page.form("/deed/go")).status == 303
    demo.stack.drain()
    return browser.get(address)


def unmapped(demo: DemoEnvironment, account: str, number: int = 1) -> list[str]:
    """Approve orders on an account that the division does not have; return their numbers."""
    numbers = [f"PO-{next(NUMBERS)}" for _ in range(number)]
    for each in numbers:
        approve(demo, each, account, "100.00")
    return numbers


def test_an_unmapped_account_behind_37_orders_is_one_decision(demo: DemoEnvironment) -> None:
    numbers = unmapped(demo, "8801", 37)
    browser = browser_of(demo, "u-clerk")
    page = browser.get(group_page(browser, "8801"))
    assert "37 cases EUR 3,700.00" in page.text
    deed = send(browser, page, deed="decide", exact="4100")
    assert "In progress" in deed.text
    done = let_act(demo, browser, deed)
    assert "37 orders go on." in done.text
    assert len(done.links("/record")) == 37
    demo.clock.move(61)
    demo.sweep()
    demo.stack.drain()
    for _ in range(5):
        demo.clock.move(61)
        demo.sweep()
        demo.stack.drain()
    for number in numbers:
        assert record_of(demo, number).state == OrderState.POSTED, number


def test_a_decision_is_for_the_order_as_it_is_now_and_a_later_revision_asks_again(
    demo: DemoEnvironment,
) -> None:
    (number,) = unmapped(demo, "8802")
    browser = browser_of(demo, "u-clerk")
    page = browser.get(group_page(browser, "8802"))
    let_act(demo, browser, send(browser, page, deed="decide", exact="4100"))
    posted = record_of(demo, number)
    assert posted.state == OrderState.POSTED
    (decision,) = posted.facts.decisions
    assert (decision.kind, decision.exact, name_of(decision.by)) == (
        "gl_accounts", "4100", browser_name(demo, "u-clerk"),
    )  # fmt: skip
    order = next(each for each in demo.airbase.orders.values() if each["number"] == number)
    demo.airbase.amend(order, description="another revision")
    demo.clock.move(200)
    demo.stack.drain()
    assert "UNKNOWN_GL_ACCOUNT" in {each.code for each in record_of(demo, number).problems}
    other = unmapped(demo, "8802")[0]
    assert record_of(demo, other).state == OrderState.REVIEW, "it was no rule"


def browser_name(demo: DemoEnvironment, who: str) -> str:
    page = browser_of(demo, who).get("/")
    return page.html.partition('class="who"><bdi>')[2].partition("<")[0]


def read(page: Page) -> str:
    return str(page.answer.request.url)


# ------------------------------------------------------------ from the inbox to an order on its way


def test_three_clicks_for_an_unknown_vendor_an_unmapped_account_and_a_missing_cost_centre(
    demo: DemoEnvironment,
) -> None:
    """Open the card, choose (where no proposal is certain), decide."""
    vendor = demo.airbase.add_vendor("Fresh Paint B.V.", city="Utrecht")
    demo.firm.vendors["Fresh"] = vendor
    (account,) = unmapped(demo, "8810")
    centre, unknown = f"PO-{next(NUMBERS)}", f"PO-{next(NUMBERS)}"
    approve(demo, centre, "4500", "60.00")
    approve(demo, unknown, "4100", "70.00", vendor="Fresh")
    browser = browser_of(demo, "u-clerk")
    asked = {
        account: ("UNKNOWN_GL_ACCOUNT", "8810", "4100"),
        centre: ("COST_CENTRE_MISSING", "requires a cost centre", "MKT"),
        unknown: ("UNKNOWN_VENDOR", "Fresh Paint", ""),
    }
    for number, (code, text, exact) in asked.items():
        assert code in {each.code for each in record_of(demo, number).problems}
        page = browser.get(group_page(browser, text))  # the first click
        if not exact:  # the search is a form without a script
            page = browser.get(f"{address_in(page)}&q=Cloudwerk")
            assert "Cloudwerk" in page.text
        choice = exact or values_of(page, "exact")[0]
        assert choice in values_of(page, "exact")  # the second
        done = let_act(demo, browser, send(browser, page, deed="decide", exact=choice))  # the third
        assert "1 order goes on." in done.text
        assert record_of(demo, number).state == OrderState.POSTED, number


def values_of(page: Page, name: str) -> list[str]:
    """Return what may be chosen under this name."""
    return re.findall(rf'name="{name}" value="([^"]*)"', page.html)


def address_in(page: Page) -> str:
    return str(page.answer.request.url).partition("&q=")[0]


def test_a_rule_maps_the_value_for_all_such_orders(demo: DemoEnvironment) -> None:
    unmapped(demo, "8820", 2)
    clerk, approver = browser_of(demo, "u-clerk"), browser_of(demo, "u-approver")
    address = group_page(clerk, "8820")
    assert "(a rule)" not in clerk.get(address).text
    page = clerk.get(address)
    form = page.form("/group/decide") | {"deed": "decide", "exact": "4100", "scope": "all"}
    assert clerk.post("/group/decide", form).status == 403, "it needs an approver"
    page = approver.get(address)
    assert "(a rule)" in page.text
    deed = send(approver, page, deed="decide", exact="4100", scope="all")
    assert "2 orders go on." in let_act(demo, approver, deed).text
    (later,) = unmapped(demo, "8820")
    assert record_of(demo, later).state == OrderState.POSTED
    assert record_of(demo, later).facts.decisions == ()


def test_a_vendor_is_linked_for_all_its_orders(demo: DemoEnvironment) -> None:
    demo.firm.vendors["Linked"] = demo.airbase.add_vendor("Bright Windows B.V.", city="Utrecht")
    numbers = [f"PO-{next(NUMBERS)}" for _ in range(2)]
    for each in numbers:
        approve(demo, each, "4100", "70.00", vendor="Linked")
    browser = browser_of(demo, "u-approver")
    page = browser.get(f"{group_page(browser, 'Bright Windows')}&q=Cloudwerk")
    supplier = values_of(page, "exact")[0]
    deed = send(browser, page, deed="decide", exact=supplier, scope="all")
    assert "2 orders go on." in let_act(demo, browser, deed).text
    assert [record_of(demo, each).state for each in numbers] == [OrderState.POSTED] * 2
    later = f"PO-{next(NUMBERS)}"
    approve(demo, later, "4100", "71.00", vendor="Linked")
    assert record_of(demo, later).state == OrderState.POSTED


def test_a_rule_that_cannot_hold_is_refused_in_words(demo: DemoEnvironment) -> None:
    (number,) = unmapped(demo, "8821")
    browser = browser_of(demo, "u-admin")
    page = browser.get(group_page(browser, "8821"))
    done = let_act(demo, browser, send(browser, page, deed="decide", exact="0000", scope="all"))
    assert "0 orders go on. Not these" in done.text
    assert "is not in division" in done.text
    assert record_of(demo, number).state == OrderState.REVIEW


# ------------------------------------------------------------ trying, undoing, pressing twice


def test_a_trial_says_which_go_on_and_why_not_the_others(demo: DemoEnvironment) -> None:
    numbers = unmapped(demo, "8830", 2)
    blocked = f"PO-{next(NUMBERS)}"
    vendor = demo.firm.vendors["Cloudwerk"]
    lines = [demo.airbase.line("8830", "10.00"), demo.airbase.line("4600", "10.00")]
    order = demo.airbase.add_order(blocked, NL.subsidiary, vendor, lines)
    demo.airbase.approve(order)
    demo.stack.drain()
    before = [record_of(demo, each).version for each in (*numbers, blocked)]
    browser = browser_of(demo, "u-clerk")
    page = browser.get(group_page(browser, "8830"))
    deed = send(browser, page, deed="try", exact="4100")
    demo.stack.drain()
    shown = browser.get(read(deed)).text
    assert "3 chosen: 2 would go on, 1 would stay blocked. Nothing was changed." in shown
    assert "is blocked in division" in shown
    assert [record_of(demo, each).version for each in (*numbers, blocked)] == before
    one = record_of(demo, numbers[0]).key
    deed = send(browser, browser.get(address_in(page)), deed="try", exact="4100", chosen=one)
    demo.stack.drain()
    shown = browser.get(read(deed)).text
    assert "1 chosen: 1 would go on" in shown
    assert "PurchaseOrderLines" in shown, "what would be sent, by the posting's own code"


def test_until_it_acts_it_can_be_taken_back(demo: DemoEnvironment) -> None:
    (number,) = unmapped(demo, "8831")
    browser = browser_of(demo, "u-clerk")
    page = browser.get(group_page(browser, "8831"))
    deed = send(browser, page, deed="dismiss", reason="not ours")
    demo.stack.drain()
    parked = browser.get(read(deed))
    assert "It acts for 1 case from" in parked.text
    assert browser.post("/deed/go", parked.form("/deed/go")).status == 303
    demo.stack.drain()
    assert record_of(demo, number).problems, "ten seconds are not over"
    assert browser.post("/deed/undo", parked.form("/deed/undo")).status == 303
    demo.stack.drain()
    assert "Taken back: nothing was done." in browser.get(read(deed)).text
    demo.wait(timedelta(seconds=90))
    assert record_of(demo, number).state == OrderState.REVIEW


def test_without_a_script_the_sweep_lets_it_act_and_what_is_done_cannot_be_taken_back(
    demo: DemoEnvironment,
) -> None:
    (number,) = unmapped(demo, "8832")
    browser = browser_of(demo, "u-clerk")
    page = browser.get(group_page(browser, "8832"))
    deed = send(browser, page, deed="dismiss", reason="not ours")
    demo.stack.drain()
    parked = browser.get(read(deed))
    demo.wait(timedelta(seconds=60))
    assert "Done for 1 case." in browser.get(read(deed)).text
    record = record_of(demo, number)
    assert record.state == OrderState.SET_ASIDE
    assert [note.reason for note in record.facts.dismissed.values()] == ["not ours"]
    browser.post("/deed/undo", parked.form("/deed/undo"))
    demo.stack.drain()
    assert "Done for 1 case." in browser.get(read(deed)).text


def test_a_button_that_is_pressed_again_and_again_does_it_once(demo: DemoEnvironment) -> None:
    (number,) = unmapped(demo, "8833")
    browser = browser_of(demo, "u-clerk")
    page = browser.get(group_page(browser, "8833"))
    for _ in range(3):
        deed = send(browser, page, deed="comment", comment="asked the vendor")
        demo.clock.move(301)  # SQS drops repeated messages for five minutes only
        demo.stack.drain()
        demo.sweep()
    assert "Done for 1 case." in browser.get(read(deed)).text
    ledger = demo.services.ledger_of(FIRM)
    steps = [each.step for each in ledger.trail(record_of(demo, number).key)]
    assert steps.count("commented") == 1
    shown = browser.get(browser.get(read(deed)).links("/record")[0]).text
    assert "Comment: asked the vendor" in shown


# ------------------------------------------------------------ several people


def test_what_somebody_has_decided_meanwhile_is_not_decided_again(demo: DemoEnvironment) -> None:
    first, second = unmapped(demo, "8840", 2)
    clerk, approver = browser_of(demo, "u-clerk"), browser_of(demo, "u-approver")
    address = group_page(clerk, "8840")
    pages = clerk.get(address), approver.get(address)
    one = record_of(demo, first).key
    let_act(demo, clerk, send(clerk, pages[0], deed="dismiss", reason="not ours", chosen=one))
    done = let_act(demo, approver, send(approver, pages[1], deed="decide", exact="4100"))
    assert "1 order goes on." in done.text, "the group is as it is when it is asked for"
    assert record_of(demo, first).state == OrderState.SET_ASIDE
    assert record_of(demo, second).state == OrderState.POSTED


def test_of_two_at_once_the_second_is_told_who_was_first(demo: DemoEnvironment) -> None:
    (number,) = unmapped(demo, "8841")
    clerk, approver = browser_of(demo, "u-clerk"), browser_of(demo, "u-approver")
    address = group_page(clerk, "8841")
    pages = clerk.get(address), approver.get(address)
    deeds = (
        send(clerk, pages[0], deed="decide", exact="4100"),
        send(approver, pages[1], deed="decide", exact="4300"),
    )
    demo.stack.drain()
    demo.wait(timedelta(seconds=60))
    texts = [clerk.get(read(deeds[0])).text, approver.get(read(deeds[1])).text]
    (late,) = [text for text in texts if "Not these" in text]
    name = browser_name(demo, "u-clerk" if late == texts[1] else "u-approver")
    assert f"decided meanwhile by {name}" in late or f"{name} has decided" in late
    assert len(record_of(demo, number).facts.decisions) == 1
    late_page = approver.post(
        "/group/decide",
        pages[1].form("/group/decide") | {"deed": "decide", "exact": "4100", "once": "another"},
    )
    assert late_page.status == 409
    assert "has decided this meanwhile. Nothing of yours was done." in late_page.text


@pytest.mark.parametrize("who", ["u-reader", "u-clerk-nl"])
def test_who_may_not_decide_there_cannot(demo: DemoEnvironment, who: str) -> None:
    number = f"PO-{next(NUMBERS)}"
    account = f"88{number[-2:]}9"
    approve(demo, number, account, "10.00", branch=DE)
    address = group_page(browser_of(demo, "u-admin"), account)
    browser = browser_of(demo, who)
    page = browser.get(address)
    if who == "u-clerk-nl":
        assert page.status == 404, "it is of another division"
    else:
        assert not page.has_form("/group/decide") or "deed" not in page.form("/group/decide")
    own = browser.get("/").form("/sign-out")
    form = own | query_in(address) | {"deed": "decide", "exact": "4100", "once": "1"}
    answer = browser.post("/group/decide", form)
    assert answer.status == (404 if who == "u-clerk-nl" else 403)
    before = record_of(demo, number).version
    demo.stack.drain()
    assert record_of(demo, number).version == before


def test_what_another_division_asked_for_does_not_exist(demo: DemoEnvironment) -> None:
    number = f"PO-{next(NUMBERS)}"
    approve(demo, number, "8850", "10.00", branch=DE)
    browser = browser_of(demo, "u-admin")
    page = browser.get(group_page(browser, "8850"))
    deed = send(browser, page, deed="comment", comment="hello")
    demo.stack.drain()
    address = read(deed).removeprefix(browser.origin)
    assert browser.get(address).status == 200
    other = browser_of(demo, "u-clerk-nl")
    assert other.get(address).status == 404
    form = other.get("/").form("/sign-out") | query_in(address)
    assert other.post("/deed/undo", form).status == 404


def query_in(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


# ------------------------------------------------------------ a form that is odd, or too late


def test_a_session_that_ends_in_the_middle_of_a_form_does_nothing(demo: DemoEnvironment) -> None:
    (number,) = unmapped(demo, "8860")
    browser = browser_of(demo, "u-clerk")
    page = browser.get(group_page(browser, "8860"))
    form = page.form("/group/decide") | {"deed": "decide", "exact": "4100"}
    demo.clock.move(31 * 60)
    answer = browser.post("/group/decide", form)
    assert answer.status == 401
    assert "nothing was done" in answer.text
    demo.stack.drain()
    assert record_of(demo, number).facts.decisions == ()


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"deed": "decide"}, 400),
        ({"deed": "dismiss"}, 400),
        ({"deed": "dismiss", "reason": "x" * 501}, 400),
        ({"deed": "snooze"}, 400),
        ({"deed": "burn"}, 400),
        ({}, 400),
        ({"deed": "decide", "exact": "4100", "token": "another"}, 403),
        ({"deed": "decide", "exact": "4100", "group": "0000000000000000"}, 404),
        ({"deed": "decide", "exact": "4100", "of": "another"}, 404),
    ],
)
def test_a_form_that_asks_for_nothing_sensible_is_refused(
    demo: DemoEnvironment, fields: dict[str, str], status: int
) -> None:
    browser = browser_of(demo, "u-clerk")
    page = browser.get(browser.get("/").links("/group")[0])
    form = {k: v for k, v in page.form("/group/decide").items() if k != "first" or status != 404}
    answer = browser.post("/group/decide", form | fields)
    assert answer.status == status
    assert demo.stack.drain() == 0


def test_hostile_words_are_searched_for_said_and_shown_as_text(demo: DemoEnvironment) -> None:
    hostile = "<img src=x onerror=alert(1)>\u202e%_'\";--"
    unmapped(demo, "8870")
    browser = browser_of(demo, "u-clerk")
    address = group_page(browser, "8870")
    found = browser.get(f"{address}&{urlencode({'q': hostile})}")
    assert (found.status, "<img" in found.html) == (200, False)
    for deed, name in (("comment", "comment"), ("assign", "assignee"), ("dismiss", "reason")):
        page = browser.get(address)
        done = let_act(demo, browser, send(browser, page, deed=deed, **{name: hostile}))
        assert "Done for 1 case." in done.text
        assert "<img" not in browser.get(done.links("/record")[0]).html
        if deed == "assign":
            assert "<img" not in browser.get(address).html
    page = browser.get("/")
    assert "<img" not in page.html
    weird = send(browser, browser.get(page.links("/group")[0]), deed="comment",
                 comment="x", chosen="order#no\x00such")  # fmt: skip
    assert "Not these" in let_act(demo, browser, weird).text


def test_what_joins_what_is_snoozed_brings_it_back_with_a_note(demo: DemoEnvironment) -> None:
    (number,) = unmapped(demo, "8881")
    browser = browser_of(demo, "u-clerk")
    page = browser.get(group_page(browser, "8881"))
    let_act(demo, browser, send(browser, page, deed="snooze", days="3"))
    assert number not in browser.get("/").text
    demo.clock.move(60)
    (later,) = unmapped(demo, "8881")
    shown = browser.get("/").text
    assert later in shown
    assert "1 new since then." in shown
    again = browser.get(address_in(page))
    let_act(demo, browser, send(browser, again, deed="snooze", days="3"))
    assert later not in browser.get("/").text


def test_a_deed_that_goes_on_says_how_far_it_is_and_when(demo: DemoEnvironment) -> None:
    unmapped(demo, "8882", 2)
    browser = browser_of(demo, "u-clerk")
    page = browser.get(group_page(browser, "8882"))
    deed = send(browser, page, deed="comment", comment="hello")
    demo.stack.drain()
    ledger = demo.services.ledger_of(FIRM)
    key = RecordKey(f"deed#{query_in(read(deed))['deed']}")
    record = ledger.read(key)
    until = clock.now() + timedelta(seconds=60)
    ledger.save_unaudited(replace(record, receives=2, due_at=until, parked=WAITING_DEEDS))
    shown = browser.get(read(deed)).text
    assert f"In progress: 0 of 2 cases are done. It goes on at {until:%H:%M:%S} UTC" in shown
    assert "It was interrupted, and why was logged" in shown
    assert "Take it back" not in shown
    demo.clock.move(61)
    demo.sweep()
    demo.stack.drain()
    assert "Done for 2 cases." in browser.get(read(deed)).text


def test_what_is_snoozed_comes_back_by_itself(demo: DemoEnvironment) -> None:
    (number,) = unmapped(demo, "8880")
    browser = browser_of(demo, "u-clerk")
    page = browser.get(group_page(browser, "8880"))
    let_act(demo, browser, send(browser, page, deed="snooze", days="3"))
    assert number not in browser.get("/").text
    snoozed = browser.get("/?snoozed=1").text
    assert number in snoozed
    assert f"{browser_name(demo, 'u-clerk')} has snoozed it until" in snoozed
    form = {"deed": "snooze", "days": "15"}
    refused = let_act(demo, browser, send(browser, browser.get(address_in(page)), **form))
    assert "snooze for 1 to 14 days" in refused.text
    demo.clock.move(3 * 86_400)
    browser = browser_of(demo, "u-clerk")
    assert number in browser.get("/").text


# ------------------------------------------------------------ possible duplicates, and who cares


def twin(demo: DemoEnvironment) -> tuple[str, str]:
    """Return an order that waits because Exact may have it, and the number of that one."""
    number = f"PO-{next(NUMBERS)}"
    amount = f"{number[-4:]}.00"
    made = enter_by_hand(demo, amount, YourRef=number)  # type: ignore[arg-type]
    approve(demo, number, "4100", amount)
    assert {each.code for each in record_of(demo, number).problems} == {"POSSIBLE_DUPLICATE"}
    return number, str(made["OrderNumber"])


def test_another_purchase_is_posted_and_the_same_is_taken_over(demo: DemoEnvironment) -> None:
    browser = browser_of(demo, "u-clerk")
    for deed in ("not_duplicate", "adopt"):
        number, in_exact = twin(demo)
        page = browser.get(group_page(browser, number))
        assert values_of(page, "exact") == [in_exact], "the order in Exact is shown"
        done = let_act(demo, browser, send(browser, page, deed=deed, exact=in_exact))
        assert number in done.text
        assert "Not these" not in done.text
        record = record_of(demo, number)
        assert record.state == OrderState.POSTED
        assert record.facts.exact
        assert (str(record.facts.exact.number) == in_exact) == (deed == "adopt")


def test_a_page_that_is_too_late_names_who_has_decided(demo: DemoEnvironment) -> None:
    (number,) = unmapped(demo, "8890")
    clerk, approver = browser_of(demo, "u-clerk"), browser_of(demo, "u-approver")
    page = approver.get(address_of(demo, number))
    group = clerk.get(group_page(clerk, "8890"))
    let_act(demo, clerk, send(clerk, group, deed="comment", comment="mine"))
    answer = approver.post("/record/retry", page.form("/record/retry"))
    text = approver.get(answer.to).text
    assert "this has changed since you opened it" in text
    assert f"The last who decided was {browser_name(demo, 'u-clerk')}." in text
