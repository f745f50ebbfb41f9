"""What a message says, and where it leads: grouped by cause, most money first, set-up below."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from local.firm import DE, NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.domain.exception_codes import problem
from ml_connector.infrastructure.notification_outbox import Notification, OutboxItem
from ml_connector.languages.locales import LOCALES
from ml_connector.notifications.message import WrittenMessage
from ml_connector.notifications.text import compose
from ml_connector.settings.connection import Connection
from tests.notifications.test_send import Mailbox

CONSOLE = "https://orders.firm.example"
AT = "2026-11-30T08:05:00+00:00"


@pytest.fixture
def box(env: InMemoryEnvironment) -> Mailbox:
    box = Mailbox()
    env.memory.topics.append(box)
    return box


def opened(name: str, code: str = "GL_ACCOUNT_BLOCKED", **more: Any) -> Notification:
    values = {"cause": f"{code} happened.", "remedy": "Do it.", "key": f"order#{name}"} | more
    return Notification("exception", code, name, group=f"g-{code}", **values)


def made(env: InMemoryEnvironment, *found: Notification, console: str = CONSOLE) -> WrittenMessage:
    env.connect()
    return compose(connection_of(env), [OutboxItem("key", AT, found)], console)


def connection_of(env: InMemoryEnvironment) -> Connection:
    found = env.services.connections.get(FIRM)
    assert found
    return found


class Read(HTMLParser):
    """Text and addresses of a page, as a mail program shows it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [str(value) for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_stopped_order_is_named_with_what_is_wrong_and_a_link_to_its_card(
    env: InMemoryEnvironment, box: Mailbox
) -> None:
    env.memory.console_url = CONSOLE
    env.services = env.memory.services()
    env.connect()
    order = env.order("PO-7", lines=[env.airbase.line("4600", "10.00")], vendor="Cloudwerk")
    env.post(order)
    env.wait(minutes=1)
    (text,), (html,) = box.texts, box.pages
    for each in (text, html):
        for said in ("PO-7", "Cloudwerk", "EUR 10.00", "nl.2101", "4600", "1 x GL_ACCOUNT_BLOCKED"):
            assert said in each, said
    (group,) = env.services_of().ledger.groups.all()
    links = Read(html).links
    assert f"{CONSOLE}/record?of={FIRM}&key=order%23{order['id']}" in links
    assert f"{CONSOLE}/group?of={FIRM}&group={group.id}" in links
    assert all(link in text for link in links)


def test_without_a_console_it_leads_to_the_command(env: InMemoryEnvironment, box: Mailbox) -> None:
    env.services = env.memory.services()
    env.connect()
    order = env.order("PO-7", lines=[env.airbase.line("4600", "10.00")], vendor="Cloudwerk")
    env.post(order)
    env.wait(minutes=1)
    typed = f"connector exception show {FIRM} {order['id']}"
    assert typed in box.texts[0]
    assert f"<code>{typed}</code>" in box.pages[0]
    assert Read(box.pages[0]).links == []


def test_most_money_comes_first_and_set_up_below(env: InMemoryEnvironment) -> None:
    message = made(
        env,
        opened("nl.2101", "REFERENCE_DATA_STALE", key="division#nl.2101"),
        opened("nl.2102", "REFERENCE_DATA_STALE", key="division#nl.2102"),
        opened("PO-1", "TOTAL_MISMATCH", total="EUR 50.00"),
        opened("PO-2", "UNKNOWN_VENDOR", total="EUR 900.00"),
        opened("PO-3", total="EUR 400.00"),
        opened("PO-4", total="EUR 600.10"),
        opened("PO-5", total="USD 7.00"),
        opened("PO-5", total="USD 7.00"),
        opened("PO-6", "UNKNOWN_VAT_CODE"),
    )
    for said in (message.text, " ".join(Read(message.html).words)):
        codes = re.findall(r"\d x ([A-Z_]+)", said)
        assert codes == [
            "GL_ACCOUNT_BLOCKED",
            "UNKNOWN_VENDOR",
            "TOTAL_MISMATCH",
            "UNKNOWN_VAT_CODE",
            "REFERENCE_DATA_STALE",
        ]
        assert "4 x GL_ACCOUNT_BLOCKED: EUR 1,000.10, USD 7.00 held up" in said


def test_two_causes_of_one_code_are_two_groups(env: InMemoryEnvironment) -> None:
    one, other = opened("PO-1", cause="Account 4600 is blocked."), opened("PO-2", cause="4700 is.")
    message = made(env, one, other._replace(group="other"))
    assert message.text.count("1 x GL_ACCOUNT_BLOCKED") == 2
    assert "Account 4600 is blocked." in message.text


HOSTILE = (
    "%(number)s %s {connection} {0}",
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "\u202eevil\u2066\x00\r\nBcc: all@firm.example",
    "&amp;<!channel>",
    "javascript:alert(1)",
    "x" * 10_000,
)


@pytest.mark.parametrize("language", LOCALES)
@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_remote_sent_is_shown_as_text(
    env: InMemoryEnvironment, text: str, language: str
) -> None:
    found = opened(text, vendor=text, total=text, cause=text, remedy=text, key=f"order#{text}")
    said = problem("GL_ACCOUNT_BLOCKED", text, account=text, division=text)
    blocked = opened(text, cause=said.cause, remedy=said.remedy)
    assigned = Notification("assigned", "X", text, text, assignee=text, key=f"order#{text}")
    halt = Notification("halt", text, division=text, remedy=text)
    env.connect(notify={"language": language})
    items = [OutboxItem("key", AT, (found, assigned, halt, blocked))]
    message = compose(connection_of(env), items, CONSOLE)
    read = Read(message.html)
    assert not {"img", "script"} & {*read.tags}
    assert all(link.startswith(f"{CONSOLE}/") for link in read.links)
    shown = "".join(read.words)
    assert not [
        c
        for c in message.subject + shown + message.text
        if not (c.isprintable() or c in "\n\u202f")
    ]
    assert len(message.html) < 45_000
    assert "\n" not in message.subject


def test_no_detail_is_sent_where_none_is_wanted(env: InMemoryEnvironment) -> None:
    env.connect(notify={"details": False})
    found = opened("PO-77", vendor="Cloudwerk", total="EUR 10.00", cause="PO-77 is odd.")
    message = compose(connection_of(env), [OutboxItem("key", AT, (found,))], CONSOLE)
    for private in ("PO-77", "Cloudwerk", "10.00"):
        assert private not in message.text + message.html + message.subject
    assert f"{CONSOLE}/group?of={FIRM}&group={found.group}" in message.text


def test_moments_are_on_the_clocks_of_the_connection(env: InMemoryEnvironment) -> None:
    env.connect(notify={"time_zone": "Europe/Amsterdam"})
    message = compose(connection_of(env), [OutboxItem("key", AT, (opened("PO-1"),))])
    assert "new since 30 Nov 2026, 09:05 Europe/Amsterdam" in message.text


def test_divisions_are_named_apart(env: InMemoryEnvironment) -> None:
    found = [opened(f"PO-{each.key}", division=each.key) for each in (NL, DE)]
    text = made(env, *found).text
    assert all(f"division {each.key}" in text for each in (NL, DE))


def test_an_item_of_an_earlier_version_is_sent_without_links(env: InMemoryEnvironment) -> None:
    old = Notification("exception", "GL_ACCOUNT_BLOCKED", "PO-1", "Cloudwerk", "EUR 1.00")
    message = made(env, old)
    assert "PO-1, Cloudwerk, EUR 1.00" in message.text
    assert Read(message.html).links == [f"{CONSOLE}/"]
